//! A run second by second, for charts. Pure.

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

/// A second's latencies are those of the questions that ended in it and the nine before.
const LOOK_BACK: usize = 10;

/// One value for each second from the warm-up's beginning to the drill's end.
#[derive(Debug, Default, Serialize)]
pub struct Series {
    /// The seconds, counted from the start.
    pub at: Vec<i64>,
    /// Questions that were asked in the second.
    pub asked: Vec<u64>,
    /// Questions that ended in an error in it.
    pub errors: Vec<u64>,
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
        let second = |at: Offset| at.0.div_euclid(1_000).saturating_sub(first).clamp(0, seconds as i64 - 1) as usize;
        let mut series = Self { at: (first..first + seconds as i64).collect(), ..Self::default() };
        series.asked = counts(seconds, run.served.iter().map(|it| second(it.asked)));
        let ended = |of: &dyn Fn(&Ending) -> bool| {
            counts(seconds, run.served.iter().filter(|it| of(&it.ending)).map(|it| second(it.ended)))
        };
        let from = |sources: &[Source]| {
            ended(&|ending| matches!(ending, Ending::Answered { source, .. } if sources.contains(source)))
        };
        series.errors = ended(&|ending| !matches!(ending, Ending::Answered { .. }));
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
                let until = (first + seconds as i64) * 1_000;
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
