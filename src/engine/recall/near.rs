//! The near cache: entries held in this process, so that a popular question costs no look-up anywhere else.
//!
//! What is void elsewhere must not live on here. Entries are dropped when the store says that they, or one of their tags,
//! are void; and an entry that was fetched before such word came is not kept when it arrives after it ([`Mark`]). Once in
//! a while a held entry is due to be asked for in the store again: that finds what was void without a word.

use std::{
    collections::VecDeque,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicI64, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use quick_cache::{
    Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    clock::Timestamp,
    digest::Digest,
    store::{Entry, Tag},
    units::Bytes,
};

/// Entries by key, bounded by their bytes.
pub struct Near {
    cache: Cache<Digest, Arc<Held>, ByBytes, BuildHasherDefault<AsIs>>,
    /// Grows with every word that something is void.
    epoch: AtomicU64,
    /// The entries that were dropped last, and the epoch from then on.
    dropped: Mutex<VecDeque<(Digest, u64)>>,
}

/// A moment, before a fetch or a write began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u64);

/// An entry and when the store last knew of it.
struct Held {
    entry: Arc<Entry>,
    checked: AtomicI64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Digest, Arc<Held>> for ByBytes {
    fn weight(&self, _: &Digest, held: &Arc<Held>) -> u64 {
        held.entry.size()
    }
}

/// A digest is a hash already; and taken as it is, the same run evicts the same entries.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    }

    fn write_usize(&mut self, _: usize) {}
}

/// How long an entry is served from here before the store is asked again.
const RECHECK: Duration = Duration::from_secs(60);

/// How many dropped entries are remembered: more than are dropped while an answer is under way.
const DROPPED: usize = 4_096;

/// What an entry takes on average; only sizes the hash table.
const USUAL_ENTRY: u64 = 2_048;

impl Near {
    /// An empty cache of at most `room`.
    pub fn new(room: Bytes) -> Self {
        let entries = (room.0 / USUAL_ENTRY).max(16) as usize;
        let (hasher, lifecycle) = (BuildHasherDefault::default(), DefaultLifecycle::default());
        let cache = Cache::with(entries, room.0, ByBytes, hasher, lifecycle);
        Self { cache, epoch: AtomicU64::new(0), dropped: Mutex::default() }
    }

    /// An entry, fresh or not, and whether it is time to ask the store for it again; one caller in a minute is told so.
    pub fn get(&self, key: &Digest, now: Timestamp) -> Option<(Arc<Entry>, bool)> {
        let held = self.cache.get(key)?;
        let checked = held.checked.load(Relaxed);
        let is_due = Timestamp(checked) + RECHECK <= now
            && held.checked.compare_exchange(checked, now.0, Relaxed, Relaxed).is_ok();
        Some((held.entry.clone(), is_due))
    }

    /// To be taken before an entry is fetched or written.
    pub fn mark(&self) -> Mark {
        Mark(self.epoch.load(SeqCst))
    }

    /// Keeps an entry that the store just had, unless something became void since `mark`.
    pub fn keep(&self, entry: Arc<Entry>, mark: Mark, now: Timestamp) {
        let key = entry.key;
        self.cache.insert(key, Arc::new(Held { entry, checked: AtomicI64::new(now.0) }));
        if self.mark() != mark {
            self.cache.remove(&key);
        }
    }

    /// Puts a newer answer in the place of one that is held; does nothing when none is.
    pub fn renew(&self, entry: &Arc<Entry>, now: Timestamp) {
        let held = Arc::new(Held { entry: entry.clone(), checked: AtomicI64::new(now.0) });
        let _ = self.cache.replace(entry.key, held, true);
    }

    /// An entry is gone.
    pub fn drop_entry(&self, key: &Digest) {
        let epoch = self.epoch.fetch_add(1, SeqCst) + 1;
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        if dropped.len() >= DROPPED {
            dropped.pop_front();
        }
        dropped.push_back((*key, epoch));
        drop(dropped);
        self.cache.remove(key);
    }

    /// Whether an entry was dropped since `mark`: what was asked for before must not bring it back.
    pub fn was_dropped(&self, key: &Digest, mark: Mark) -> bool {
        let dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        dropped.iter().rev().take_while(|(_, epoch)| *epoch > mark.0).any(|(gone, _)| gone == key)
    }

    /// Entries with one of these tags are void.
    pub fn drop_tagged(&self, tags: &[Tag]) {
        self.epoch.fetch_add(1, SeqCst);
        self.cache.retain(|_, held| !held.entry.tags.iter().any(|(tag, _)| tags.contains(tag)));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.epoch.fetch_add(1, SeqCst);
        self.cache.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::recall::tests::entry;

    const NOW: Timestamp = Timestamp(0);

    fn has(near: &Near, entry: &Entry) -> bool {
        near.get(&entry.key, NOW).is_some()
    }

    #[test]
    fn what_became_void_while_it_was_fetched_is_not_kept() {
        let near = Near::new(Bytes(1 << 20));
        let mark = near.mark();
        near.drop_tagged(&[Tag("title:naruto".into())]);
        near.keep(entry("a", &["title:naruto"]), mark, NOW);
        assert!(near.cache.is_empty());
    }

    #[test]
    fn an_invalidated_tag_drops_its_entries_and_no_others() {
        let near = Near::new(Bytes(1 << 20));
        let (naruto, bleach) = (entry("a", &["title:naruto"]), entry("b", &["title:bleach"]));
        near.keep(naruto.clone(), near.mark(), NOW);
        near.keep(bleach.clone(), near.mark(), NOW);
        near.drop_tagged(&[Tag("title:naruto".into())]);
        assert_eq!((has(&near, &naruto), has(&near, &bleach)), (false, true));
    }

    #[test]
    fn a_dropped_entry_is_remembered_for_those_that_began_before() {
        let near = Near::new(Bytes(1 << 20));
        let (gone, other) = (entry("a", &[]), entry("b", &[]));
        let before = near.mark();
        near.drop_entry(&gone.key);
        assert_eq!((near.was_dropped(&gone.key, before), near.was_dropped(&other.key, before)), (true, false));
        assert!(!near.was_dropped(&gone.key, near.mark()));
    }

    #[test]
    fn one_caller_in_a_minute_is_told_to_ask_the_store_again() {
        let near = Near::new(Bytes(1 << 20));
        let entry = entry("a", &[]);
        near.keep(entry.clone(), near.mark(), NOW);
        let due = |secs| near.get(&entry.key, NOW + Duration::from_secs(secs)).map(|(_, due)| due);
        assert_eq!([due(59), due(60), due(60), due(120)], [false, true, false, true].map(Some));
    }

    #[test]
    fn it_never_grows_beyond_its_room() {
        let near = Near::new(Bytes(64 << 10));
        (0..2_000).for_each(|n| near.keep(entry(&n.to_string(), &[]), near.mark(), NOW));
        let bytes: u64 = near.cache.iter().map(|(_, held)| held.entry.size()).sum();
        assert!(bytes <= 64 << 10 && !near.cache.is_empty(), "{bytes}");
    }
}
