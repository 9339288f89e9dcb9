//! A run second by second, for charts; a long one in longer steps. Pure.

use serde::Serialize;

use crate::{
    drill::{
        grade::{quantile, sorted_times},
        ledger::{Ending, Served, Upstream},
        offset::Offset,
        plan::Plan,
        run::Run,
    },
    engine::source::Source,
};

/// A step's latencies are those of the questions that ended in it and the nine before.
const LOOK_BACK: usize = 10;

/// More steps than this nobody can see.
const MOST_STEPS: i64 = 6_000;

/// One value for each step from the warm-up's beginning to the drill's end. A step is a second, or as many as it takes.
#[derive(Debug, Default, Serialize)]
pub struct Series {
    /// How long a step is. Unit: seconds.
    pub step: i64,
    /// The seconds, counted from the start.
    pub at: Vec<i64>,
    /// Questions that were asked in the second.
    pub asked: Vec<u64>,
    /// Questions that ended in an error in it.
    pub errors: Vec<u64>,
    /// Wrong answers, wherever they came from; they are counted by their source, too.
    pub wrong: Vec<u64>,
    /// Answers from the cache, exact or semantic.
    pub cache: Vec<u64>,
    /// Answers shared with another question under way.
    pub coalesced: Vec<u64>,
    /// Answers of the primary model.
    pub primary: Vec<u64>,
    /// Answers of the secondary model.
    pub secondary: Vec<u64>,
    /// Expired answers.
    pub stale: Vec<u64>,
    /// Static answers and messages.
    pub degraded: Vec<u64>,
    /// Half of the recent questions ended within this time. Unit: seconds.
    pub p50: Vec<Option<f64>>,
    /// 99 % of them did.
    pub p99: Vec<Option<f64>>,
    /// Calls to models in the second.
    pub calls: Vec<u64>,
    /// Calls that a model refused for its load.
    pub throttles: Vec<u64>,
}

impl Series {
    /// The series of a run.
    pub fn of(plan: &Plan, run: &Run) -> Self {
        let first = -Offset::after(plan.warm_up).0 / 1_000;
        let seconds = (Offset::after(plan.lasts).0 / 1_000 - first).max(1) as usize;
        let step = (seconds as i64 + MOST_STEPS - 1).div_euclid(MOST_STEPS).max(1);
        let seconds = (seconds as i64).div_euclid(step).max(1) as usize;
        let second = |at: Offset| {
            let since_first = at.0.div_euclid(1_000).saturating_sub(first).div_euclid(step);
            since_first.clamp(0, seconds as i64 - 1) as usize
        };
        let at = (0..seconds as i64).map(|n| first + n * step).collect();
        let mut series = Self { step, at, ..Self::default() };
        series.asked = counts(seconds, run.served.iter().map(|it| second(it.asked)));
        let ended = |of: &dyn Fn(&Ending) -> bool| {
            counts(seconds, run.served.iter().filter(|it| of(&it.ending)).map(|it| second(it.ended)))
        };
        let from = |sources: &[Source]| {
            ended(&|ending| matches!(ending, Ending::Answered { source, .. } if sources.contains(source)))
        };
        series.errors = ended(&|ending| !matches!(ending, Ending::Answered { .. }));
        series.wrong = ended(&|ending| matches!(ending, Ending::Answered { right: false, .. }));
        series.cache = from(&[Source::Exact, Source::Semantic]);
        series.coalesced = from(&[Source::Coalesced]);
        series.primary = from(&[Source::Primary]);
        series.secondary = from(&[Source::Secondary]);
        series.stale = from(&[Source::Stale]);
        series.degraded = from(&[Source::Static, Source::Degraded]);
        series.latencies(&run.served, first);
        series.upstream(&run.upstream, &second, seconds);
        series
    }

    fn latencies(&mut self, served: &[Served], first: i64) {
        for second in 0..self.at.len() {
            let edge = |seconds: usize| {
                let until = (first + seconds as i64 * self.step) * 1_000;
                served.partition_point(|it| it.ended.0 < until)
            };
            let recent = &served[edge((second + 1).saturating_sub(LOOK_BACK))..edge(second + 1)];
            let took = sorted_times(recent);
            let seconds = |q| quantile(&took, q).map(|ms| ms as f64 / 1e3);
            self.p50.push(seconds(0.50));
            self.p99.push(seconds(0.99));
        }
    }

    fn upstream(&mut self, readings: &[(Offset, Upstream)], second: &dyn Fn(Offset) -> usize, seconds: usize) {
        (self.calls, self.throttles) = (vec![0; seconds], vec![0; seconds]);
        for pair in readings.windows(2) {
            let (at, spent) = (second(pair[0].0), pair[1].1.since(pair[0].1));
            self.calls[at] += spent.calls;
            self.throttles[at] += spent.throttles;
        }
    }
}

fn counts(seconds: usize, at: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut counts = vec![0; seconds];
    at.for_each(|second| counts[second] += 1);
    counts
}
