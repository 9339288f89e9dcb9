//! What is counted: received against applied.

use std::{sync::Arc, time::Duration};

use super::intake::Channel;
use crate::telemetry::{
    catalogue,
    metric::{Counter, Distribution, Gauge},
    registry::Registry,
};

/// The measurements of the intake.
#[derive(Debug)]
pub(super) struct Meters {
    received: Arc<Counter>,
    applied: Arc<Counter>,
    failed: Arc<Counter>,
    ignored: Arc<Counter>,
    duplicate: Arc<Counter>,
    latency: Arc<Distribution>,
    divergence: Arc<Gauge>,
    letters: Arc<Gauge>,
    channels: [Arc<Counter>; 3],
    unreadable: Arc<Counter>,
    full: Arc<Counter>,
}

impl Meters {
    pub(super) fn new(registry: &Registry) -> Self {
        let result = |result| registry.counter(&catalogue::INVALIDATIONS, &[result]);
        let refused = |reason| registry.counter(&catalogue::EVENTS_REFUSED, &[reason]);
        Self {
            received: result("received"),
            applied: result("applied"),
            failed: result("failed"),
            ignored: result("ignored"),
            duplicate: result("duplicate"),
            latency: registry.distribution(&catalogue::INVALIDATION_LATENCY, &[]),
            divergence: registry.gauge(&catalogue::INVALIDATION_DIVERGENCE, &[]),
            letters: registry.gauge(&catalogue::DEAD_LETTERS, &[]),
            channels: Channel::ALL.map(|channel| registry.counter(&catalogue::EVENTS_RECEIVED, &[channel.label()])),
            unreadable: refused("unreadable"),
            full: refused("full"),
        }
    }

    /// An event came for the first time; from now on it is owed.
    pub(super) fn received(&self, channel: Channel) {
        self.received.inc();
        self.channels[channel as usize].inc();
        self.divergence.shift(1.0);
    }

    /// An event that came before came again.
    pub(super) fn duplicate(&self) {
        self.duplicate.inc();
    }

    /// One that is owed was applied, this long after it happened.
    pub(super) fn applied(&self, after: Duration) {
        self.applied.inc();
        self.latency.record_time(after);
        self.settled();
    }

    /// One that is owed means nothing here.
    pub(super) fn ignored(&self) {
        self.ignored.inc();
        self.settled();
    }

    /// One that is owed could not be applied; it stays owed.
    pub(super) fn failed(&self) {
        self.failed.inc();
    }

    /// One is owed no longer.
    pub(super) fn settled(&self) {
        self.divergence.shift(-1.0);
    }

    /// One that was left by a former life, or was put back, is owed again.
    pub(super) fn owed(&self, n: u64) {
        self.divergence.shift(n as f64);
    }

    pub(super) fn unreadable(&self) {
        self.unreadable.inc();
    }

    pub(super) fn full(&self) {
        self.full.inc();
    }

    pub(super) fn letters(&self, n: u64) {
        self.letters.set(n as f64);
    }

    pub(super) fn no_letters(&self) -> bool {
        self.letters.get() == 0.0
    }
}
