//! A cell: entries whose vectors lie near each other.

use super::{
    Slot,
    vectors::{GROWTH, Vectors},
};
use crate::digest::Digest;

/// An entry in a cell.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) slot: Slot,
    /// Grows with every entry of the index.
    pub(super) number: u64,
}

/// Entries and their vectors, in the same order.
#[derive(Debug)]
pub(super) struct Cell {
    members: Vec<Member>,
    vectors: Vectors,
}

impl Cell {
    pub(super) fn new(dimensions: usize) -> Self {
        Self { members: Vec::new(), vectors: Vectors::new(dimensions) }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    pub(super) fn push(&mut self, member: Member, vector: &[i8]) {
        if self.members.len() == self.members.capacity() {
            self.members.reserve_exact(self.len().clamp(1, GROWTH));
        }
        self.members.push(member);
        self.vectors.push(vector);
    }

    /// Forgets an entry; whether it was here.
    pub(super) fn remove(&mut self, key: &Digest) -> bool {
        let at = self.members.iter().position(|member| member.slot.key == *key);
        at.is_some_and(|at| {
            self.members.swap_remove(at);
            self.vectors.swap_remove(at);
            true
        })
    }

    /// Gives an entry into another cell; the last one comes into its place. Its key.
    pub(super) fn give(&mut self, at: usize, to: &mut Self) -> Option<Digest> {
        if at >= self.len() {
            return None;
        }
        let member = self.members.swap_remove(at);
        let key = member.slot.key;
        to.push(member, self.vectors.get(at));
        self.vectors.swap_remove(at);
        Some(key)
    }
}
