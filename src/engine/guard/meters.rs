//! What guardrails count.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{guardrail::Unsure, rules::Action};
use crate::telemetry::{
    catalogue::{
        GUARD_DURATION, GUARD_EVALUATIONS, GUARD_FILTERS, GUARD_FINDINGS, GUARD_HELD, GUARD_OVER_BUDGET, GUARD_TOKENS,
    },
    metric::{Counter, Distribution, Gauge},
    registry::Registry,
};

/// The tiers, in the order in which they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    Local,
    Service,
}

const TIERS: [&str; 2] = ["local", "service"];
const RESULTS: [&str; 7] = ["clean", "note", "mask", "block", "timeout", "busy", "failed"];
const AFTER: [&str; 3] = ["released", "waited", "refused"];

/// What became of an answer whose check took longer than its budget.
#[derive(Clone, Copy, Debug)]
pub(super) enum Overdue {
    Released,
    Waited,
    Refused,
}

pub(super) struct Meters {
    registry: Arc<Registry>,
    durations: [Arc<Distribution>; 2],
    filters: [Arc<Gauge>; 2],
    tokens: Arc<Distribution>,
    evaluations: [[Arc<Counter>; 7]; 2],
    held: Arc<Distribution>,
    over_budget: [Arc<Counter>; 3],
}

impl Meters {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        let results = |tier: &'static str| RESULTS.map(|result| registry.counter(&GUARD_EVALUATIONS, &[tier, result]));
        Self {
            durations: TIERS.map(|tier| registry.distribution(&GUARD_DURATION, &[tier])),
            filters: TIERS.map(|tier| {
                let gauge = registry.gauge(&GUARD_FILTERS, &[tier]);
                gauge.set(f64::NAN);
                gauge
            }),
            tokens: registry.distribution(&GUARD_TOKENS, &[]),
            evaluations: TIERS.map(results),
            held: registry.distribution(&GUARD_HELD, &[]),
            over_budget: AFTER.map(|what| registry.counter(&GUARD_OVER_BUDGET, &[what])),
            registry: registry.clone(),
        }
    }

    pub(super) fn looked(&self, tier: Tier, result: &str, filters: Option<u64>) {
        let known = RESULTS.iter().position(|known| *known == result);
        known.into_iter().for_each(|at| self.evaluations[tier as usize][at].inc());
        if let Some(filters) = filters {
            self.filters[tier as usize].set(filters as f64);
        }
    }

    pub(super) fn unsure(&self, why: Unsure) {
        self.looked(Tier::Service, why.label(), None);
    }

    pub(super) fn found(&self, rule: &str, action: Action) {
        let action = match action {
            Action::Note => "note",
            Action::Mask => "mask",
            Action::Block => "block",
        };
        self.registry.counter(&GUARD_FINDINGS, &[rule, action]).inc();
    }

    pub(super) fn shown(&self, tokens: u64) {
        self.tokens.record(tokens);
    }

    pub(super) fn held(&self, span: Duration) {
        self.held.record_time(span);
    }

    pub(super) fn overdue(&self, what: Overdue) {
        self.over_budget[what as usize].inc();
    }

    /// Measures until it is dropped: an evaluation that is given up has taken its time, too.
    pub(super) fn time(&self, tier: Tier) -> Stopwatch {
        Stopwatch { began: Instant::now(), into: self.durations[tier as usize].clone() }
    }
}

/// One evaluation under way.
pub(super) struct Stopwatch {
    began: Instant,
    into: Arc<Distribution>,
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.into.record_time(self.began.elapsed());
    }
}
