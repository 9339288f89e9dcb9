//! What is measured of every request.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::source::Source;
use crate::telemetry::{
    catalogue,
    metric::{Counter, Distribution},
    registry::Registry,
};

/// The classes of `answers.errors`.
const ERRORS: [&str; 7] = ["invalid", "unauthorized", "rate_limited", "too_large", "internal", "upstream", "cut"];

/// The metrics of the way through the engine.
#[derive(Debug)]
pub struct Measures {
    /// Questions that reached the engine.
    pub requests: Arc<Counter>,
    /// Questions answered by a degraded answer given a moment ago.
    pub repeated: Arc<Counter>,
    answers: [Arc<Counter>; Source::ALL.len()],
    errors: [Arc<Counter>; ERRORS.len()],
    latency: Arc<Distribution>,
    first_token: Arc<Distribution>,
}

impl Measures {
    /// The metrics of one node.
    pub fn new(registry: &Registry) -> Self {
        Self {
            requests: registry.counter(&catalogue::REQUESTS, &[]),
            repeated: registry.counter(&catalogue::REPEATED, &[]),
            answers: Source::ALL.map(|source| registry.counter(&catalogue::ANSWERS, &[source.label()])),
            errors: ERRORS.map(|class| registry.counter(&catalogue::ERRORS, &[class])),
            latency: registry.distribution(&catalogue::ANSWER_LATENCY, &[]),
            first_token: registry.distribution(&catalogue::FIRST_TOKEN, &[]),
        }
    }

    /// Counts an error that a user gets, by its class.
    pub fn error(&self, class: &str) {
        let at = ERRORS.iter().position(|known| *known == class).unwrap_or(4);
        self.errors[at].inc();
    }

    fn answer(&self, source: Source, took: Duration) {
        let at = Source::ALL.iter().position(|known| *known == source).unwrap_or(0);
        self.answers[at].inc();
        self.latency.record_time(took);
    }
}

/// Times one request, from its last byte.
#[derive(Clone, Debug)]
pub struct Timer {
    started: Instant,
    measures: Arc<Measures>,
}

impl Timer {
    /// Starts now.
    pub fn start(measures: Arc<Measures>) -> Self {
        Self { started: Instant::now(), measures }
    }

    /// How long it has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The answer has begun.
    pub fn first_byte(&self) {
        self.measures.first_token.record_time(self.started.elapsed());
    }

    /// The answer is complete.
    pub fn done(&self, source: Source) {
        self.measures.answer(source, self.started.elapsed());
    }

    /// The answer will never be complete.
    pub fn failed(&self, class: &str) {
        self.measures.error(class);
    }
}
