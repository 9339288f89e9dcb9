//! What was measured lately, and what happened: the controller's memory, in process.
//!
//! Three kinds of points live here. The engine's own come from the nodes each second and are added up over the fleet
//! ([`own`](super::own)): while a node delivers, a counter that stands still is 0; when none does, its points are missing.
//! Points of other namespaces are [`fetched`](super::fetched) because somebody asked for them. What a source cannot deliver
//! is a [gap](super::gaps), with its reason.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    fetched::{Fetched, Wanted},
    gaps::Gaps,
    own::Own,
};
use crate::{
    clock::Timestamp,
    controller::{
        event::Event,
        query::{MetricQuery, OWN_NAMESPACE, Series},
    },
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// How many events are remembered.
const MOST_EVENTS: usize = 2_000;

/// The source that feeds a namespace other than our own.
pub const CLOUDWATCH: &str = "cloudwatch";
/// The source that feeds [`LOGS_NAMESPACE`].
pub const LOGS: &str = "logs";
/// What was counted in logs: the metric is the log query's name, the dimension `code` one of its codes.
pub const LOGS_NAMESPACE: &str = "Logs";
/// The source that feeds our own metrics `redis.…`.
pub const REDIS: &str = "redis";
/// The sources that feed our own namespace are named `engine:NODE`.
pub const ENGINE: &str = "engine:";

/// Recent measurements and events. Shared by sources, which write, and judges, which read.
#[derive(Debug)]
pub struct History {
    state: Mutex<State>,
    refused: Arc<Counter>,
}

#[derive(Debug, Default)]
struct State {
    own: Own,
    fetched: Fetched,
    gaps: Gaps,
    events: VecDeque<Event>,
}

impl History {
    /// An empty history; what it has to refuse is counted in `registry`.
    pub fn new(registry: &Registry) -> Self {
        Self { state: Mutex::default(), refused: registry.counter(&catalogue::SERIES_REFUSED, &[]) }
    }

    /// Writes the engine's measurements of one look, all at once.
    pub fn measure<T>(&self, write: impl FnOnce(&mut Own) -> T) -> T {
        write(&mut self.state().own)
    }

    /// Counts series that found no room.
    pub fn refuse(&self, series: u64) {
        self.refused.add(series);
    }

    /// Reads or changes how sources stand.
    pub fn gaps<T>(&self, look: impl FnOnce(&mut Gaps) -> T) -> T {
        look(&mut self.state().gaps)
    }

    /// Remembers that something happened.
    pub fn note(&self, event: Event) {
        let mut state = self.state();
        let at = state.events.partition_point(|known| known.at <= event.at);
        state.events.insert(at, event);
        if state.events.len() > MOST_EVENTS {
            state.events.pop_front();
        }
    }

    /// What happened since then, oldest first.
    pub fn events_since(&self, since: Timestamp) -> Vec<Event> {
        let state = self.state();
        let first = state.events.partition_point(|event| event.at < since);
        state.events.range(first..).cloned().collect()
    }

    /// Series of the namespaces that `mine` accepts which are due for another look.
    pub fn wanted(&self, mine: impl Fn(&str) -> bool, every: Duration, now: Timestamp) -> Vec<Wanted> {
        self.state().fetched.due(mine, every, now)
    }

    /// Keeps fetched points, each at the start of its period.
    pub fn keep(&self, query: &MetricQuery, points: &[(Timestamp, f64)], now: Timestamp) {
        self.state().fetched.keep(query, points, now);
    }

    /// A series could not be had, alone among others; its alarms have a gap until it is kept again.
    pub fn lack(&self, query: &MetricQuery, trouble: &str) {
        self.state().fetched.lack(query, trouble);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series for History {
    fn points(&self, query: &MetricQuery, now: Timestamp, count: usize) -> Vec<Option<f64>> {
        let mut state = self.state();
        if query.namespace == OWN_NAMESPACE {
            return state.own.points(query, now, count);
        }
        state.fetched.ask(query, now, count).unwrap_or_else(|| {
            self.refused.inc();
            vec![None; count]
        })
    }

    fn gap(&self, query: &MetricQuery, now: Timestamp) -> Option<String> {
        let state = self.state();
        if query.namespace == OWN_NAMESPACE {
            if query.metric.starts_with("redis.") {
                return state.gaps.of(REDIS, now);
            }
            // One node of several is no gap: the others' figures are true. All of them are.
            let (failing, nodes) = state.gaps.among(ENGINE, now);
            return (failing.len() == nodes && nodes > 0).then(|| failing.join("; "));
        }
        let source = if query.namespace == LOGS_NAMESPACE { LOGS } else { CLOUDWATCH };
        state.gaps.of(source, now).or_else(|| state.fetched.trouble(query))
    }
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;
