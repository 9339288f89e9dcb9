//! A node's last minute at a glance: how much it is asked, how often it fails, how fast it is.

use std::{collections::VecDeque, time::Duration};

use crate::{
    clock::Timestamp,
    telemetry::{
        catalogue::{ANSWER_LATENCY, ERRORS, REQUESTS},
        metric::Spread,
        registry::{Reading, Value},
    },
};

/// How far back it looks.
const MINUTE: Duration = Duration::from_secs(60);
/// More looks than this in a minute are not kept.
const MOST: usize = 120;

/// The looks of the last minute.
#[derive(Debug, Default)]
pub(super) struct Pulse(VecDeque<Beat>);

#[derive(Debug)]
struct Beat {
    at: Timestamp,
    requests: u64,
    errors: u64,
    latency: Spread,
}

impl Pulse {
    /// Takes in what a node measured since the last look.
    pub(super) fn feel(&mut self, news: &[Reading], now: Timestamp) {
        let grown = |name: &str| news.iter().filter(|reading| reading.metric.name == name).map(count).sum();
        let mut latency = Spread::default();
        for reading in news.iter().filter(|reading| reading.metric.name == ANSWER_LATENCY.name) {
            if let Value::Spread(values) = &reading.value {
                latency.merge(values);
            }
        }
        self.0.push_back(Beat { at: now, requests: grown(REQUESTS.name), errors: grown(ERRORS.name), latency });
        while self.0.len() > MOST || self.0.front().is_some_and(|beat| now.since(beat.at) > MINUTE) {
            self.0.pop_front();
        }
    }

    /// Questions and errors a second, and the 95th percentile of answers in seconds.
    pub(super) fn rates(&self, now: Timestamp) -> (f64, f64, Option<f64>) {
        let recent = || self.0.iter().filter(|beat| now.since(beat.at) <= MINUTE);
        let per_second = |sum: u64| sum as f64 / MINUTE.as_secs_f64();
        let mut latency = Spread::default();
        recent().for_each(|beat| latency.merge(&beat.latency));
        let p95 = latency.quantile(0.95).map(|micros| micros as f64 / ANSWER_LATENCY.unit.fine());
        (per_second(recent().map(|beat| beat.requests).sum()), per_second(recent().map(|beat| beat.errors).sum()), p95)
    }
}

fn count(reading: &Reading) -> u64 {
    if let Value::Count(count) = reading.value { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::registry::Registry;

    #[test]
    fn a_minute_is_forgotten_after_a_minute() {
        let registry = Registry::default();
        registry.counter(&REQUESTS, &[]).add(120);
        registry.distribution(&ANSWER_LATENCY, &[]).record(250_000);
        let mut pulse = Pulse::default();
        pulse.feel(&registry.read(), Timestamp(0));
        let (requests, errors, p95) = pulse.rates(Timestamp(30_000));
        assert_eq!((requests, errors), (2.0, 0.0));
        assert!(p95.is_some_and(|p95| (p95 - 0.25).abs() < 0.01), "{p95:?}");
        assert_eq!(pulse.rates(Timestamp(61_000)), (0.0, 0.0, None));
    }
}
