//! The semantic index: which kept questions may mean the same as a new one.
//!
//! It lives in this process and is only a hint: the store decides whether an entry still is. Each partition (scope,
//! context, intent, entities) is scanned exactly, in 8-bit numbers; they are small, because titles partition them.
//! Bounded in each partition and in total; the oldest entries make room.

use std::{
    collections::{HashMap, VecDeque},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{clock::Timestamp, digest::Digest, engine::understand::signature::Signature};

/// How much the index may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries in one partition; a scan of so many is the longest a look-up takes.
    pub partition: usize,
    /// Entries in all.
    pub total: usize,
}

/// What the index knows of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The entry's key.
    pub key: Digest,
    /// What decides its question.
    pub signature: Signature,
    /// Until when it is fresh.
    pub fresh_until: Timestamp,
    /// Until when it may be served stale.
    pub keep_until: Timestamp,
}

/// An entry and how much its question is like the one that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The cosine of the two frames, 1 for the same.
    pub similarity: f32,
    /// The entry.
    pub slot: Slot,
}

#[derive(Default)]
struct Partition {
    slots: Vec<(Slot, Place)>,
    /// The slots' vectors one after the other.
    vectors: Vec<i8>,
}

/// What a slot needs for itself: when it came and how long its vector is.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    norm: f32,
}

#[derive(Default)]
struct State {
    partitions: HashMap<Digest, Partition>,
    /// Where each entry is, and its number.
    places: HashMap<Digest, (Digest, u64)>,
    /// Entries in the order they came; some are gone already.
    ages: VecDeque<(u64, Digest)>,
    next: u64,
}

/// The index.
pub struct Index {
    bounds: Bounds,
    dimensions: usize,
    state: RwLock<State>,
}

impl Index {
    /// An empty index for vectors of `dimensions` numbers.
    pub fn new(dimensions: usize, bounds: Bounds) -> Self {
        Self { bounds, dimensions, state: RwLock::default() }
    }

    /// Whether there is anything to compare with: without, no vector need be made.
    pub fn has(&self, partition: &Digest) -> bool {
        self.read().partitions.contains_key(partition)
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.read().places.len()
    }

    /// `true` when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry, or moves it; vectors of another length are left out.
    pub fn add(&self, partition: Digest, slot: Slot, vector: &[i8]) {
        if vector.len() != self.dimensions {
            return;
        }
        let mut state = self.write();
        state.remove(&slot.key, self.dimensions);
        state.make_room(&partition, self.bounds, self.dimensions);
        state.add(partition, slot, vector);
    }

    /// Forgets an entry.
    pub fn remove(&self, key: &Digest) {
        self.write().remove(key, self.dimensions);
    }

