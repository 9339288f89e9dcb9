//! All partitions, where each entry is in them, and which came first.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{
    Bounds, Slot,
    cell::Member,
    partition::{Partition, Plan, Scale},
};
use crate::digest::Digest;

/// All partitions.
#[derive(Default)]
pub(super) struct State {
    partitions: HashMap<Digest, Partition>,
    /// Where each entry is.
    places: HashMap<Digest, Place>,
    /// Entries by number: the oldest first.
    ages: BTreeMap<u64, Digest>,
    /// The same for each partition.
    ages_there: BTreeMap<(Digest, u64), Digest>,
    next: u64,
}

#[derive(Clone, Copy)]
struct Place {
    partition: Digest,
    cell: usize,
    number: u64,
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn partition(&self, partition: &Digest) -> Option<&Partition> {
        self.partitions.get(partition)
    }

    /// What is known of an entry of a partition.
    pub(super) fn find(&self, partition: &Digest, key: &Digest) -> Option<&Slot> {
        let place = self.places.get(key).filter(|place| place.partition == *partition)?;
        self.partition(partition)?.find(place.cell, key)
    }

    /// An entry that must go before another may come into a partition; `None` when there is room.
    pub(super) fn in_the_way(&self, partition: &Digest, bounds: Bounds) -> Option<Digest> {
        if self.len() >= bounds.total.max(1) {
            return self.ages.first_key_value().map(|(_, key)| *key);
        }
        let there = self.partition(partition).filter(|there| there.len() >= bounds.partition.max(1));
        there.and_then(|_| self.ages_there.range((*partition, 0)..).next()).map(|(_, key)| *key)
    }

    /// Adds an entry that is in no partition yet.
    pub(super) fn add(&mut self, partition: Digest, home: usize, slot: Slot, vector: &[i8], scale: Scale) {
        self.next += 1;
        let (number, key) = (self.next, slot.key);
        self.ages.insert(number, key);
        self.ages_there.insert((partition, number), key);
        self.places.insert(key, Place { partition, cell: home, number });
        let cells = self.partitions.entry(partition).or_insert_with(|| Partition::new(vector.len(), scale));
        cells.add(home, Member { slot, number }, vector);
    }

    /// Takes an entry out: where it was, if anything is left there.
    pub(super) fn remove(&mut self, key: &Digest) -> Option<(Digest, usize)> {
        let Place { partition, cell, number } = self.places.remove(key)?;
        self.ages.remove(&number);
        self.ages_there.remove(&(partition, number));
        let Entry::Occupied(mut cells) = self.partitions.entry(partition) else { return None };
        cells.get_mut().remove(cell, key);
        if cells.get().len() == 0 {
            cells.remove();
            return None;
        }
        Some((partition, cell))
    }

    /// Carries out what was planned for a partition.
    pub(super) fn carry_out(&mut self, partition: &Digest, plan: Plan) {
        let Some(cells) = self.partitions.get_mut(partition) else { return };
        cells.carry_out(plan, |key, cell| {
            if let Some(place) = self.places.get_mut(&key) {
                place.cell = cell;
            }
        });
    }
}
