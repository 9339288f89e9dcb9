//! How the resolver of this node has done lately. Pure.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Timestamp;

/// How far back is looked, and at how many look-ups at most.
const LOOK_BACK: Duration = Duration::from_secs(60);
const MOST: usize = 256;

/// Fewer look-ups than this say nothing about a resolver.
const FEW: usize = 2;

/// The look-ups of the last minute.
#[derive(Debug, Default)]
pub struct Standing(VecDeque<(Timestamp, Duration, bool)>);

/// How a resolver does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How long a look-up took on average, those that failed included. `None`: nobody has asked within a minute.
    pub latency: Option<Duration>,
    /// How many there were.
    pub lookups: usize,
    /// How many of them failed.
    pub failed: usize,
}

impl Health {
    /// Whether half of the look-ups failed, or they took longer than `limit` on average; never by one look-up alone.
    pub fn is_bad(&self, limit: Duration) -> bool {
        self.lookups >= FEW && (self.failed * 2 >= self.lookups || self.latency.is_some_and(|latency| latency > limit))
    }
}

impl Standing {
    /// A look-up ended.
    pub fn note(&mut self, now: Timestamp, took: Duration, answered: bool) {
        self.0.push_back((now, took, answered));
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// How it does.
    pub fn health(&mut self, now: Timestamp) -> Health {
        while self.0.front().is_some_and(|(at, ..)| now.since(*at) >= LOOK_BACK) {
            self.0.pop_front();
        }
        let lookups = self.0.len();
        let sum: Duration = self.0.iter().map(|(_, took, _)| *took).sum();
        Health {
            latency: u32::try_from(lookups).ok().and_then(|n| sum.checked_div(n)),
            lookups,
            failed: self.0.iter().filter(|(.., answered)| !answered).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);

    fn health(lookups: &[(i64, u64, bool)], now: i64) -> Health {
        let mut standing = Standing::default();
        for (second, took, answered) in lookups {
            standing.note(Timestamp(second * 1_000), Duration::from_millis(*took), *answered);
        }
        standing.health(Timestamp(now * 1_000))
    }

    #[test]
    fn nobody_who_asked_means_nothing_is_known() {
        assert_eq!(health(&[(0, 900, false)], 60), Health::default());
        assert!(!health(&[], 60).is_bad(LIMIT));
    }

    #[test]
    fn slow_on_average_or_failing_half_of_the_time_is_bad() {
        assert_eq!(health(&[(0, 4, true), (1, 1_096, true)], 2).latency, Some(Duration::from_millis(550)));
        assert!(health(&[(0, 4, true), (1, 1_096, true)], 2).is_bad(LIMIT));
        assert!(health(&[(0, 4, true), (1, 2, false)], 2).is_bad(LIMIT), "a quick refusal is no answer");
        assert!(!health(&[(0, 4, true), (1, 700, true)], 2).is_bad(LIMIT));
    }

    #[test]
    fn one_look_up_condemns_nobody() {
        assert!(!health(&[(0, 5_000, false)], 1).is_bad(LIMIT));
    }
}
