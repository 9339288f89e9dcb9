//! What this process connects to, looked at on purpose: does each endpoint resolve, is its address private, how long do a
//! connection and its TLS take?
//!
//! Every look is one TCP connection and one handshake that are closed again; no request is sent. Each part has a deadline, a
//! few endpoints are looked at at once, and what was found last can be read at any time. The look asks the resolver itself,
//! not the memory of names, so that a failing resolver shows while requests still do without it. Whether something must be
//! done is left to alarms; [`finding`] is pure.

pub mod finding;
mod meters;
mod reach;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde::Serialize;

use self::{finding::Finding, meters::Meters, reach::Reach};
use crate::{clock::Clock, resolve::Resolver, telemetry::registry::Registry};

/// How many endpoints are looked at at once.
const AT_ONCE: usize = 8;

/// How often, where the configuration says nothing.
pub const EVERY: Duration = Duration::from_secs(30);

/// One thing that this process connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is called in metrics: `model:primary`, `origin:product`, `redis`, `aws:monitoring`.
    pub name: Arc<str>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether a handshake is part of the look.
    pub tls: bool,
    /// Whether its address must be private.
    pub private: bool,
}

/// Looks at endpoints, and knows what was found.
pub struct Probes {
    endpoints: Vec<(Endpoint, Meters)>,
    found: Mutex<Vec<Finding>>,
    resolver: Resolver,
    reach: Reach,
    every: Duration,
    clock: Clock,
}

/// How things stand, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where this node runs.
    pub zone: String,
    /// How its resolver does.
    pub resolver: ResolverReport,
    /// How often endpoints are looked at. Unit: seconds.
    pub every_s: f64,
    /// What was found last, in the order of the configuration; empty until the first look.
    pub endpoints: Vec<Finding>,
}

/// How a resolver did within the last minute.
#[derive(Clone, Debug, Serialize)]
pub struct ResolverReport {
    /// What a look-up took on average. `None`: nobody has asked.
    pub latency_ms: Option<f64>,
    /// Look-ups.
    pub lookups: usize,
    /// Of these, those that failed.
    pub failed: usize,
}

impl Probes {
    /// Looks at these endpoints.
    ///
    /// # Errors
    /// TLS is to be spoken and the machine's certificates cannot be read.
    pub fn new(
        endpoints: Vec<Endpoint>,
        every: Duration,
        resolver: Resolver,
        clock: Clock,
        registry: &Registry,
    ) -> Result<Self, String> {
        let reach = Reach::new(endpoints.iter().any(|endpoint| endpoint.tls))?;
        let metered = |endpoint: Endpoint| {
            let meters = Meters::new(registry, &endpoint, resolver.zone());
            (endpoint, meters)
        };
        let endpoints = endpoints.into_iter().map(metered).collect();
        Ok(Self { endpoints, found: Mutex::default(), resolver, reach, every, clock })
    }

    /// Looks again and again. Runs until dropped.
    pub async fn run(self: Arc<Self>) {
        if self.endpoints.is_empty() {
            return;
        }
        loop {
            self.look().await;
            tokio::time::sleep(self.every).await;
        }
    }

    /// Looks at every endpoint once.
    pub async fn look(&self) {
        let mut looks = Vec::with_capacity(self.endpoints.len());
        for (endpoint, meters) in &self.endpoints {
            looks.push(self.look_at(endpoint, meters));
        }
        let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        let before = std::mem::replace(&mut *self.found(), found.clone());
        for finding in finding::turned(&before, &found) {
            finding.tell();
        }
    }

    async fn look_at(&self, endpoint: &Endpoint, meters: &Meters) -> Finding {
        let finding = self.reach.look(endpoint, &self.resolver, self.clock.now()).await;
        meters.show(&finding);
        finding
    }

    /// What was found last.
    pub fn report(&self) -> Report {
        let health = self.resolver.health();
        Report {
            zone: self.resolver.zone().to_owned(),
            resolver: ResolverReport {
                latency_ms: health.latency.map(|latency| latency.as_secs_f64() * 1e3),
                lookups: health.lookups,
                failed: health.failed,
            },
            every_s: self.every.as_secs_f64(),
            endpoints: self.found().clone(),
        }
    }

    fn found(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
