//! What is measured of an endpoint.

use std::{sync::Arc, time::Duration};

use super::{
    Endpoint,
    finding::{Finding, State},
};
use crate::telemetry::{
    catalogue,
    metric::{Distribution, Gauge},
    registry::Registry,
};

pub(super) struct Meters {
    up: Arc<Gauge>,
    /// Only of those that must be private.
    public: Option<Arc<Gauge>>,
    connect: Arc<Distribution>,
    tls: Arc<Distribution>,
}

impl Meters {
    pub(super) fn new(registry: &Registry, endpoint: &Endpoint, zone: &str) -> Self {
        let labels = [&*endpoint.name, zone];
        let up = registry.gauge(&catalogue::ENDPOINT_UP, &labels);
        up.set(f64::NAN);
        Self {
            up,
            public: endpoint.private.then(|| registry.gauge(&catalogue::ENDPOINT_PUBLIC, &labels)),
            connect: registry.distribution(&catalogue::ENDPOINT_CONNECT, &labels),
            tls: registry.distribution(&catalogue::ENDPOINT_TLS, &labels),
        }
    }

    pub(super) fn show(&self, finding: &Finding) {
        self.up.set(if finding.state == State::Down { 0.0 } else { 1.0 });
        if let Some(public) = &self.public {
            public.set(if finding.state == State::Public { 1.0 } else { 0.0 });
        }
        let record = |of: &Distribution, millis: Option<f64>| {
            millis.into_iter().for_each(|millis| of.record_time(Duration::from_secs_f64(millis / 1e3)));
        };
        record(&self.connect, finding.connect_ms);
        record(&self.tls, finding.tls_ms);
    }
}
