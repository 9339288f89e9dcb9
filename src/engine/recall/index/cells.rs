//! The cells of a group: they divide as they grow, so that a look-up compares only with those around the question.
//!
//! Small groups are compared as a whole. A large one is compared cell by cell, the nearest first, until enough was
//! compared: a question that means the same lies next to the one that is looked for, and the cell boundaries that run
//! between the two are crossed by looking into many cells. Dividing moves a few hundred vectors, so that nothing is ever
//! built anew; it is planned beside the look-ups ([`Cells::plan`]) and carried out between two of them.

use super::{
    Slot,
    cell::{Cell, Member},
    halves::Halves,
    vectors::{Probe, Vectors},
};
use crate::digest::Digest;

/// The similarity down to which [`Scale::compared`] finds nearly all; for less, more are compared.
const USUAL: f32 = 0.9;
/// When a cell divides or goes, entries of and for so many cells around it are looked at.
const AROUND: usize = 16;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// A cell with more entries divides.
    pub(super) largest: usize,
    /// So many vectors are compared in a look-up; a group with no more is compared as a whole.
    pub(super) compared: usize,
}

impl Default for Scale {
    /// A quarter of a millisecond for a look-up among half a million.
    fn default() -> Self {
        Self { largest: 320, compared: 8_192 }
    }
}

impl Scale {
    /// A cell with fewer is given to its neighbours.
    fn smallest(self) -> usize {
        self.largest / 8
    }

    /// How many vectors are compared for `floor`: what is less alike lies further away, beyond more cells.
    fn enough(self, floor: f32) -> usize {
        let wider = ((1.0 - floor) / (1.0 - USUAL)).clamp(1.0, 4.0);
        (self.compared as f32 * wider) as usize
    }
}

/// The cells of a group.
pub(super) struct Cells {
    scale: Scale,
    cells: Vec<Cell>,
    /// The direction of each cell; none while there is only one.
    centres: Vectors,
    len: usize,
}

/// What is to become of a cell that is too large or too small.
pub(super) struct Plan {
    cell: usize,
    /// The directions of the two cells it becomes; `None` when it goes.
    centres: Option<[Vec<i8>; 2]>,
    /// Entries that move: from which cell, which one there, to which cell. Within a cell the last one comes first.
    moves: Vec<(usize, usize, usize)>,
}

