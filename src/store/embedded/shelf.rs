//! The entries in memory, bounded by bytes and by number.
//!
//! Each is held in its encoded form and read when it is asked for: the bytes of the question and the answer, and some 160
//! more ([`OVERHEAD`]). Popular entries are read once, because the engine holds them in its near cache.
//!
//! Short of bytes, the oldest entries that were not asked for since the last look go first (a clock: who was asked for
//! gets a second turn). At the cap on entries a new one is refused. Everything is in the order of arrival, so that the
//! same writes leave the same entries.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
    time::Duration,
};

use hashbrown::HashTable;

use super::Limits;
use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::IntentId,
    store::{About, Entry, Tag, Unfit, Usage, encoding},
};

/// What an entry takes beside its encoded form: its slot, its places in three orders, what the allocator rounds up.
/// `cargo bench --bench store` measures it.
pub(super) const OVERHEAD: u64 = 160;
/// Entries looked at for outdated ones with each write: enough to go round many times while the shelf fills.
const SWEPT_AT_ONCE: usize = 8;
/// Expired entries taken out with each write.
const EXPIRED_AT_ONCE: usize = 64;

/// How often an entry was served, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) hits: u64,
    pub(super) last: Option<Timestamp>,
}

/// An entry and what must be known of it without reading it. Its fields are as small as they can be: there are many.
#[derive(Debug)]
struct Slot {
    key: Digest,
    body: Box<[u8]>,
    stored_at: Timestamp,
    keep_until: Timestamp,
    /// Its place in the order of arrival.
    place: u64,
    /// Seconds from when it was stored.
    fresh_for: u32,
    /// When it was last hit, in seconds since 1970; 0 for never.
    last_hit: u32,
    hits: u32,
    /// Its place among the intents.
    intent: u16,
    spared: bool,
}

/// Where a slot is.
type At = u32;

/// The entries of one intent.
#[derive(Debug)]
struct OfIntent {
    intent: IntentId,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Shelf {
    limits: Limits,
    slots: Vec<Slot>,
    free: Vec<At>,
    by_key: HashTable<At>,
    by_place: BTreeMap<u64, At>,
    by_end: BTreeSet<(Timestamp, At)>,
    intents: Vec<OfIntent>,
    total: u64,
    next_place: u64,
    swept_to: u64,
    evictions: u64,
}

impl Slot {
    fn size(&self) -> u64 {
        size(&self.body)
    }

    fn tally(&self) -> Tally {
        let last = (self.last_hit > 0).then(|| Timestamp(i64::from(self.last_hit) * 1_000));
        Tally { hits: u64::from(self.hits), last }
    }

    fn count(&mut self, tally: Tally) {
        self.hits = u32::try_from(tally.hits).unwrap_or(u32::MAX);
        self.last_hit = tally.last.map_or(0, |at| u32::try_from(at.seconds()).unwrap_or(0).max(1));
    }

    fn entry(&self) -> Option<Entry> {
        encoding::decode(&self.body).ok()
    }
}

/// What an entry in this encoded form takes.
pub(super) fn size(body: &[u8]) -> u64 {
    body.len() as u64 + OVERHEAD
}

/// A digest is a hash already.
fn hash(key: &Digest) -> u64 {
    key.0.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

impl Shelf {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            by_place: BTreeMap::new(),
            by_end: BTreeSet::new(),
            intents: Vec::new(),
            total: 0,
            next_place: 1,
            swept_to: 0,
            evictions: 0,
        }
    }

    /// An entry that is not over; it was asked for.
    pub(super) fn find(&mut self, key: &Digest, now: Timestamp) -> Option<Arc<Entry>> {
        let at = self.at(key)?;
        let slot = self.slots.get_mut(at as usize).filter(|slot| slot.keep_until > now)?;
        slot.spared = true;
        slot.entry().map(Arc::new)
    }

    /// Whether there is an entry, over or not.
    pub(super) fn holds(&self, key: &Digest) -> bool {
        self.at(key).is_some()
    }

