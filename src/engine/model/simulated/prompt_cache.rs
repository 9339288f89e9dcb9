//! The provider's prompt cache: a prefix costs a write the first time and a read after that, until it has been idle.

use std::{collections::BTreeMap, time::Duration};

use crate::{clock::Timestamp, digest::Digest};

const MOST: usize = 10_000;

/// Which prefixes are cached, and when each was used last.
#[derive(Debug, Default)]
pub(super) struct PromptCache(BTreeMap<Digest, Timestamp>);

impl PromptCache {
    /// Uses a prefix; whether it was there. One that nobody has used for `idle` is gone.
    pub(super) fn touch(&mut self, prefix: Digest, now: Timestamp, idle: Duration) -> bool {
        let hit = self.0.get(&prefix).is_some_and(|used| now.since(*used) < idle);
        if !hit && self.0.len() >= MOST {
            self.make_room(now, idle);
        }
        self.0.insert(prefix, now);
        hit
    }

    /// Forgets everything, as a provider does at will.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn make_room(&mut self, now: Timestamp, idle: Duration) {
        self.0.retain(|_, used| now.since(*used) < idle);
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, used)| **used).map(|(prefix, _)| *prefix);
            oldest.and_then(|prefix| self.0.remove(&prefix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_read_until_it_has_been_idle_for_five_minutes() {
        let idle = Duration::from_secs(300);
        let (mut cache, prefix) = (PromptCache::default(), Digest::of([b"system".as_slice()]));
        let used: Vec<_> = [0, 299, 598, 898].map(|secs| cache.touch(prefix, Timestamp(secs * 1_000), idle)).into();
        assert_eq!(used, [false, true, true, false]);
        assert!(!cache.touch(Digest::of([b"new system".as_slice()]), Timestamp(898_000), idle));
        assert!(!cache.touch(prefix, Timestamp(898_000), Duration::ZERO), "kept by nobody");
    }
}