impl Cells {
    pub(super) fn new(dimensions: usize, scale: Scale) -> Self {
        Self { scale, cells: Vec::new(), centres: Vectors::new(dimensions), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What is known of an entry of a cell.
    pub(super) fn find(&self, cell: usize, key: &Digest) -> Option<&Slot> {
        self.cells.get(cell)?.members().iter().map(|member| &member.slot).find(|slot| slot.key == *key)
    }

    /// The cell that a new vector belongs to.
    pub(super) fn home(&self, vector: &[i8]) -> usize {
        match self.cells.len() {
            0 | 1 => 0,
            _ => self.centres.most_alike(&Probe::new(vector)).map_or(0, |(at, _)| at),
        }
    }

    /// Adds an entry to the cell it belongs to.
    pub(super) fn add(&mut self, home: usize, member: Member, vector: &[i8]) {
        if self.cells.is_empty() {
            self.cells.push(Cell::new(self.centres.dimensions()));
        }
        if let Some(cell) = self.cells.get_mut(home) {
            cell.push(member, vector);
            self.len += 1;
        }
    }

    /// Forgets an entry of a cell.
    pub(super) fn remove(&mut self, cell: usize, key: &Digest) {
        if self.cells.get_mut(cell).is_some_and(|cell| cell.remove(key)) {
            self.len -= 1;
        }
    }

    /// Every entry at least `floor` alike, in no order, with its number and cosine.
    pub(super) fn alike<'a>(&'a self, probe: &Probe, floor: f32, mut each: impl FnMut(f32, u64, &'a Slot)) {
        let mut similarities = Vec::with_capacity(self.scale.largest);
        let enough = self.scale.enough(floor);
        let mut compared = 0;
        for cell in self.nearest_cells(probe, enough) {
            cell.vectors().similarities(probe, &mut similarities);
            for (member, similarity) in cell.members().iter().zip(&similarities) {
                if *similarity >= floor {
                    each(*similarity, member.number, &member.slot);
                }
            }
            compared += cell.len();
            if compared >= enough {
                break;
            }
        }
    }

    /// The cells to look into, the most promising first; all of them in a small group.
    fn nearest_cells(&self, probe: &Probe, enough: usize) -> impl Iterator<Item = &Cell> {
        let order = match self.len {
            len if len <= enough => (0..self.cells.len()).collect(),
            _ => self.around(probe, enough / self.scale.smallest().max(1)),
        };
        order.into_iter().filter_map(|at| self.cells.get(at))
    }

    /// The places of the `most` cells nearest to `probe`, nearest first.
    fn around(&self, probe: &Probe, most: usize) -> Vec<usize> {
        let found = self.centres.similarities_to(probe);
        let mut order: Vec<usize> = (0..found.len()).collect();
        let nearer = |a: &usize, b: &usize| found[*b].total_cmp(&found[*a]);
        if most < order.len() {
            order.select_nth_unstable_by(most, nearer);
            order.truncate(most);
        }
        order.sort_unstable_by(nearer);
        order
    }

    /// What is to become of a cell; `None` when it may stay as it is.
    pub(super) fn plan(&self, cell: usize) -> Option<Plan> {
        match self.cells.get(cell)?.len() {
            len if len > self.scale.largest => Some(self.plan_to_divide(cell)),
            len if len < self.scale.smallest() && self.cells.len() > 1 => Some(self.plan_to_dissolve(cell)),
            _ => None,
        }
    }

    /// In two, and every entry around to the centre that is now the nearest.
    fn plan_to_divide(&self, at: usize) -> Plan {
        let (vectors, new) = (self.cells[at].vectors(), self.cells.len());
        let Halves { centres, second } = Halves::of(vectors);
        let around = self.neighbours(at);
        let own = centres.each_ref().map(|centre| vectors.similarities_to(&Probe::new(centre)));
        let mut moves = Vec::new();
        for (index, is_second) in second.into_iter().enumerate().rev() {
            let (home, own) = if is_second { (new, own[1][index]) } else { (at, own[0][index]) };
            let better = around.nearest(vectors.get(index)).filter(|(_, similarity)| *similarity > own);
            let home = better.map_or(home, |(other, _)| other);
            if home != at {
                moves.push((at, index, home));
            }
        }
        for neighbour in around.places {
            self.moves_to_new_centres(neighbour, &centres, [at, new], &mut moves);
        }
        Plan { cell: at, centres: Some(centres), moves }
    }

    /// The entries of a cell that are nearer to one of two new centres than to their own.
    fn moves_to_new_centres(
        &self,
        from: usize,
        centres: &[Vec<i8>; 2],
        to: [usize; 2],
        moves: &mut Vec<(usize, usize, usize)>,
    ) {
        let vectors = self.cells[from].vectors();
        let own = vectors.similarities_to(&Probe::new(self.centres.get(from)));
        let [first, second] = centres.each_ref().map(|centre| vectors.similarities_to(&Probe::new(centre)));
        for index in (0..vectors.len()).rev().filter(|index| first[*index].max(second[*index]) > own[*index]) {
            moves.push((from, index, to[usize::from(second[index] > first[index])]));
        }
    }

    /// Each entry to the nearest cell around.
    fn plan_to_dissolve(&self, at: usize) -> Plan {
        let (vectors, around) = (self.cells[at].vectors(), self.neighbours(at));
        let home = |index| around.nearest(vectors.get(index)).map(|(home, _)| (at, index, home));
        Plan { cell: at, centres: None, moves: (0..vectors.len()).rev().filter_map(home).collect() }
    }

    fn neighbours(&self, at: usize) -> Neighbours {
        let mut places = self.around(&Probe::new(self.centres.get(at)), AROUND + 1);
        places.retain(|other| *other != at);
        let mut centres = Vectors::new(self.centres.dimensions());
        places.iter().for_each(|place| centres.push(self.centres.get(*place)));
        Neighbours { places, centres }
    }

    /// Carries a plan out. `moved` hears the new cell of every entry that has one.
    pub(super) fn carry_out(&mut self, plan: Plan, mut moved: impl FnMut(Digest, usize)) {
        let Plan { cell, centres, moves } = plan;
        let is_divided = centres.is_some();
        if let Some([first, second]) = centres {
            match self.centres.len() {
                0 => self.centres.push(&first),
                _ => self.centres.set(cell, &first),
            }
            self.centres.push(&second);
            self.cells.push(Cell::new(self.centres.dimensions()));
        }
        for (from, index, to) in moves {
            if let Ok([from, into]) = self.cells.get_disjoint_mut([from, to])
                && let Some(key) = from.give(index, into)
            {
                moved(key, to);
            }
        }
        if !is_divided && self.cells.get(cell).is_some_and(|cell| cell.len() == 0) {
            self.cells.swap_remove(cell);
            self.centres.swap_remove(cell);
            let filled_the_gap = self.cells.get(cell).into_iter().flat_map(Cell::members);
            filled_the_gap.for_each(|member| moved(member.slot.key, cell));
        }
    }
}

/// Some cells of a group.
struct Neighbours {
    places: Vec<usize>,
    centres: Vectors,
}

impl Neighbours {
    /// The one nearest to a vector, and its cosine.
    fn nearest(&self, vector: &[i8]) -> Option<(usize, f32)> {
        let (at, similarity) = self.centres.most_alike(&Probe::new(vector))?;
        Some((*self.places.get(at)?, similarity))
    }
}
