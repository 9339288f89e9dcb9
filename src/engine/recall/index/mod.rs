//! The semantic index: which kept questions may mean the same as a new one.
//!
//! It lives in this process and is only a hint: the store decides whether an entry still is. A partition (scope, context,
//! intent, entities) falls into groups, of which only one can answer a question: the gates keep it apart from all others.
//! Each [`Group`] holds its vectors in 8-bit numbers. Bounded in each partition and in total; the oldest entries make room.
//! Changes come one after the other and do their thinking beside the look-ups, which wait only while an entry or a few hundred
//! are moved.

mod cell;
mod cells;
mod halves;
mod state;
#[cfg(test)]
mod tests;
mod vectors;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::{cells::Scale, state::State, vectors::Probe};
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

/// Where entries are that the gates, but for the order of words, do not keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The partition.
    pub partition: Digest,
    /// [`Signature::deciding`] of all that is in it.
    pub deciding: u64,
}

impl Group {
    /// Where a question with this signature is.
    pub fn of(partition: Digest, signature: &Signature) -> Self {
        Self { partition, deciding: signature.deciding() }
    }
}

/// An entry and how much its question is like the one that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The cosine of the two frames, 1 for the same.
    pub similarity: f32,
    /// The entry.
    pub slot: Slot,
}

/// Groups that an explanation looks at in one go.
const AT_ONCE: usize = 256;

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
    pub fn has(&self, group: &Group) -> bool {
        self.read().cells(group).is_some()
    }

    /// Whether it holds just this entry, in the same partition.
    pub fn holds(&self, partition: &Digest, slot: &Slot) -> bool {
        self.read().find(partition, &slot.key).is_some_and(|known| known == slot)
    }

    /// Until when it takes an entry of this partition for fresh, and for worth keeping; `None` when it does not hold it.
    pub fn times(&self, partition: &Digest, key: &Digest) -> Option<(Timestamp, Timestamp)> {
        self.read().find(partition, key).map(|slot| (slot.fresh_until, slot.keep_until))
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
        let group = Group::of(partition, &slot.signature);
        let _change = self.change();
        self.forget(&slot.key);
        self.make_room(&partition);
        let home = self.read().cells(&group).map_or(0, |cells| cells.home(vector));
        self.write().add(group, home, slot, vector, self.scale);
        self.reshape(&group, home);
    }

    /// Forgets an entry.
    pub fn remove(&self, key: &Digest) {
        let _change = self.change();
        self.forget(key);
    }

    /// The entries of a group at least `floor` alike that `admits` lets through, most alike first, at most `most`.
    pub fn nearest(
        &self,
        group: &Group,
        vector: &[i8],
        floor: f32,
        most: usize,
        mut admits: impl FnMut(&Slot) -> bool,
    ) -> Vec<Candidate> {
        let (state, mut found) = (self.read(), Vec::new());
        let Some(cells) = state.cells(group).filter(|_| vector.len() == self.dimensions) else { return found };
        let mut numbers = Vec::new();
        cells.alike(&Probe::new(vector), floor, |similarity, number, slot| {
            if admits(slot) {
                numbers.push((similarity, number, slot));
            }
        });
        numbers.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let candidates = numbers.into_iter().take(most);
        found.extend(candidates.map(|(similarity, _, slot)| Candidate { similarity, slot: slot.clone() }));
        found
    }

    /// The entries of a whole partition that are most alike, most alike first, at most `most`, whatever the gates say of them.
    /// Looks at every group, a few hundred at a time: for explanations, never on the way of an answer.
    pub fn nearest_of_all(&self, partition: &Digest, vector: &[i8], most: usize) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut after = None;
        loop {
            let groups = self.read().groups(partition, after, AT_ONCE);
            let Some(last) = groups.last() else { return candidates };
            after = Some(last.deciding);
            for group in &groups {
                candidates.extend(self.nearest(group, vector, f32::MIN, most, |_| true));
            }
            candidates.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
            candidates.truncate(most);
        }
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
        if let Some((group, cell)) = left {
            self.reshape(&group, cell);
        }
    }

    /// Divides or dissolves a cell that is too large or too small. The caller holds `change`, so that what is seen here
    /// still is so when it is acted upon.
    fn reshape(&self, group: &Group, cell: usize) {
        let plan = self.read().cells(group).and_then(|cells| cells.plan(cell));
        if let Some(plan) = plan {
            self.write().carry_out(group, plan);
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
