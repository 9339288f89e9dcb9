//! Whether the models have room for questions that nobody asked yet.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    clock::Timestamp,
    engine::answer::Engine,
    knob::value::Value,
    telemetry::{
        catalogue,
        registry::{Cell, Registry},
    },
};

/// After a throttle the models are left alone for so long.
const QUIET: std::time::Duration = std::time::Duration::from_secs(60);
/// A pool fuller than this has no place for us.
const BUSY: f64 = 0.5;

/// Watches this node's throttles, breakers and pools.
pub(super) struct Calm {
    registry: Arc<Registry>,
    /// Throttles counted so far, and when there was one more.
    throttled: Mutex<(u64, Option<Timestamp>)>,
}

impl Calm {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self { registry, throttled: Mutex::default() }
    }

    /// Whether all is well: models are asked as usual, none throttled lately, no breaker is open, no pool is busy.
    pub(super) fn is_calm(&self, engine: &Engine) -> bool {
        let is_normal = engine.board.get("engine.mode").is_none_or(|mode| mode.value == Value::Choice("normal".into()));
        let (mut throttles, mut strained) = (0, false);
        for (metric, _, cell) in self.registry.after(0) {
            match cell {
                Cell::Counter(counter) if metric.name == catalogue::THROTTLES.name => throttles += counter.get(),
                Cell::Gauge(gauge) if metric.name == catalogue::BREAKER_OPEN.name => strained |= gauge.get() > 0.0,
                Cell::Gauge(gauge) if metric.name == catalogue::POOL_UTILIZATION.name => strained |= gauge.get() > BUSY,
                _ => {}
            }
        }
        is_normal && !strained && !self.throttled_lately(throttles, engine.clock.now())
    }

    fn throttled_lately(&self, throttles: u64, now: Timestamp) -> bool {
        let mut seen = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        if throttles > seen.0 {
            *seen = (throttles, Some(now));
        }
        seen.1.is_some_and(|last| now.since(last) < QUIET)
    }
}
