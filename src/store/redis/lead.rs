//! Leading over the fleet, and waiting for who leads: told by a push, looked after only when a lease should have ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{Node, keys::Shard, message::Message, pool::Wait};
use crate::{
    digest::Digest,
    store::{Fence, Lead, StoreError, Waited},
};

/// The bells of those who wait on this node.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<Digest, Arc<Notify>>>);

/// A place among those who wait for a leader; given up when dropped.
struct Place<'a> {
    waiting: &'a Waiting,
    key: Digest,
    bell: Arc<Notify>,
}

impl Waiting {
    /// Wakes who waits for this leader.
    pub(super) fn wake(&self, key: &Digest) {
        if let Some(bell) = self.bells().get(key) {
            bell.notify_waiters();
        }
    }

    /// Wakes everybody: nobody will be told any more.
    pub(super) fn wake_all(&self) {
        self.bells().values().for_each(|bell| bell.notify_waiters());
    }

    fn place(&self, key: &Digest) -> Place<'_> {
        let bell = self.bells().entry(*key).or_default().clone();
        Place { waiting: self, key: *key, bell }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut bells = self.waiting.bells();
        // The map's handle and ours: nobody else waits.
        if Arc::strong_count(&self.bell) == 2 {
            bells.remove(&self.key);
        }
    }
}

impl Node {
    pub(super) async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError> {
        let token = self.dice.bits();
        let call = self.scripts.lead.call().key(self.keys.lead(key)).number(token).number(lease.as_millis().max(1));
        let granted: bool = self.call(Shard::of(key), &call, Wait::OnPath).await?;
        Ok(if granted { Lead::Granted(Fence { key: *key, token }) } else { Lead::Taken })
    }

    pub(super) async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError> {
        let call = self.scripts.renew.call().key(self.keys.lead(&fence.key)).number(fence.token);
        self.call(Shard::of(&fence.key), &call.number(lease.as_millis().max(1)), Wait::Behind).await
    }

    pub(super) async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        let call = self.scripts.release.call().key(self.keys.lead(&fence.key)).number(fence.token);
        let call = call.arg(self.keys.channel()).arg(Message::Released(fence.key).encode());
        self.call(Shard::of(&fence.key), &call, Wait::Behind).await
    }

    pub(super) async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError> {
        let give_up = Instant::now() + most;
        let place = self.waiting.place(key);
        let mut has_seen_it = false;
        loop {
            // Before asking, so that no release falls between the answer and the wait.
            let released = place.bell.notified();
            let mut command = redis::cmd("PTTL");
            command.arg(self.keys.lead(key));
            let left: i64 = self.ask(Shard::of(key), &command, Wait::OnPath).await?;
            if left <= 0 {
                return Ok(if has_seen_it { Waited::Expired } else { Waited::Released });
            }
            has_seen_it = true;
            let lease_ends = Instant::now() + Duration::from_millis(left.unsigned_abs() + 1);
            if timeout_at(lease_ends.min(give_up), released).await.is_ok() {
                return Ok(Waited::Released);
            }
            if Instant::now() >= give_up {
                return Ok(Waited::StillLed);
            }
        }
    }
}
