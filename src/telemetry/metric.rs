//! The three kinds of measurement. All are atomics: recording one costs a few nanoseconds and never waits.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use histogram::{AtomicHistogram, Histogram};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The count since the start.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A level that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// The level is now `value`.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// The level rises by `by`, or falls when it is negative.
    pub fn shift(&self, by: f64) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |bits| Some((f64::from_bits(bits) + by).to_bits()));
    }

    /// The level rises to `value` unless it is higher.
    pub fn raise(&self, value: f64) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |bits| (f64::from_bits(bits) < value).then(|| value.to_bits()));
    }

    /// The level; not a number while there is none, which readers leave out.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// Values near each other share a bucket no wider than 1/32 (3 %) of the value; the largest is 2^40.
const GROUPING_POWER: u8 = 5;
const MAX_VALUE_POWER: u8 = 40;

/// A distribution of values with true percentiles: distributions of nodes and periods can be added up.
/// Values are whole numbers in the metric's fine unit: microseconds for times, millionths for ratios.
#[derive(Debug)]
pub struct Distribution {
    buckets: AtomicHistogram,
    /// The sum of value + 1 over all values: it changes with every value, a 0 too.
    moved: AtomicU64,
}

impl Default for Distribution {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the two constants above are a valid pair")]
        let buckets = AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER).expect("valid histogram shape");
        Self { buckets, moved: AtomicU64::new(0) }
    }
}

impl Distribution {
    /// Records a value in the fine unit; what is beyond the largest bucket counts as the largest.
    pub fn record(&self, value: u64) {
        let value = value.min((1 << MAX_VALUE_POWER) - 1);
        let _ = self.buckets.increment(value);
        self.moved.fetch_add(value + 1, Relaxed);
    }

    /// Records a time.
    pub fn record_time(&self, time: Duration) {
        self.record(time.as_micros() as u64);
    }

    /// Everything recorded since the start.
    pub fn load(&self) -> Spread {
        Spread::from_histogram(&self.buckets.load(), self.moved.load(Relaxed))
    }

    /// A number that changes with every value: who has seen it unchanged can save the cost of [`load`](Self::load).
    pub fn stamp(&self) -> u64 {
        self.moved.load(Relaxed)
    }
}

/// A distribution at rest: sorted, non-empty buckets. Can be added and subtracted.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spread {
    /// `(largest value of the bucket, count)`, by value, without empty buckets.
    buckets: Vec<(u64, u64)>,
    sum: u64,
}

impl Spread {
    fn from_histogram(histogram: &Histogram, moved: u64) -> Self {
        let filled = histogram.iter().filter(|bucket| bucket.count() > 0);
        let buckets: Vec<_> = filled.map(|bucket| (bucket.end(), bucket.count())).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Self { buckets, sum: moved.saturating_sub(count) }
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Their sum, in the fine unit.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The `(largest value, count)` of each filled bucket, by value.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }

    /// The value that a share `q` (0 to 1) of all values does not exceed; `None` without values.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let total = self.count();
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(value, count)| {
            seen += count;
            (seen >= rank).then_some(*value)
        })
    }

    /// The smallest value, within a bucket's width; `None` without values.
    pub fn min(&self) -> Option<u64> {
        self.buckets.first().map(|(value, _)| *value)
    }

    /// The largest value, within a bucket's width; `None` without values.
    pub fn max(&self) -> Option<u64> {
        self.buckets.last().map(|(value, _)| *value)
    }

    /// Both distributions together.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// What was recorded since `earlier`, an older reading of the same distribution.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.combine(earlier, u64::saturating_sub);
        delta.sum = self.sum.saturating_sub(earlier.sum);
        delta
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        for (value, count) in &other.buckets {
            match self.buckets.binary_search_by_key(value, |(value, _)| *value) {
                Ok(at) => self.buckets[at].1 = with(self.buckets[at].1, *count),
                Err(at) => self.buckets.insert(at, (*value, with(0, *count))),
            }
        }
        self.buckets.retain(|(_, count)| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_true_within_three_percent() {
        let times = Distribution::default();
        (1..=1_000).for_each(|value| times.record(value * 1_000));
        let p99 = times.load().quantile(0.99).expect("has values") as f64;
        assert!((p99 - 990_000.0).abs() / 990_000.0 < 0.032, "{p99}");
    }

    #[test]
    fn a_reading_minus_an_older_one_is_what_came_between() {
        let times = Distribution::default();
        times.record(10);
        let earlier = times.load();
        times.record(500);
        let delta = times.load().since(&earlier);
        assert_eq!((delta.count(), delta.sum()), (1, 500));
        let mut both = earlier.clone();
        both.merge(&delta);
        assert_eq!(both, times.load());
    }

    #[test]
    fn nothing_recorded_has_no_percentile() {
        assert_eq!(Spread::default().quantile(0.5), None);
    }
}