    /// Counts hits; the tally afterwards, `None` when it is gone.
    pub(super) fn count(&mut self, key: &Digest, hits: u64, now: Timestamp) -> Option<Tally> {
        let at = self.at(key)?;
        let slot = self.slots.get_mut(at as usize)?;
        slot.spared = true;
        slot.count(Tally { hits: slot.tally().hits.saturating_add(hits), last: Some(now) });
        Some(slot.tally())
    }

    /// Gives an entry of the file the hits it had.
    pub(super) fn recount(&mut self, key: &Digest, tally: Tally) {
        if let Some(slot) = self.at(key).and_then(|at| self.slots.get_mut(at as usize)) {
            slot.count(tally);
        }
    }

    /// Why an entry of this encoded form may not come in: too large, or one too many.
    pub(super) fn refuses(&self, key: &Digest, body: &[u8]) -> Option<Unfit> {
        match () {
            () if size(body) > self.limits.largest.0.min(self.limits.bytes.0) => Some(Unfit::TooLarge),
            () if !self.holds(key) && self.by_key.len() as u64 >= self.limits.entries => Some(Unfit::Full),
            () => None,
        }
    }

    /// Whether an entry can come in without another one leaving.
    pub(super) fn has_room_for(&self, key: &Digest, body: &[u8]) -> bool {
        self.refuses(key, body).is_none() && self.total + size(body) <= self.limits.bytes.0
    }

