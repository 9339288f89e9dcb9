//! A pool that finds its own size: one more place for each full round of answers, a quarter fewer when the model refuses.
//!
//! What it goes by is only what tells of the model's load: refusals (429, 503, 529) and, when `slow_after` is set, first
//! tokens that come late. Not how long whole answers take: a long answer is no sign of load. A burst that is refused counts
//! once, because attempts that were under way at the last cut say nothing about the size since.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the size after a cut.
const CUT: f64 = 0.75;
/// A pool that is used less than this says nothing about a larger one.
const BUSY: f64 = 0.8;

/// How a pool adapts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapts {
    /// The size it does not fall below.
    pub least: u64,
    /// First tokens later than this count like refusals; `None`: they never do.
    pub slow_after: Option<Duration>,
}

/// What became of a sign of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The pool is smaller now.
    Cut,
    /// The attempt began before the last cut, which was its answer.
    AlreadyCut,
    /// It cannot become smaller: the model is in trouble, not just busy.
    AtLeast,
}

/// The size that a model was found to bear. Pure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    adapts: Adapts,
    size: f64,
    cut_at: Option<Instant>,
}

impl Limit {
    pub(super) fn new(adapts: Adapts, ceiling: u64) -> Self {
        Self { adapts, size: ceiling as f64, cut_at: None }
    }

    /// The size to use, in whole places.
    pub(super) fn size(&self, ceiling: u64) -> u64 {
        (self.size as u64).clamp(self.adapts.least.min(ceiling).max(1), ceiling)
    }

    /// Whether a first token after this time is a sign of load.
    pub(super) fn is_slow(&self, first_token: Duration) -> bool {
        self.adapts.slow_after.is_some_and(|slow| first_token > slow)
    }

    /// An attempt was answered in time while so many places were in use.
    pub(super) fn answered(&mut self, active: u64, ceiling: u64) {
        if active as f64 >= BUSY * self.size.floor() {
            self.size = (self.size + 1.0 / self.size).min(ceiling as f64);
        }
    }

    /// An attempt that began then met a sign of load.
    pub(super) fn congested(&mut self, begun: Instant, now: Instant) -> Verdict {
        if self.cut_at.is_some_and(|cut_at| begun <= cut_at) {
            return Verdict::AlreadyCut;
        }
        let least = self.adapts.least.max(1) as f64;
        if self.size <= least {
            return Verdict::AtLeast;
        }
        self.size = (self.size * CUT).max(least);
        self.cut_at = Some(now);
        Verdict::Cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTS: Adapts = Adapts { least: 2, slow_after: Some(Duration::from_secs(1)) };

    #[test]
    fn a_burst_that_is_refused_cuts_once() {
        let (begun, mut limit) = (Instant::now(), Limit::new(ADAPTS, 16));
        let later = begun + Duration::from_millis(5);
        assert_eq!(limit.congested(begun, later), Verdict::Cut);
        for _ in 0..15 {
            assert_eq!(limit.congested(begun, later), Verdict::AlreadyCut);
        }
        assert_eq!(limit.size(16), 12);
    }

    #[test]
    fn it_never_falls_below_its_least_size_and_says_so() {
        let (mut now, mut limit) = (Instant::now(), Limit::new(ADAPTS, 10));
        let verdicts: Vec<_> = (0..10)
            .map(|_| {
                now += Duration::from_millis(10);
                limit.congested(now, now)
            })
            .collect();
        assert_eq!(verdicts.last(), Some(&Verdict::AtLeast));
        assert_eq!(limit.size(10), 2);
    }

    #[test]
    fn it_grows_by_about_one_for_each_round_while_it_is_busy_and_never_beyond_its_ceiling() {
        let mut limit = Limit { size: 10.0, ..Limit::new(ADAPTS, 20) };
        (0..10).for_each(|_| limit.answered(10, 20));
        assert!((10.9..=11.0).contains(&limit.size), "{}", limit.size);
        (0..1_000).for_each(|_| limit.answered(20, 20));
        assert_eq!(limit.size(20), 20);
    }

    #[test]
    fn a_pool_that_is_hardly_used_does_not_grow() {
        let mut limit = Limit { size: 10.0, ..Limit::new(ADAPTS, 20) };
        (0..100).for_each(|_| limit.answered(3, 20));
        assert_eq!(limit.size(20), 10);
    }

    #[test]
    fn a_lower_ceiling_holds_at_once_and_a_higher_one_leaves_room_to_grow() {
        let limit = Limit::new(ADAPTS, 10);
        assert_eq!(limit.size(4), 4);
        assert_eq!(limit.size(1), 1, "the operator's ceiling outranks the least size");
        assert_eq!(limit.size(40), 10);
    }
}
