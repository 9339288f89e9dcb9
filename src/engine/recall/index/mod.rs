//! The semantic index: which kept questions may mean the same as a new one.
//!
//! It lives in this process and is only a hint: the store decides whether an entry still is. Each `partition` (scope,
//! context, intent, entities) holds its vectors in 8-bit numbers. Bounded in each partition and in total; the oldest entries
//! make room. Changes come one after the other and do their thinking beside the look-ups, which wait only while an entry
//! or a few hundred are moved.

mod cell;
mod halves;
mod partition;
mod state;
#[cfg(test)]
mod tests;
mod vectors;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::{partition::Scale, state::State, vectors::Probe};
use crate::{clock::Timestamp, digest::Digest, engine::understand::signature::Signature};

/// How much the index may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries in one partition.
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

/// The index.
pub struct Index {
    bounds: Bounds,
    scale: Scale,
    dimensions: usize,
    /// Held by whoever changes something, from looking to writing.
    change: Mutex<()>,
    state: RwLock<State>,
}

impl Index {
    /// An empty index for vectors of `dimensions` numbers.
    pub fn new(dimensions: usize, bounds: Bounds) -> Self {
        Self::with_scale(dimensions, bounds, Scale::default())
    }

    fn with_scale(dimensions: usize, bounds: Bounds, scale: Scale) -> Self {
        Self { bounds, scale, dimensions, change: Mutex::default(), state: RwLock::default() }
    }

    /// Whether there is anything to compare with: without, no vector need be made.
    pub fn has(&self, partition: &Digest) -> bool {
        self.read().partition(partition).is_some()
    }

    /// Whether it holds just this entry, in the same partition.
    pub fn holds(&self, partition: &Digest, slot: &Slot) -> bool {
        self.read().find(partition, &slot.key).is_some_and(|known| known == slot)
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// `true` when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry, or moves it; vectors of another length are left out.
    pub fn add(&self, partition: Digest, slot: Slot, vector: &[i8]) {
        if vector.len() != self.dimensions || vector.is_empty() {
            return;
        }
        let _change = self.change();
        self.forget(&slot.key);
        self.make_room(&partition);
        let home = self.read().partition(&partition).map_or(0, |partition| partition.home(vector));
        self.write().add(partition, home, slot, vector, self.scale);
        self.reshape(&partition, home);
    }

    /// Forgets an entry.
    pub fn remove(&self, key: &Digest) {
        let _change = self.change();
        self.forget(key);
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
        let Some(partition) = state.partition(partition).filter(|_| vector.len() == self.dimensions) else {
            return Vec::new();
        };
        let mut found: Vec<(f32, u64, &Slot)> = Vec::new();
        partition.alike(&Probe::new(vector), floor, |similarity, number, slot| {
            if admits(slot) {
                found.push((similarity, number, slot));
            }
        });
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let candidates = found.into_iter().take(most);
        candidates.map(|(similarity, _, slot)| Candidate { similarity, slot: slot.clone() }).collect()
    }

    /// Takes out the oldest until one more may come. The caller holds `change`.
    fn make_room(&self, partition: &Digest) {
        loop {
            let oldest = self.read().in_the_way(partition, self.bounds);
            match oldest {
                Some(key) => self.forget(&key),
                None => return,
            }
        }
    }

    /// Takes an entry out. The caller holds `change`.
    fn forget(&self, key: &Digest) {
        let left = self.write().remove(key);
        if let Some((partition, cell)) = left {
            self.reshape(&partition, cell);
        }
    }

    /// Divides or dissolves a cell that is too large or too small. The caller holds `change`, so that what is seen here
    /// still is so when it is acted upon.
    fn reshape(&self, partition: &Digest, cell: usize) {
        let plan = self.read().partition(partition).and_then(|partition| partition.plan(cell));
        if let Some(plan) = plan {
            self.write().carry_out(partition, plan);
        }
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