    /// Takes an entry in, in its encoded form; the keys of those that had to make room. It keeps the hits of the one that
    /// it replaces.
    pub(super) fn keep(&mut self, entry: &Entry, body: Box<[u8]>) -> Vec<Digest> {
        let tally = self.at(&entry.key).map(|at| self.slot(at).tally()).unwrap_or_default();
        self.remove(&entry.key);
        let size = size(&body);
        let evicted = self.make_room(size);
        let mut slot = Slot {
            key: entry.key,
            body,
            stored_at: entry.stored_at,
            keep_until: entry.keep_until,
            place: self.next_place,
            fresh_for: u32::try_from(entry.fresh_until.since(entry.stored_at).as_secs()).unwrap_or(u32::MAX),
            last_hit: 0,
            hits: 0,
            intent: self.intent(&entry.intent),
            spared: false,
        };
        slot.count(tally);
        self.next_place += 1;
        self.total += size;
        self.intents[usize::from(slot.intent)].bytes += size;
        let (place, end) = (slot.place, slot.keep_until);
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as At
            }
        };
        let slots = &self.slots;
        self.by_key.insert_unique(hash(&entry.key), at, |at| hash(&slots[*at as usize].key));
        self.by_place.insert(place, at);
        self.by_end.insert((end, at));
        evicted
    }

    /// Takes an entry out; whether it was there.
    pub(super) fn remove(&mut self, key: &Digest) -> bool {
        let slots = &self.slots;
        let found = self.by_key.find_entry(hash(key), |at| slots[*at as usize].key == *key);
        let Ok(found) = found else { return false };
        let (at, _) = found.remove();
        let slot = &mut self.slots[at as usize];
        let size = slot.size();
        slot.body = Box::default();
        self.by_place.remove(&slot.place);
        self.by_end.remove(&(slot.keep_until, at));
        self.intents[usize::from(slot.intent)].bytes -= size;
        self.total -= size;
        self.free.push(at);
        true
    }

    /// Takes out a bounded number of entries that are over or outdated; their keys.
    pub(super) fn tidy(&mut self, now: Timestamp, is_outdated: impl Fn(&[(Tag, u64)]) -> bool) -> Vec<Digest> {
        let over = self.by_end.iter().take_while(|(end, _)| *end <= now).take(EXPIRED_AT_ONCE);
        let mut gone: Vec<_> = over.map(|(_, at)| self.slot(*at).key).collect();
        let looked_at = self.by_place.range((Excluded(self.swept_to), Unbounded)).take(SWEPT_AT_ONCE);
        let looked_at: Vec<_> = looked_at.map(|(place, at)| (*place, *at)).collect();
        self.swept_to = looked_at.last().map_or(0, |(place, _)| *place);
        // One that cannot be read is of no use either.
        let outdated = |slot: &&Slot| encoding::tags(&slot.body).map_or(true, |tags| is_outdated(&tags));
        gone.extend(looked_at.iter().map(|(_, at)| self.slot(*at)).filter(outdated).map(|slot| slot.key));
        gone.retain(|key| self.remove(key));
        gone
    }

    /// Entries in the order of arrival, from behind `cursor`; the next cursor, `None` at the end.
    pub(super) fn page(&self, cursor: Option<u64>, most: usize) -> (Vec<Arc<Entry>>, Option<u64>) {
        let (slots, next) = self.slots_after(cursor, most);
        (slots.into_iter().filter_map(Slot::entry).map(Arc::new).collect(), next)
    }

    /// What entries are, in the order of arrival, from behind `cursor`; the next cursor, `None` at the end.
    pub(super) fn ledger(&self, cursor: Option<u64>, most: usize) -> (Vec<About>, Option<u64>) {
        let (slots, next) = self.slots_after(cursor, most);
        (slots.into_iter().map(|slot| self.about_slot(slot)).collect(), next)
    }

    /// What an entry is.
    pub(super) fn about(&self, key: &Digest) -> Option<About> {
        self.at(key).map(|at| self.about_slot(self.slot(at)))
    }

    pub(super) fn usage(&self) -> Usage {
        let held = self.intents.iter().filter(|of| of.bytes > 0);
        let mut bytes: Vec<_> = held.map(|of| (of.intent.clone(), of.bytes)).collect();
        bytes.sort();
        Usage {
            entries: self.by_key.len() as u64,
            bytes,
            used_of: Some((self.total, self.limits.bytes.0)),
            most_entries: Some(self.limits.entries),
            evictions: self.evictions,
        }
    }

    fn at(&self, key: &Digest) -> Option<At> {
        self.by_key.find(hash(key), |at| self.slot(*at).key == *key).copied()
    }

    fn slot(&self, at: At) -> &Slot {
        &self.slots[at as usize]
    }

    fn slots_after(&self, cursor: Option<u64>, most: usize) -> (Vec<&Slot>, Option<u64>) {
        let rest = self.by_place.range((Excluded(cursor.unwrap_or(0)), Unbounded)).take(most);
        let slots: Vec<_> = rest.map(|(_, at)| self.slot(*at)).collect();
        let next = slots.last().map(|slot| slot.place).filter(|_| slots.len() == most);
        (slots, next)
    }

    fn about_slot(&self, slot: &Slot) -> About {
        let Tally { hits, last } = slot.tally();
        About {
            key: slot.key,
            intent: self.intents[usize::from(slot.intent)].intent.clone(),
            bytes: slot.size(),
            stored_at: slot.stored_at,
            fresh_until: slot.stored_at + Duration::from_secs(u64::from(slot.fresh_for)),
            keep_until: slot.keep_until,
            hits,
            last_hit: last,
        }
    }

    /// The place of an intent; they come from the operator's files, and there are few.
    fn intent(&mut self, intent: &IntentId) -> u16 {
        let known = self.intents.iter().position(|of| of.intent == *intent);
        let at = known.unwrap_or_else(|| {
            self.intents.push(OfIntent { intent: intent.clone(), bytes: 0 });
            self.intents.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// Lets entries go until `size` more bytes fit.
    fn make_room(&mut self, size: u64) -> Vec<Digest> {
        let mut evicted = Vec::new();
        while self.total + size > self.limits.bytes.0 {
            let Some((place, at)) = self.by_place.pop_first() else { break };
            let slot = &mut self.slots[at as usize];
            if std::mem::take(&mut slot.spared) {
                slot.place = self.next_place;
                self.by_place.insert(self.next_place, at);
                self.next_place += 1;
            } else {
                let key = slot.key;
                self.by_place.insert(place, at);
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
