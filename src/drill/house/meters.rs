//! What the engines of a fleet have asked of models, from their own counters.

use std::sync::Arc;

use crate::{
    drill::ledger::Upstream,
    ids::ModelName,
    telemetry::{
        catalogue::{ATTEMPTS, COST, Metric, RETRIES, THROTTLES},
        metric::Counter,
        registry::Registry,
    },
};

/// The counters of all nodes and models.
pub(super) struct Meters {
    calls: Vec<Arc<Counter>>,
    retries: Vec<Arc<Counter>>,
    throttles: Vec<Arc<Counter>>,
    cost: Vec<Arc<Counter>>,
}

impl Meters {
    pub(super) fn new(registries: &[Arc<Registry>], models: &[ModelName]) -> Self {
        let of = |metric: &'static Metric| {
            let node = |registry: &Arc<Registry>| {
                models.iter().map(|model| registry.counter(metric, &[model])).collect::<Vec<_>>()
            };
            registries.iter().flat_map(node).collect()
        };
        Self { calls: of(&ATTEMPTS), retries: of(&RETRIES), throttles: of(&THROTTLES), cost: of(&COST) }
    }

    pub(super) fn read(&self) -> Upstream {
        let sum = |counters: &[Arc<Counter>]| counters.iter().map(|counter| counter.get()).sum();
        Upstream {
            calls: sum(&self.calls),
            retries: sum(&self.retries),
            throttles: sum(&self.throttles),
            cost_micros: sum(&self.cost),
        }
    }
}
