//! The entries in memory, bounded by bytes and by number.
//!
//! Short of bytes, the oldest entries that were not asked for since the last look go first (a clock: who was asked for
//! gets a second turn). At the cap on entries a new one is refused. Everything is in the order of arrival, so that the
//! same writes leave the same entries.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map},
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use super::Limits;
use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::IntentId,
    store::{CleanUp, Entry, Usage},
};

/// Entries looked at for outdated ones with each write: enough to go round many times while the shelf fills.
const SWEPT_AT_ONCE: usize = 8;
/// Expired entries taken out with each write.
const EXPIRED_AT_ONCE: usize = 64;

#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    size: u64,
    /// Its place in the order of arrival.
    place: u64,
    /// Since when it stands here: an entry from the file starts anew.
    since: Timestamp,
    was_hit: bool,
    spared: bool,
}

#[derive(Debug)]
pub(super) struct Shelf {
    limits: Limits,
    held: HashMap<Digest, Held>,
    by_place: BTreeMap<u64, Digest>,
    by_end: BTreeSet<(Timestamp, Digest)>,
    bytes: BTreeMap<IntentId, u64>,
    total: u64,
    next_place: u64,
    swept_to: u64,
    evictions: u64,
}

impl Shelf {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: HashMap::new(),
            by_place: BTreeMap::new(),
            by_end: BTreeSet::new(),
            bytes: BTreeMap::new(),
            total: 0,
            next_place: 1,
            swept_to: 0,
            evictions: 0,
        }
    }

    /// An entry that is not over; counts as a hit.
    pub(super) fn find(&mut self, key: &Digest, now: Timestamp) -> Option<Arc<Entry>> {
        let held = self.held.get_mut(key).filter(|held| held.entry.keep_until > now)?;
        (held.was_hit, held.spared) = (true, true);
        Some(held.entry.clone())
    }

    /// Whether there is an entry, over or not.
    pub(super) fn holds(&self, key: &Digest) -> bool {
        self.held.contains_key(key)
    }

    /// Whether an entry may come in: not too large, and not one too many.
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        let fits = entry.size() <= self.limits.largest.0.min(self.limits.bytes.0);
        fits && (self.holds(&entry.key) || (self.held.len() as u64) < self.limits.entries)
    }

    /// Whether an entry of this size can come in without another one leaving.
    pub(super) fn has_room_for(&self, entry: &Entry) -> bool {
        self.admits(entry) && self.total + entry.size() <= self.limits.bytes.0
    }

    /// Takes an entry in; the keys of those that had to make room.
    pub(super) fn keep(&mut self, entry: Arc<Entry>, now: Timestamp) -> Vec<Digest> {
        self.remove(&entry.key);
        let size = entry.size();
        let evicted = self.make_room(size);
        let place = self.next_place;
        self.next_place += 1;
        self.total += size;
        *self.bytes.entry(entry.intent.clone()).or_default() += size;
        self.by_place.insert(place, entry.key);
        self.by_end.insert((entry.keep_until, entry.key));
        self.held.insert(entry.key, Held { entry, size, place, since: now, was_hit: false, spared: false });
        evicted
    }

    /// Takes an entry out; whether it was there.
    pub(super) fn remove(&mut self, key: &Digest) -> bool {
        let Some(held) = self.held.remove(key) else { return false };
        self.by_place.remove(&held.place);
        self.by_end.remove(&(held.entry.keep_until, *key));
        self.total -= held.size;
        if let btree_map::Entry::Occupied(mut bytes) = self.bytes.entry(held.entry.intent.clone()) {
            *bytes.get_mut() -= held.size;
            if *bytes.get() == 0 {
                bytes.remove();
            }
        }
        true
    }

    /// Takes out a bounded number of entries that are over or outdated; their keys.
    pub(super) fn tidy(&mut self, now: Timestamp, is_outdated: impl Fn(&Entry) -> bool) -> Vec<Digest> {
        let over = self.by_end.iter().take_while(|(end, _)| *end <= now).take(EXPIRED_AT_ONCE).map(|(_, key)| *key);
        let mut gone: Vec<_> = over.collect();
        let looked_at = self.by_place.range((Excluded(self.swept_to), Unbounded)).take(SWEPT_AT_ONCE);
        let looked_at: Vec<_> = looked_at.map(|(place, key)| (*place, *key)).collect();
        self.swept_to = looked_at.last().map_or(0, |(place, _)| *place);
        gone.extend(looked_at.iter().map(|(_, key)| *key).filter(|key| is_outdated(&self.held[key].entry)));
        gone.retain(|key| self.remove(key));
        gone
    }

    /// Takes out the low-value entries of a plan, oldest first; their keys.
    pub(super) fn clean_up(&mut self, plan: &CleanUp, now: Timestamp) -> Vec<Digest> {
        let low = |held: &Held| {
            plan.intents.contains(&held.entry.intent) || (!held.was_hit && now.since(held.since) > plan.unused_for)
        };
        let low = self.by_place.values().filter(|key| low(&self.held[key])).take(plan.most as usize);
        let mut low: Vec<_> = low.copied().collect();
        low.retain(|key| self.remove(key));
        low
    }

    /// Entries in the order of arrival, from behind `cursor`; the next cursor, `None` at the end.
    pub(super) fn page(&self, cursor: Option<u64>, most: usize) -> (Vec<Arc<Entry>>, Option<u64>) {
        let rest = self.by_place.range((Excluded(cursor.unwrap_or(0)), Unbounded)).take(most);
        let (places, entries): (Vec<_>, Vec<_>) =
            rest.map(|(place, key)| (*place, self.held[key].entry.clone())).unzip();
        let next = places.last().copied().filter(|_| places.len() == most);
        (entries, next)
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            entries: self.held.len() as u64,
            bytes: self.bytes.iter().map(|(intent, bytes)| (intent.clone(), *bytes)).collect(),
            used_of: Some((self.total, self.limits.bytes.0)),
            evictions: self.evictions,
        }
    }

    /// Lets entries go until `size` more bytes fit.
    fn make_room(&mut self, size: u64) -> Vec<Digest> {
        let mut evicted = Vec::new();
        while self.total + size > self.limits.bytes.0 {
            let Some((place, key)) = self.by_place.pop_first() else { break };
            let Some(held) = self.held.get_mut(&key) else { continue };
            if held.spared {
                held.spared = false;
                held.place = self.next_place;
                self.by_place.insert(self.next_place, key);
                self.next_place += 1;
            } else {
                self.by_place.insert(place, key);
                self.remove(&key);
                evicted.push(key);
            }
        }
        self.evictions += evicted.len() as u64;
        evicted
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