    /// The entries at least `floor` alike that `admits` lets through, most alike first, at most `most`.
    pub fn nearest(
        &self,
        partition: &Digest,
        vector: &[i8],
        floor: f32,
        most: usize,
        mut admits: impl FnMut(&Slot) -> bool,
    ) -> Vec<Candidate> {
        let state = self.read();
        let Some(partition) = state.partitions.get(partition).filter(|_| vector.len() == self.dimensions) else {
            return Vec::new();
        };
        let norm = norm(vector);
        let mut found: Vec<(f32, u64, &Slot)> = Vec::new();
        for ((slot, place), other) in partition.slots.iter().zip(partition.vectors.chunks_exact(self.dimensions)) {
            let similarity = cosine(vector, norm, other, place.norm);
            if similarity >= floor && admits(slot) {
                found.push((similarity, place.number, slot));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let candidates = found.into_iter().take(most);
        candidates.map(|(similarity, _, slot)| Candidate { similarity, slot: slot.clone() }).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, partition: Digest, slot: Slot, vector: &[i8]) {
        self.next += 1;
        let number = self.next;
        self.ages.push_back((number, slot.key));
        self.places.insert(slot.key, (partition, number));
        let partition = self.partitions.entry(partition).or_default();
        partition.slots.push((slot, Place { number, norm: norm(vector) }));
        partition.vectors.extend_from_slice(vector);
    }

    fn remove(&mut self, key: &Digest, dimensions: usize) {
        let Some((partition_key, _)) = self.places.remove(key) else { return };
        let Some(partition) = self.partitions.get_mut(&partition_key) else { return };
        partition.remove(key, dimensions);
        if partition.slots.is_empty() {
            self.partitions.remove(&partition_key);
        }
    }

    fn make_room(&mut self, partition: &Digest, bounds: Bounds, dimensions: usize) {
        let full = self.partitions.get(partition).filter(|partition| partition.slots.len() >= bounds.partition);
        let oldest = full.and_then(|full| full.slots.iter().min_by_key(|(_, place)| place.number));
        if let Some(key) = oldest.map(|(slot, _)| slot.key) {
            self.remove(&key, dimensions);
        }
        while self.places.len() >= bounds.total || self.ages.len() > bounds.total * 2 {
            let Some((number, key)) = self.ages.pop_front() else { return };
            if self.places.get(&key).is_some_and(|(_, current)| *current == number) {
                self.remove(&key, dimensions);
            }
        }
    }
}

impl Partition {
    fn remove(&mut self, key: &Digest, dimensions: usize) {
        let Some(at) = self.slots.iter().position(|(slot, _)| slot.key == *key) else { return };
        self.slots.swap_remove(at);
        let last = self.slots.len();
        self.vectors.copy_within(last * dimensions.., at * dimensions);
        self.vectors.truncate(last * dimensions);
    }
}

fn cosine(one: &[i8], one_norm: f32, other: &[i8], other_norm: f32) -> f32 {
    let product = one_norm * other_norm;
    if product > 0.0 { dot(one, other) as f32 / product } else { 0.0 }
}

/// Plain enough for the compiler to do many at once.
fn dot(one: &[i8], other: &[i8]) -> i32 {
    one.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

fn norm(vector: &[i8]) -> f32 {
    (dot(vector, vector) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { partition: 3, total: 5 };

    fn digest(name: u32) -> Digest {
        Digest::of([&name.to_le_bytes()[..]])
    }

    fn slot(name: u32) -> Slot {
        Slot { key: digest(name), signature: Signature::default(), fresh_until: Timestamp(1), keep_until: Timestamp(2) }
    }

    fn keys(index: &Index, partition: u32) -> Vec<Digest> {
        let all = index.nearest(&digest(partition), &[1, 1], -1.0, usize::MAX, |_| true);
        all.into_iter().map(|candidate| candidate.slot.key).collect()
    }

    #[test]
    fn the_most_alike_comes_first_and_what_is_not_admitted_hides_nothing() {
        let index = Index::new(2, BOUNDS);
        index.add(digest(0), slot(1), &[100, 0]);
        index.add(digest(0), slot(2), &[90, 40]);
        index.add(digest(0), slot(3), &[0, 100]);
        let found = index.nearest(&digest(0), &[127, 0], 0.9, 5, |_| true);
        assert_eq!(found.iter().map(|c| c.slot.key).collect::<Vec<_>>(), [digest(1), digest(2)]);
        assert!((found[0].similarity - 1.0).abs() < 1e-6);
        let found = index.nearest(&digest(0), &[127, 0], 0.9, 1, |slot| slot.key != digest(1));
        assert_eq!(found[0].slot.key, digest(2));
    }

    #[test]
    fn the_oldest_makes_room_in_its_partition_and_in_all() {
        let index = Index::new(2, BOUNDS);
        (1..=4).for_each(|n| index.add(digest(0), slot(n), &[1, 1]));
        assert_eq!(keys(&index, 0), [digest(4), digest(3), digest(2)]);
        (5..=7).for_each(|n| index.add(digest(1), slot(n), &[1, 1]));
        assert_eq!((keys(&index, 0).len(), keys(&index, 1).len()), (2, 3));
    }

    proptest! {
        #[test]
        fn it_holds_exactly_what_was_added_last_and_not_removed(
            steps in prop::collection::vec((0u32..8, 0u32..3, any::<bool>()), 0..200),
        ) {
            let index = Index::new(2, Bounds { partition: 100, total: 100 });
            let mut expected = std::collections::BTreeMap::new();
            for (key, partition, add) in steps {
                if add {
                    index.add(digest(partition), slot(key), &[1, key as i8]);
                    expected.insert(key, partition);
                } else {
                    index.remove(&digest(key));
                    expected.remove(&key);
                }
            }
            prop_assert_eq!(index.len(), expected.len());
            for (key, partition) in expected {
                let found = index.nearest(&digest(partition), &[1, key as i8], 0.999, 100, |slot| slot.key == digest(key));
                prop_assert_eq!(found.len(), 1);
            }
        }
    }
}
