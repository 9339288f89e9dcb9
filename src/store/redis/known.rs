//! The generations of tags as far as this node knows them, so that reading asks Redis for none.
//!
//! What Redis *answered* about a tag stays right, because every invalidation since is pushed to an ear that listened
//! before the question was asked. When an ear breaks, everything that was answered is in question and asked anew; it is
//! kept only as a *floor*, for a generation never falls: a Redis that answers less has lost an invalidation in a failover,
//! and is told again. Answers to questions from before the break come too late and are floors as well ([`Mark`]).
//!
//! Invalidations that Redis could not be told yet void everything with their tags here, and are told later.

use std::collections::{BTreeMap, HashMap};

use super::LONGEST_LIFE;
use crate::{clock::Timestamp, store::Tag};

/// Tags kept in mind; beyond that everything is forgotten and learnt anew.
const MOST_TAGS: usize = 100_000;
/// Invalidations remembered for a Redis that is away, or has lost them.
const MOST_UNSENT: usize = 10_000;
/// How old an invalidation can be that a failover loses. Unit: microseconds.
const LOSABLE: u64 = 600_000_000;

#[derive(Debug, Default)]
pub(super) struct Known {
    of: HashMap<Tag, Heard>,
    unsent: BTreeMap<Tag, u64>,
    lost: BTreeMap<Tag, u64>,
    stamps: u64,
    mark: Mark,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    generation: u64,
    /// Whether Redis itself said so since the last break.
    is_answered: bool,
}

/// A moment, before a question was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark(u64);

/// What Redis is still to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Debt {
    /// Invalidations it never heard of, each with its stamp here.
    pub(super) unsent: BTreeMap<Tag, u64>,
    /// Invalidations it may have lost, with the least generation that each tag must have.
    pub(super) lost: BTreeMap<Tag, u64>,
}

impl Debt {
    /// Each tag with the least generation it must have; 0 for an invalidation now.
    pub(super) fn tags(&self) -> Vec<(Tag, u64)> {
        let unsent = self.unsent.keys().map(|tag| (tag.clone(), 0));
        let lost = self.lost.iter().filter(|(tag, _)| !self.unsent.contains_key(*tag));
        unsent.chain(lost.map(|(tag, generation)| (tag.clone(), *generation))).collect()
    }
}

impl Known {
    /// A tag's generation, if Redis said so.
    pub(super) fn of(&self, tag: &Tag) -> Option<u64> {
        self.of.get(tag).filter(|heard| heard.is_answered).map(|heard| heard.generation)
    }

    /// To be taken before a question is asked.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Takes over what was pushed; `true` when it is news.
    pub(super) fn hear(&mut self, tag: &Tag, generation: u64) -> bool {
        self.make_room();
        let heard = self.of.entry(tag.clone()).or_insert(Heard { generation: 0, is_answered: false });
        let is_news = heard.generation < generation;
        heard.generation = heard.generation.max(generation);
        is_news
    }

    /// Takes over what Redis answered to a question from after `mark`.
    pub(super) fn learn(&mut self, tag: &Tag, generation: u64, mark: Mark) {
        self.make_room();
        let is_in_time = mark == self.mark;
        let heard = self.of.entry(tag.clone()).or_insert(Heard { generation, is_answered: false });
        // In time, an answer that is behind was overtaken by a push, unless it is the first since a break.
        if is_in_time && heard.generation > generation && !heard.is_answered && self.lost.len() < MOST_UNSENT {
            self.lost.insert(tag.clone(), heard.generation);
        }
        heard.generation = heard.generation.max(generation);
        heard.is_answered |= is_in_time;
    }

    /// Whether one of these tags was invalidated after it had the generation beside it; `None` when one is not known.
    pub(super) fn have_passed(&self, tags: &[(Tag, u64)], now: Timestamp) -> Option<bool> {
        // No entry lives so long; Redis has forgotten such an invalidation, and newer entries do not know of it.
        let forgotten = micros(now - LONGEST_LIFE);
        let mut passed = false;
        for (tag, then) in tags {
            let generation = self.of(tag)?;
            passed |= generation > *then && generation > forgotten || self.unsent.contains_key(tag);
        }
        Some(passed)
    }

    /// Keeps invalidations that Redis could not be told; `false` when there are too many to keep them all.
    pub(super) fn hold(&mut self, tags: &[Tag]) -> bool {
        self.stamps += 1;
        let stamp = self.stamps;
        self.unsent.extend(tags.iter().map(|tag| (tag.clone(), stamp)));
        let fits = self.unsent.len() <= MOST_UNSENT;
        while self.unsent.len() > MOST_UNSENT {
            self.unsent.pop_last();
        }
        fits
    }

    pub(super) fn debt(&self) -> Debt {
        Debt { unsent: self.unsent.clone(), lost: self.lost.clone() }
    }

    /// Redis was told these; what came up meanwhile stays.
    pub(super) fn paid(&mut self, debt: &Debt) {
        self.unsent.retain(|tag, stamp| debt.unsent.get(tag) != Some(stamp));
        self.lost.retain(|tag, generation| debt.lost.get(tag) != Some(generation));
    }

    /// An ear broke: what Redis answered is in question, and the last invalidations may be lost with it.
    pub(super) fn doubt(&mut self, now: Timestamp) {
        self.mark.0 += 1;
        let recent = micros(now).saturating_sub(LOSABLE);
        for (tag, heard) in &mut self.of {
            heard.is_answered = false;
            if heard.generation > recent && self.lost.len() < MOST_UNSENT {
                self.lost.insert(tag.clone(), heard.generation);
            }
        }
    }

    fn make_room(&mut self) {
        if self.of.len() >= MOST_TAGS {
            self.of.clear();
            self.mark.0 += 1;
        }
    }
}

/// A time as a generation.
pub(super) fn micros(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
