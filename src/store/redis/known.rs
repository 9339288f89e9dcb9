//! The generations of tags as far as this node knows them, so that reading asks Redis for none.
//!
//! What is learnt stays right because every invalidation is pushed over the same connection before any later answer; when
//! that connection breaks everything is forgotten and learnt anew. Invalidations that Redis could not be told yet count
//! here all the same, and are told at the next connection.

use std::collections::{BTreeMap, HashMap};

use super::LONGEST_LIFE;
use crate::{clock::Timestamp, store::Tag};

/// Tags kept in mind; beyond that everything is forgotten and learnt anew.
const MOST_TAGS: usize = 100_000;
/// Invalidations remembered for a Redis that is away.
const MOST_UNSENT: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Known {
    of: HashMap<Tag, u64>,
    unsent: BTreeMap<Tag, u64>,
}

impl Known {
    /// A tag's generation, if known.
    pub(super) fn of(&self, tag: &Tag) -> Option<u64> {
        self.of.get(tag).into_iter().chain(self.unsent.get(tag)).copied().max()
    }

    /// Takes over what Redis says; `true` when it is newer than what was known, or the first thing known.
    pub(super) fn learn(&mut self, tag: &Tag, generation: u64) -> bool {
        if self.of.len() >= MOST_TAGS {
            self.of.clear();
        }
        let known = self.of.insert(tag.clone(), generation);
        let newest = known.map_or(generation, |known| known.max(generation));
        self.of.insert(tag.clone(), newest);
        known.is_none_or(|known| known < generation)
    }

    /// Whether one of these tags was invalidated after it had the generation beside it; `None` when one is not known.
    pub(super) fn have_passed(&self, tags: &[(Tag, u64)], now: Timestamp) -> Option<bool> {
        // No entry lives so long; Redis has forgotten such an invalidation, and newer entries do not know of it.
        let forgotten = (now - LONGEST_LIFE).0.unsigned_abs() * 1_000;
        let mut passed = false;
        for (tag, then) in tags {
            let generation = self.of(tag)?;
            passed |= generation > *then && generation > forgotten;
        }
        Some(passed)
    }

    /// Keeps invalidations that Redis could not be told; `false` when there are too many to keep them all.
    pub(super) fn hold(&mut self, tags: &[Tag], now: Timestamp) -> bool {
        let generation = now.0.unsigned_abs() * 1_000;
        self.unsent.extend(tags.iter().map(|tag| (tag.clone(), generation)));
        let fits = self.unsent.len() <= MOST_UNSENT;
        while self.unsent.len() > MOST_UNSENT {
            self.unsent.pop_last();
        }
        fits
    }

    /// What Redis is still to be told.
    pub(super) fn unsent(&self) -> BTreeMap<Tag, u64> {
        self.unsent.clone()
    }

    /// Redis was told of these; one that was invalidated again meanwhile stays.
    pub(super) fn sent(&mut self, told: &BTreeMap<Tag, u64>) {
        self.unsent.retain(|tag, generation| told.get(tag) != Some(generation));
    }

    /// Forgets what Redis said.
    pub(super) fn forget(&mut self) {
        self.of.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn tag(name: &str) -> Tag {
        Tag(name.into())
    }

    fn micros(at: Timestamp) -> u64 {
        at.0.unsigned_abs() * 1_000
    }

    #[test]
    fn an_unknown_tag_is_neither_right_nor_wrong() {
        assert_eq!(Known::default().have_passed(&[(tag("a"), 0)], NOW), None);
    }

    #[test]
    fn a_late_answer_cannot_undo_a_push() {
        let mut known = Known::default();
        assert!(known.learn(&tag("a"), 9) && !known.learn(&tag("a"), 5));
        assert_eq!(known.of(&tag("a")), Some(9));
    }

    #[test]
    fn what_redis_could_not_be_told_counts_until_redis_is_told() {
        let mut known = Known::default();
        known.learn(&tag("a"), 5);
        assert!(known.hold(&[tag("a")], NOW));
        known.forget();
        assert_eq!(known.have_passed(&[(tag("a"), 5)], NOW), Some(true));
        let told = known.unsent();
        known.sent(&told);
        known.learn(&tag("a"), 7);
        assert_eq!(known.have_passed(&[(tag("a"), 7)], NOW), Some(false));
    }

    #[test]
    fn what_is_invalidated_again_while_redis_is_told_is_told_again() {
        let mut known = Known::default();
        known.hold(&[tag("a"), tag("b")], NOW);
        let told = known.unsent();
        known.hold(&[tag("a")], NOW + Duration::from_secs(1));
        known.sent(&told);
        assert_eq!(known.unsent().into_keys().collect::<Vec<_>>(), [tag("a")]);
    }

    #[test]
    fn an_invalidation_older_than_any_entry_voids_nothing() {
        let mut known = Known::default();
        known.learn(&tag("a"), micros(NOW));
        assert_eq!(known.have_passed(&[(tag("a"), 0)], NOW), Some(true));
        assert_eq!(known.have_passed(&[(tag("a"), 0)], NOW + LONGEST_LIFE + Duration::from_secs(1)), Some(false));
    }
}
