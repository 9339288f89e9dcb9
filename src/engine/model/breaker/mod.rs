//! One circuit breaker per model: closed while traffic flows, open while it is refused, half-open while one attempt at a
//! time finds out.
//!
//! It also steers away: a model that answers 429 with a Retry-After is left alone for that long. [`machine`] decides,
//! this file keeps the machine, the time and the metrics together.

pub mod machine;
mod window;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use machine::{Machine, Outcome, Pass, Settings, Trip};
use tracing::{info, warn};

use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    ids::ModelName,
    telemetry::{
        catalogue,
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// The breaker of one model.
#[derive(Debug)]
pub struct Breaker {
    model: ModelName,
    machine: Mutex<Machine>,
    clock: Clock,
    dice: Arc<Dice>,
    level: Arc<Gauge>,
    trips: Arc<Counter>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(model: ModelName, settings: Settings, metrics: &Registry, dice: Arc<Dice>, clock: Clock) -> Self {
        let level = metrics.gauge(&catalogue::BREAKER_OPEN, &[&model]);
        let trips = metrics.counter(&catalogue::BREAKER_TRIPS, &[&model]);
        Self { machine: Mutex::new(Machine::new(settings)), model, clock, dice, level, trips }
    }

    /// Leave to send one attempt. A ticket that is dropped unsettled, because the request was given up, is no evidence.
    ///
    /// # Errors
    /// Until when the breaker is open.
    pub fn admit(&self) -> Result<Ticket<'_>, Timestamp> {
        let now = self.clock.now();
        let mut machine = self.machine();
        let admitted = machine.admit(now);
        if machine.is_open() {
            self.level.set(machine.level(now));
        }
        admitted.map(|pass| Ticket { breaker: self, pass, outcome: Outcome::Abandoned })
    }

    /// Whether traffic is refused or only a probe goes through.
    pub fn is_open(&self) -> bool {
        self.machine().is_open()
    }

    /// Whether traffic is refused now. One that may probe by now does not: nobody knows how its model is.
    pub fn refuses(&self) -> bool {
        self.refuses_for().is_some()
    }

    /// For how long traffic is refused from now on; `None` when it is not.
    pub fn refuses_for(&self) -> Option<Duration> {
        self.machine().refuses_for(self.clock.now())
    }

    /// Brings the gauge up to date: an open breaker becomes ready to probe by time alone.
    pub fn show(&self) {
        let now = self.clock.now();
        self.level.set(self.machine().level(now));
    }

    fn record(&self, pass: Pass, outcome: Outcome) {
        let now = self.clock.now();
        let mut machine = self.machine();
        let was_open = machine.is_open();
        let waits = matches!(outcome, Outcome::Failed | Outcome::Outvoted);
        let roll = if waits { self.dice.roll() } else { 0.0 };
        let trip = machine.record(pass, outcome, now, roll);
        let (level, is_open) = (machine.level(now), machine.is_open());
        drop(machine);
        if was_open || is_open {
            self.level.set(level);
        }
        match trip {
            Some(reason) => self.tripped(reason),
            None if was_open && !is_open => info!(model = %self.model, "Breaker closed: the probe was answered."),
            None => {}
        }
    }

    fn tripped(&self, reason: Trip) {
        self.trips.inc();
        warn!(model = %self.model, ?reason, "Breaker open: the model is left alone for a while.");
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to send one attempt.
#[derive(Debug)]
pub struct Ticket<'a> {
    breaker: &'a Breaker,
    pass: Pass,
    outcome: Outcome,
}

impl Ticket<'_> {
    /// The attempt has ended.
    pub fn settle(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Whether this attempt is the probe of a half-open breaker; a probe is not retried.
    pub fn is_probe(&self) -> bool {
        self.pass.probe
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.breaker.record(self.pass, self.outcome);
    }
}

#[cfg(test)]
mod tests;
