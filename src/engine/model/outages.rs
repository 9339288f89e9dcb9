//! When no model answered, and for how long: what an estimated recovery is made of.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A time when no model answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The first request that no model answered.
    pub start: Timestamp,
    /// The first one answered again; `None` while it lasts.
    pub end: Option<Timestamp>,
}

impl Outage {
    /// How long it lasted, up to `now` while it lasts.
    pub fn length(&self, now: Timestamp) -> Duration {
        self.end.unwrap_or(now).since(self.start)
    }
}

/// So many requests in a row that no model answered are an outage; one is bad luck.
const IN_A_ROW: u32 = 3;
/// How many past outages are remembered.
const REMEMBERED: usize = 50;

/// What a request changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// From this request on no model answers.
    Began,
    /// A model answers again, after so long.
    Ended(Duration),
}

/// The outages of this node, the newest last.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    past: VecDeque<Outage>,
    unanswered: u32,
    since: Timestamp,
}

impl Outages {
    /// Learns whether a request was answered by any model; what that changed.
    pub fn record(&mut self, answered: bool, now: Timestamp) -> Option<Turn> {
        if answered {
            self.unanswered = 0;
            let outage = self.past.back_mut().filter(|outage| outage.end.is_none())?;
            outage.end = Some(now);
            return Some(Turn::Ended(outage.length(now)));
        }
        if self.unanswered == 0 {
            self.since = now;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let begins = self.unanswered == IN_A_ROW && self.past.back().is_none_or(|outage| outage.end.is_some());
        begins.then(|| {
            self.past.push_back(Outage { start: self.since, end: None });
            if self.past.len() > REMEMBERED {
                self.past.pop_front();
            }
            Turn::Began
        })
    }

    /// Takes over outages from before this life, oldest first. One that had not ended goes on until a request is answered.
    pub fn remember(&mut self, past: impl IntoIterator<Item = Outage>) {
        let own = std::mem::take(&mut self.past);
        self.past = past.into_iter().chain(own).collect();
        let too_many = self.past.len().saturating_sub(REMEMBERED);
        self.past.drain(..too_many);
        let last = self.past.len().saturating_sub(1);
        self.past.iter_mut().take(last).for_each(|outage| {
            outage.end.get_or_insert(outage.start);
        });
    }

    /// How much longer the present outage is likely to last, by the median of the past ones. `None` without an outage,
    /// without a past one, or when it already lasts longer than is usual: then nobody knows.
    pub fn estimate(&self, now: Timestamp) -> Option<Duration> {
        let present = self.past.back().filter(|outage| outage.end.is_none())?;
        let mut lengths: Vec<_> = self.past.iter().filter(|past| past.end.is_some()).map(|o| o.length(now)).collect();
        lengths.sort_unstable();
        let usual = lengths.get(lengths.len() / 2)?;
        usual.checked_sub(present.length(now)).filter(|left| !left.is_zero())
    }

    /// What is remembered, oldest first.
    pub fn list(&self) -> Vec<Outage> {
        self.past.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_runs_from_the_first_unanswered_request_to_the_next_answer() {
        let mut outages = Outages::default();
        for (answered, at) in [(true, 0), (false, 1), (true, 2), (false, 10), (false, 11), (false, 12), (false, 13)] {
            let turn = outages.record(answered, Timestamp(at));
            assert_eq!(turn, (at == 12).then_some(Turn::Began), "at {at}");
        }
        assert_eq!(outages.list(), [Outage { start: Timestamp(10), end: None }]);
        assert_eq!(outages.record(true, Timestamp(50)), Some(Turn::Ended(Duration::from_millis(40))));
        assert_eq!(outages.record(true, Timestamp(51)), None);
        assert_eq!(outages.list(), [Outage { start: Timestamp(10), end: Some(Timestamp(50)) }]);
        assert_eq!(outages.list()[0].length(Timestamp(99)), Duration::from_millis(40));
    }

    #[test]
    fn an_outage_that_outlives_the_process_goes_on_as_one() {
        let mut outages = Outages::default();
        outages.remember([
            Outage { start: Timestamp(0), end: Some(Timestamp(9)) },
            Outage { start: Timestamp(20), end: None },
        ]);
        (0..5).for_each(|at| assert_eq!(outages.record(false, Timestamp(30 + at)), None, "it has begun before"));
        outages.record(true, Timestamp(50));
        assert_eq!(outages.list()[1..], [Outage { start: Timestamp(20), end: Some(Timestamp(50)) }]);
    }

    #[test]
    fn the_recovery_is_estimated_from_past_outages_until_this_one_is_longer() {
        let mut outages = Outages::default();
        let fail = |outages: &mut Outages, at| {
            let last = (0..3).filter_map(|_| outages.record(false, Timestamp(at))).last();
            assert_eq!(last, Some(Turn::Began));
        };
        fail(&mut outages, 0);
        assert_eq!(outages.estimate(Timestamp(10)), None, "the first one says nothing about itself");
        outages.record(true, Timestamp(40_000));
        assert_eq!(outages.estimate(Timestamp(50_000)), None, "no outage now");
        fail(&mut outages, 100_000);
        assert_eq!(outages.estimate(Timestamp(110_000)), Some(Duration::from_secs(30)));
        assert_eq!(outages.estimate(Timestamp(140_000)), None);
    }
}
