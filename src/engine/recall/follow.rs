//! Following the store: what other nodes keep, invalidate and remove, and what was there before this node started.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use super::{Recall, index::Slot};
use crate::{
    engine::understand::{question::Question, signature::Signature},
    store::{Change, Entry},
    tasks::Tasks,
};

/// Entries read at once while the index is built.
const PAGE: usize = 256;
/// Entries placed in one go before others get their turn on this thread.
const AT_ONCE: u32 = 8;
/// The pause after a page that could not be read.
const PAUSE: Duration = Duration::from_secs(5);

/// Starts to follow changes, and to read what is there.
pub(super) fn start(recall: &Arc<Recall>, tasks: &Tasks) {
    let changes = recall.store.changes();
    let behind = recall.behind.clone();
    behind.notify_one();
    tasks.spawn_until_stopped(recall.clone().follow(changes, behind.clone()));
    tasks.spawn_until_stopped(recall.clone().catch_up(behind));
}

impl Recall {
    async fn follow(self: Arc<Self>, mut changes: broadcast::Receiver<Change>, behind: Arc<Notify>) {
        let mut turns = Turns::default();
        loop {
            match changes.recv().await {
                Ok(Change::Stored(entry)) => {
                    self.near.renew(&entry, self.clock.now());
                    if !self.is_placed(&entry) {
                        self.place(&entry);
                        turns.next().await;
                    }
                }
                Ok(Change::Invalidated(tags)) => self.near.drop_tagged(&tags),
                Ok(Change::Removed(key)) => {
                    self.near.drop_entry(&key);
                    self.index.remove(&key);
                }
                Ok(Change::Written(_)) => {}
                Ok(Change::Lost) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.near.clear();
                    behind.notify_one();
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// Reads all entries into the index, whenever changes may have been missed.
    async fn catch_up(self: Arc<Self>, behind: Arc<Notify>) {
        let mut turns = Turns::default();
        loop {
            behind.notified().await;
            let mut cursor = None;
            loop {
                match self.store.page(cursor, PAGE).await {
                    Ok((entries, next)) => {
                        for entry in entries {
                            self.place(&entry);
                            turns.next().await;
                        }
                        cursor = next;
                        if cursor.is_none() {
                            break;
                        }
                    }
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }
    }

    /// Puts an answer of this node into the index before the store has it, because its question is understood already;
    /// unless files were reloaded since, for words may decide otherwise now.
    pub(super) fn place_own(&self, question: &Question, entry: &Entry) {
        let is_current =
            self.understanding().intent(&entry.intent).is_some_and(|now| Arc::ptr_eq(now, &question.intent));
        if let Some((partition, vector)) = entry.frame.as_ref().filter(|_| is_current) {
            self.index.add(*partition, slot(entry, question.signature.clone()), vector);
        }
    }

    /// Whether the index has just this version of an entry.
    fn is_placed(&self, entry: &Entry) -> bool {
        entry.frame.as_ref().is_none_or(|(partition, _)| {
            self.index.times(partition, &entry.key) == Some((entry.fresh_until, entry.keep_until))
        })
    }

    /// Puts an entry into the index, if it may be found by meaning and is not there yet.
    fn place(&self, entry: &Entry) {
        let Some((partition, vector)) = &entry.frame else { return };
        let signature = self.understanding().signature(&entry.question, &entry.intent, &entry.entities);
        let slot = slot(entry, signature);
        if !self.index.holds(partition, &slot) {
            self.index.add(*partition, slot, vector);
        }
    }
}

fn slot(entry: &Entry, signature: Signature) -> Slot {
    Slot { key: entry.key, signature, fresh_until: entry.fresh_until, keep_until: entry.keep_until }
}

/// Lets others run on this thread now and then: half a million entries take a while.
#[derive(Default)]
struct Turns(u32);

impl Turns {
    async fn next(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}
