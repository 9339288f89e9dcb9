//! Recent values of one series: by the second for hours, by the minute for two days, by the hour for five weeks.
//!
//! Only what happened takes room: neighbouring periods that look the same are one run, and a counter that stood still
//! leaves nothing behind.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::own::Grain;
use crate::telemetry::metric::Spread;

/// How long seconds are kept. Unit: seconds.
pub const SECONDS_KEPT: i64 = 3 * 3_600;
/// How long minutes are kept. Unit: minutes.
pub const MINUTES_KEPT: i64 = 48 * 60;
/// How long hours are kept. Unit: hours.
pub const HOURS_KEPT: i64 = 35 * 24;

/// What one period holds.
pub trait Bucket: Clone + PartialEq {
    /// Takes in another value of the same period.
    fn merge(&mut self, other: &Self);

    /// Takes in `times` more periods like `other`.
    fn fold(&mut self, other: &Self, times: u64);
}

/// How much a counter grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth(pub u64);

impl Bucket for Growth {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    fn fold(&mut self, other: &Self, times: u64) {
        self.0 = self.0.saturating_add(other.0.saturating_mul(times));
    }
}

/// The levels that a gauge showed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

impl Default for Levels {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0 }
    }
}

impl Levels {
    /// A single level.
    pub fn of(level: f64) -> Self {
        Self { min: level, max: level, sum: level, count: 1 }
    }
}

impl Bucket for Levels {
    fn merge(&mut self, other: &Self) {
        self.fold(other, 1);
    }

    fn fold(&mut self, other: &Self, times: u64) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum * times as f64;
        self.count += other.count * times;
    }
}

impl Bucket for Spread {
    fn merge(&mut self, other: &Self) {
        Spread::merge(self, other);
    }

    fn fold(&mut self, other: &Self, times: u64) {
        (0..times).for_each(|_| Spread::merge(self, other));
    }
}

/// Somebody delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alive;

impl Bucket for Alive {
    fn merge(&mut self, _: &Self) {}
    fn fold(&mut self, _: &Self, _: u64) {}
}

/// The values of one series, by the second, the minute and the hour.
#[derive(Debug)]
pub struct Ring<B> {
    seconds: Lane<B>,
    minutes: Lane<B>,
    hours: Lane<B>,
}

impl<B> Default for Ring<B> {
    fn default() -> Self {
        Self {
            seconds: Lane::keeping(SECONDS_KEPT),
            minutes: Lane::keeping(MINUTES_KEPT),
            hours: Lane::keeping(HOURS_KEPT),
        }
    }
}

impl<B: Bucket> Ring<B> {
    /// Takes in a value that holds for each of these seconds (since 1970, both included).
    pub fn add(&mut self, from: i64, to: i64, bucket: &B) {
        for second in from.max(to - SECONDS_KEPT)..=to {
            self.seconds.add(second, bucket);
            self.minutes.add(second.div_euclid(60), bucket);
            self.hours.add(second.div_euclid(3_600), bucket);
        }
    }

    /// What these seconds hold together (the second one excluded), taken into `sum`; `false` when there was nothing.
    /// The whole hours and minutes among them are read as such, so that a long window costs little more than a short one.
    pub fn fold(&self, from: i64, to: i64, sum: &mut B) -> bool {
        let (first, last) = (-(-from).div_euclid(3_600), to.div_euclid(3_600));
        if first >= last {
            return self.fold_minutes(from, to, sum);
        }
        let before = self.fold_minutes(from, first * 3_600, sum);
        let within = self.hours.fold(first, last, sum);
        let after = self.fold_minutes(last * 3_600, to, sum);
        before || within || after
    }

    /// What one minute or hour holds; `None` when there was nothing.
    pub fn of(&self, grain: Grain, at: i64) -> Option<B>
    where
        B: Default,
    {
        let lane = if grain == Grain::Minute { &self.minutes } else { &self.hours };
        let mut sum = B::default();
        lane.fold(at, at + 1, &mut sum).then_some(sum)
    }

    /// Takes in a minute or an hour of an earlier life, oldest first; minutes from the hour `hours_from` on count towards
    /// their hours too.
    pub fn refill(&mut self, grain: Grain, at: i64, bucket: &B, hours_from: i64) {
        match grain {
            Grain::Hour => self.hours.add(at, bucket),
            Grain::Minute => {
                self.minutes.add(at, bucket);
                if at.div_euclid(60) >= hours_from {
                    self.hours.add(at.div_euclid(60), bucket);
                }
            }
        }
    }

