//! How often each tag was invalidated, in bounded memory.
//!
//! One number grows with every invalidation of any tag; a tag's generation is that number at its last invalidation. When
//! there are too many tags the oldest are forgotten and the *floor* rises to the newest of them: a tag that is not listed
//! has the floor's generation. Entries older than that are lost with it, but none can come back.

use std::collections::HashMap;

use crate::store::Tag;

/// Tags whose generation is remembered one by one; about 20 MB at the most.
const MOST_TAGS: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Generations {
    latest: u64,
    floor: u64,
    of: HashMap<Tag, u64>,
}

impl Generations {
    /// As they were when written down: the floor, and the tags above it.
    pub(super) fn restored(floor: u64, of: HashMap<Tag, u64>) -> Self {
        let latest = of.values().copied().max().unwrap_or(0).max(floor);
        Self { latest, floor, of }
    }

    /// The floor, and the tags above it, to be written down.
    pub(super) fn listed(&self) -> (u64, &HashMap<Tag, u64>) {
        (self.floor, &self.of)
    }

    /// A tag's present generation.
    pub(super) fn of(&self, tag: &Tag) -> u64 {
        self.of.get(tag).copied().unwrap_or(self.floor)
    }

    /// Whether one of these tags was invalidated after it had the generation beside it.
    pub(super) fn have_passed(&self, tags: &[(Tag, u64)]) -> bool {
        tags.iter().any(|(tag, then)| *then < self.of(tag))
    }

    /// Invalidates a tag; its new generation.
    pub(super) fn bump(&mut self, tag: &Tag) -> u64 {
        self.latest += 1;
        self.of.insert(tag.clone(), self.latest);
        self.latest
    }

    /// Forgets the older half when there are too many; the new floor, if it rose.
    pub(super) fn forget_oldest(&mut self) -> Option<u64> {
        (self.of.len() > MOST_TAGS).then(|| {
            let mut all: Vec<_> = self.of.values().copied().collect();
            let (_, median, _) = all.select_nth_unstable(MOST_TAGS / 2);
            self.floor = *median;
            self.of.retain(|_, generation| *generation > self.floor);
            self.floor
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Tag {
        Tag(name.into())
    }

    #[test]
    fn only_what_began_before_an_invalidation_has_passed() {
        let mut generations = Generations::default();
        let before = generations.of(&tag("a"));
        let after = generations.bump(&tag("a"));
        assert!(generations.have_passed(&[(tag("b"), 0), (tag("a"), before)]));
        assert!(!generations.have_passed(&[(tag("b"), 0), (tag("a"), after)]));
    }

    #[test]
    fn forgetting_old_tags_voids_entries_and_revives_none() {
        let mut generations = Generations::default();
        let old = generations.bump(&tag("old"));
        for n in 0..MOST_TAGS {
            generations.bump(&tag(&n.to_string()));
        }
        let floor = generations.forget_oldest().expect("one too many");
        assert!(generations.have_passed(&[(tag("old"), old)]) && generations.have_passed(&[(tag("never seen"), 0)]));
        assert_eq!(generations.of(&tag("never seen")), floor);
        assert_eq!(generations.forget_oldest(), None);
    }
}
