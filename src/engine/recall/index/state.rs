//! All groups, where each entry is in them, and which came first.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry, hash_map::Entry::Occupied},
    ops::Bound::{Excluded, Included},
};

use super::{
    Bounds, Group, Slot,
    cell::Member,
    cells::{Cells, Plan, Scale},
};
use crate::digest::Digest;

/// All groups.
#[derive(Default)]
pub(super) struct State {
    groups: BTreeMap<Group, Cells>,
    /// How many entries each partition holds.
    sizes: HashMap<Digest, usize>,
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
    group: Group,
    cell: usize,
    number: u64,
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The cells of a group.
    pub(super) fn cells(&self, group: &Group) -> Option<&Cells> {
        self.groups.get(group)
    }

    /// Some groups of a partition, those after `after`, in order.
    pub(super) fn groups(&self, partition: &Digest, after: Option<u64>, most: usize) -> Vec<Group> {
        let group = |deciding| Group { partition: *partition, deciding };
        let first = after.map_or(Included(group(0)), |after| Excluded(group(after)));
        self.groups.range((first, Included(group(u64::MAX)))).take(most).map(|(group, _)| *group).collect()
    }

    /// What is known of an entry of a partition.
    pub(super) fn find(&self, partition: &Digest, key: &Digest) -> Option<&Slot> {
        let place = self.places.get(key).filter(|place| place.group.partition == *partition)?;
        self.cells(&place.group)?.find(place.cell, key)
    }

    /// An entry that must go before another may come into a partition; `None` when there is room.
    pub(super) fn in_the_way(&self, partition: &Digest, bounds: Bounds) -> Option<Digest> {
        if self.len() >= bounds.total.max(1) {
            return self.ages.first_key_value().map(|(_, key)| *key);
        }
        let there = self.sizes.get(partition).filter(|there| **there >= bounds.partition.max(1));
        there.and_then(|_| self.ages_there.range((*partition, 0)..).next()).map(|(_, key)| *key)
    }

    /// Adds an entry that is in no group yet.
    pub(super) fn add(&mut self, group: Group, home: usize, slot: Slot, vector: &[i8], scale: Scale) {
        self.next += 1;
        let (number, key) = (self.next, slot.key);
        self.ages.insert(number, key);
        self.ages_there.insert((group.partition, number), key);
        self.places.insert(key, Place { group, cell: home, number });
        *self.sizes.entry(group.partition).or_default() += 1;
        let cells = self.groups.entry(group).or_insert_with(|| Cells::new(vector.len(), scale));
        cells.add(home, Member { slot, number }, vector);
    }

    /// Takes an entry out: where it was, if anything is left there.
    pub(super) fn remove(&mut self, key: &Digest) -> Option<(Group, usize)> {
        let Place { group, cell, number } = self.places.remove(key)?;
        self.ages.remove(&number);
        self.ages_there.remove(&(group.partition, number));
        self.shrink(group.partition);
        let Entry::Occupied(mut cells) = self.groups.entry(group) else { return None };
        cells.get_mut().remove(cell, key);
        if cells.get().len() == 0 {
            cells.remove();
            return None;
        }
        Some((group, cell))
    }

    /// Carries out what was planned for a group.
    pub(super) fn carry_out(&mut self, group: &Group, plan: Plan) {
        let Some(cells) = self.groups.get_mut(group) else { return };
        cells.carry_out(plan, |key, cell| {
            if let Some(place) = self.places.get_mut(&key) {
                place.cell = cell;
            }
        });
    }

    /// A partition holds one entry less.
    fn shrink(&mut self, partition: Digest) {
        if let Occupied(mut size) = self.sizes.entry(partition) {
            *size.get_mut() -= 1;
            if *size.get() == 0 {
                size.remove();
            }
        }
    }
}