    /// The first hour, not before this one, that holds anything.
    pub fn first_hour(&self, from: i64) -> Option<i64> {
        let first = self.hours.runs.partition_point(|run| run.to < from);
        self.hours.runs.get(first).map(|run| run.from.max(from))
    }

    fn fold_minutes(&self, from: i64, to: i64, sum: &mut B) -> bool {
        let (first, last) = (-(-from).div_euclid(60), to.div_euclid(60));
        if first >= last {
            return self.seconds.fold(from, to, sum);
        }
        let before = self.seconds.fold(from, first * 60, sum);
        let within = self.minutes.fold(first, last, sum);
        let after = self.seconds.fold(last * 60, to, sum);
        before || within || after
    }
}

/// Runs of like periods, oldest first.
#[derive(Debug)]
struct Lane<B> {
    kept: i64,
    runs: VecDeque<Run<B>>,
}

#[derive(Debug)]
struct Run<B> {
    from: i64,
    to: i64,
    bucket: B,
}

impl<B> Lane<B> {
    fn keeping(kept: i64) -> Self {
        Self { kept, runs: VecDeque::new() }
    }
}

impl<B: Bucket> Lane<B> {
    /// Adds to a period; what comes late counts in the newest one.
    fn add(&mut self, at: i64, bucket: &B) {
        match self.runs.back_mut() {
            Some(last) if last.to >= at && last.from == last.to => last.bucket.merge(bucket),
            Some(last) if last.to >= at => {
                let mut newest = last.bucket.clone();
                newest.merge(bucket);
                if newest != last.bucket {
                    last.to -= 1;
                    let at = last.to + 1;
                    self.runs.push_back(Run { from: at, to: at, bucket: newest });
                }
            }
            _ => self.begin(at, bucket),
        }
    }

    /// A new period: the one before is complete and joins its neighbour if they look the same.
    fn begin(&mut self, at: i64, bucket: &B) {
        if let Some(last) = self.runs.pop_back() {
            match self.runs.back_mut() {
                Some(before) if before.to + 1 == last.from && before.bucket == last.bucket => before.to = last.to,
                _ => self.runs.push_back(last),
            }
        }
        self.runs.push_back(Run { from: at, to: at, bucket: bucket.clone() });
        while self.runs.front().is_some_and(|oldest| oldest.to <= at - self.kept) {
            self.runs.pop_front();
        }
    }

    fn fold(&self, from: i64, to: i64, sum: &mut B) -> bool {
        let first = self.runs.partition_point(|run| run.to < from);
        let within = self.runs.range(first..).take_while(|run| run.from < to);
        let mut any = false;
        for run in within {
            let periods = (run.to + 1).min(to) - run.from.max(from);
            sum.fold(&run.bucket, periods.max(0) as u64);
            any = true;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_level_that_stands_still_takes_the_room_of_one() {
        let mut ring = Ring::default();
        (0..1_000).for_each(|second| ring.add(second, second, &Levels::of(7.0)));
        assert!(ring.seconds.runs.len() <= 2, "{}", ring.seconds.runs.len());
        let mut sum = Levels::default();
        ring.fold(10, 20, &mut sum);
        assert_eq!((sum.count, sum.sum), (10, 70.0));
    }

    #[test]
    fn what_is_older_than_kept_is_gone_by_the_second_and_kept_by_the_minute() {
        let mut ring = Ring::default();
        ring.add(30, 30, &Growth(5));
        ring.add(SECONDS_KEPT + 60, SECONDS_KEPT + 60, &Growth(1));
        assert!(!ring.fold(29, 31, &mut Growth(0)));
        let mut sum = Growth(0);
        assert!(ring.fold(0, 60, &mut sum));
        assert_eq!(sum, Growth(5));
    }

    proptest! {
        #[test]
        fn any_window_holds_exactly_what_fell_into_it(
            growth in prop::collection::vec((0i64..3, 0u64..4), 1..400), from in 0i64..300, span in 1i64..300,
        ) {
            let (mut ring, mut at, mut plain) = (Ring::default(), 0, Vec::new());
            for (step, n) in growth {
                at += step;
                ring.add(at, at, &Growth(n));
                plain.push((at, n));
            }
            let expected: u64 = plain.iter().filter(|(at, _)| (from..from + span).contains(at)).map(|(_, n)| n).sum();
            let mut sum = Growth(0);
            ring.fold(from, from + span, &mut sum);
            prop_assert_eq!(sum.0, expected);
        }
    }
}
