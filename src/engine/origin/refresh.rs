//! Scheduled refresh: what people ask for is fetched anew before it expires, so that nobody waits for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};

use super::{Key, Origin, Origins};
use crate::{clock::Timestamp, digest::Digest};

/// Keys that are kept in mind for one origin.
const MOST: usize = 4_096;
/// Refreshes of one origin under way at once.
const AT_ONCE: usize = 4;
/// A value is fetched anew when less than this share of its life is left.
const LEFT: f64 = 0.2;

/// The keys that were asked for of late, and when.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<HashMap<Digest, (Key, Timestamp)>>);

impl Recent {
    /// Somebody asked for a key.
    pub(super) fn asked(&self, key: &Key, now: Timestamp, wanted: bool) {
        if !wanted {
            return;
        }
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = keys.len() >= MOST;
        match keys.get_mut(&key.digest) {
            Some((_, at)) => *at = now,
            None if is_full => {}
            None => drop(keys.insert(key.digest, (key.clone(), now))),
        }
    }

    /// The keys asked for since then; the others are forgotten.
    fn since(&self, since: Timestamp) -> Vec<Key> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, (_, at)| *at >= since);
        keys.values().map(|(key, _)| key.clone()).collect()
    }
}

/// Refreshes one origin for ever. Of several nodes one fetches; the others find its value.
pub(super) async fn keep_fresh(all: Origins, origin: Arc<Origin>) {
    let Some(span) = origin.is.refresh else { return };
    let every = origin.is.ttl.0.mul_f64(LEFT / 4.0).max(Duration::from_millis(50));
    loop {
        tokio::time::sleep(every).await;
        let keys = origin.recent.since(all.0.clock.now() - span.0);
        stream::iter(keys).for_each_concurrent(AT_ONCE, |key| refresh(&all, &origin, key)).await;
    }
}

/// Fetches a value that is about to expire. One that was invalidated, or has gone, waits for somebody to ask.
async fn refresh(all: &Origins, origin: &Arc<Origin>, key: Key) {
    let Some(entry) = all.kept(&key.digest).await else { return };
    let now = all.0.clock.now();
    let life = entry.fresh_until.since(entry.stored_at);
    let is_due = entry.fresh_until.since(now) < life.mul_f64(LEFT);
    if is_due && all.fill(origin, &key, Some(entry.stored_at)).await.is_ok() {
        origin.meters.refreshes.inc();
    }
}
