//! The store's future, hour by hour: entries come and leave by themselves, and now and then budgets are enforced.

use super::{
    Purse,
    flow::{DAY, Flow},
};
use crate::store::keeping::{MOST_REMOVED, budgets::Enforcement};

/// Further ahead nothing is said. Unit: seconds.
const FURTHEST: f64 = 365.0 * DAY;
/// Within this time nothing rises and falls again by much. Unit: seconds.
const STEP: f64 = 3_600.0;

/// What a store holds at some time ahead.
pub(super) struct Ahead<'a> {
    purses: Vec<Held<'a>>,
    enforcement: Option<&'a Enforcement>,
}

/// What the intents of one purse hold.
struct Held<'a> {
    budget: Option<f64>,
    /// Each with its entries.
    flows: Vec<(&'a Flow, f64)>,
}

impl<'a> Ahead<'a> {
    /// Now.
    pub(super) fn of(purses: &'a [Purse], enforcement: Option<&'a Enforcement>) -> Self {
        let held = |purse: &'a Purse| Held {
            budget: purse.budget.map(|budget| budget as f64),
            flows: purse.flows.iter().map(|flow| (flow, flow.entries as f64)).collect(),
        };
        Self { purses: purses.iter().map(held).collect(), enforcement }
    }

    /// In how many seconds a level first reaches a mark; `None` when it never does, or not within a year. An entry counts as
    /// `weight` says.
    pub(super) fn reaches(mut self, weight: fn(&Flow) -> f64, mark: f64) -> Option<f64> {
        if self.level(0.0, weight) >= mark {
            return Some(0.0);
        }
        let (mut at, mut next) = (0.0, self.enforcement.map_or(f64::INFINITY, |it| it.first.as_secs_f64()));
        while at < FURTHEST {
            let step = STEP.min(next - at).max(0.0);
            if self.level(step, weight) >= mark {
                return Some(at + self.halve(step, weight, mark));
            }
            self.go_on(step);
            at += step;
            if at >= next {
                self.enforce();
                next += self.enforcement.map_or(f64::INFINITY, |it| it.every.as_secs_f64().max(STEP));
            }
        }
        None
    }

    /// When, within a step at whose end it is there.
    fn halve(&self, step: f64, weight: fn(&Flow) -> f64, mark: f64) -> f64 {
        let (mut low, mut high) = (0.0, step);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if self.level(middle, weight) < mark { low = middle } else { high = middle }
        }
        high
    }

    fn level(&self, t: f64, weight: fn(&Flow) -> f64) -> f64 {
        let flows = self.purses.iter().flat_map(|held| &held.flows);
        flows.map(|(flow, entries)| after(flow, *entries, t) * weight(flow)).sum()
    }

    fn go_on(&mut self, t: f64) {
        let flows = self.purses.iter_mut().flat_map(|held| &mut held.flows);
        flows.for_each(|(flow, entries)| *entries = after(flow, *entries, t));
    }

    /// What is over its budget goes, and no more than one run removes.
    fn enforce(&mut self) {
        let over: f64 = self.purses.iter().map(Held::entries_over).sum();
        let part = (MOST_REMOVED as f64 / over.max(1.0)).min(1.0);
        for held in &mut self.purses {
            let stays = 1.0 - held.share_over() * part;
            held.flows.iter_mut().for_each(|(_, entries)| *entries *= stays);
        }
    }
}

impl Held<'_> {
    /// The share of it that is over its budget.
    fn share_over(&self) -> f64 {
        let bytes: f64 = self.flows.iter().map(|(flow, entries)| entries * flow.size()).sum();
        self.budget.map_or(0.0, |budget| (1.0 - budget / bytes.max(1.0)).max(0.0))
    }

    fn entries_over(&self) -> f64 {
        self.share_over() * self.flows.iter().map(|(_, entries)| entries).sum::<f64>()
    }
}

/// Entries of a flow that has so many now, after `t` seconds: it grows towards its steady state, as a bath with a drain does.
fn after(flow: &Flow, entries: f64, t: f64) -> f64 {
    let steady = flow.steady();
    steady + (entries - steady) * (-t / flow.life()).exp()
}
