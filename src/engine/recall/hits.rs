//! How often each entry was served: counted here, near cache included, and told to the store now and then.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Recall;
use crate::digest::Digest;

/// How often the store is told.
const EVERY: Duration = Duration::from_secs(5);
/// How long it may take to hear it.
const DEADLINE: Duration = Duration::from_secs(2);
/// Counts are spread over so many locks.
const SHARDS: usize = 16;
/// Entries a shard counts between two tellings; hits of further ones are not counted.
const MOST: usize = 4_096;

/// Hits the store has not heard of.
#[derive(Debug, Default)]
pub(super) struct Hits([Mutex<HashMap<Digest, u64>>; SHARDS]);

impl Hits {
    /// An answer was served from this entry.
    pub(super) fn count(&self, key: &Digest) {
        let shard = &self.0[usize::from(key.0[0]) % SHARDS];
        let mut counts = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(key) {
            *count += 1;
        } else if counts.len() < MOST {
            counts.insert(*key, 1);
        }
    }

    /// Everything counted since the last time.
    fn take(&self) -> Vec<(Digest, u64)> {
        let taken = |shard: &Mutex<_>| mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.iter().flat_map(taken).collect()
    }
}

impl Recall {
    /// Tells the store of the hits until shutdown, and once more then.
    pub(super) async fn tell_hits(self: Arc<Self>, stopping: CancellationToken) {
        while timeout(EVERY, stopping.cancelled()).await.is_err() {
            self.tell_hits_now().await;
        }
        self.tell_hits_now().await;
    }

    async fn tell_hits_now(&self) {
        let mut hits = self.hits.take();
        if hits.is_empty() {
            return;
        }
        // The same run tells the same story.
        hits.sort_unstable();
        match timeout(DEADLINE, self.store.count_hits(&hits)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, entries = hits.len(), "Hits were not counted."),
            Err(_) => tracing::debug!(entries = hits.len(), "Hits were not counted: the store is slow."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_added_up_and_told_once() {
        let hits = Hits::default();
        let [a, b] = ["a", "b"].map(|name| Digest::of([name.as_bytes()]));
        [a, b, a].iter().for_each(|key| hits.count(key));
        let mut taken = hits.take();
        taken.sort_by_key(|(_, count)| *count);
        assert_eq!(taken, [(b, 1), (a, 2)]);
        assert!(hits.take().is_empty());
    }

    #[test]
    fn more_entries_than_may_be_counted_take_no_more_room() {
        let hits = Hits::default();
        (0..200_000_u32).for_each(|n| hits.count(&Digest::of([&n.to_le_bytes()[..]])));
        assert!(hits.take().len() <= SHARDS * MOST);
    }
}
