//! What is measured of look-ups, under the zone that this node runs in.

use std::{sync::Arc, time::Duration};

use super::{lookup::Trouble, standing::Health};
use crate::telemetry::{
    catalogue,
    metric::{Counter, Distribution, Gauge},
    registry::Registry,
};

pub(super) struct Meters {
    took: Arc<Distribution>,
    answered: Arc<Counter>,
    failed: [Arc<Counter>; Trouble::LABELS.len()],
    last_good: Arc<Counter>,
    latency: Arc<Gauge>,
}

impl Meters {
    pub(super) fn new(registry: &Registry, zone: &str) -> Self {
        let latency = registry.gauge(&catalogue::DNS_LATENCY, &[zone]);
        latency.set(f64::NAN);
        Self {
            took: registry.distribution(&catalogue::DNS_TIME, &[zone]),
            answered: registry.counter(&catalogue::DNS_LOOKUPS, &[zone, "answered"]),
            failed: Trouble::LABELS.map(|label| registry.counter(&catalogue::DNS_LOOKUPS, &[zone, label])),
            last_good: registry.counter(&catalogue::DNS_LAST_GOOD, &[zone]),
            latency,
        }
    }

    pub(super) fn looked_up(&self, took: Duration, trouble: Option<&Trouble>) {
        self.took.record_time(took);
        let of = |trouble: &Trouble| Trouble::LABELS.iter().position(|label| *label == trouble.label());
        match trouble.map(of) {
            Some(at) => self.failed[at.unwrap_or_default()].inc(),
            None => self.answered.inc(),
        }
    }

    pub(super) fn last_good(&self) {
        self.last_good.inc();
    }

    pub(super) fn show(&self, health: &Health) {
        self.latency.set(health.latency.map_or(f64::NAN, |latency| latency.as_secs_f64()));
    }
}
