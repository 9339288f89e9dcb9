//! How every alarm stands, from one look to the next. Survives a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{alarm::Verdict, rule::Alarm, suppress::Gate};
use crate::{
    clock::Timestamp,
    controller::alarm::{AlarmState, Judgement},
    ids::AlarmName,
    units::TimeSpan,
};

/// How the alarms stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    standings: BTreeMap<AlarmName, Standing>,
}

/// How one alarm or composite stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its state, since when and why.
    pub judgement: Judgement,
    /// Since when its rule has called for another state than it has, while pending or recovery still runs.
    pub leaving: Option<Timestamp>,
    /// Whether its actions may run.
    pub gate: Gate,
    /// Why they may not, in a sentence.
    pub held: Option<String>,
}

impl Memory {
    /// Every alarm and composite, by name.
    pub fn judgements(&self) -> impl Iterator<Item = &Judgement> {
        self.standings.values().map(|standing| &standing.judgement)
    }

    /// One of them.
    pub fn judgement(&self, name: &str) -> Option<&Judgement> {
        self.standings.get(name).map(|standing| &standing.judgement)
    }

    /// The state of an alarm; `None` for one that was never judged.
    pub fn state(&self, name: &str) -> Option<AlarmState> {
        self.judgement(name).map(|judgement| judgement.state)
    }

    /// Why a composite's actions are held back by its suppressor, if they are.
    pub fn held(&self, name: &str) -> Option<&str> {
        self.standings.get(name).and_then(|standing| standing.held.as_deref())
    }

    /// What is remembered of an alarm; one that is new has no data yet.
    pub(super) fn standing(&self, name: &AlarmName, now: Timestamp) -> Standing {
        self.standings.get(name).cloned().unwrap_or_else(|| Standing::new(name, now))
    }

    pub(super) fn put(&mut self, standing: Standing) {
        self.standings.insert(standing.judgement.alarm.clone(), standing);
    }
}

impl Standing {
    fn new(name: &AlarmName, now: Timestamp) -> Self {
        let judgement = Judgement {
            alarm: name.clone(),
            state: AlarmState::InsufficientData,
            since: now,
            reason: "not judged yet".into(),
            points: Vec::new(),
            impaired: None,
            ever_had_data: false,
        };
        Self { judgement, leaving: None, gate: Gate::Open, held: None }
    }

    /// Takes over a verdict, after the alarm's pending or recovery time.
    pub(super) fn settle(&mut self, alarm: &Alarm, verdict: Verdict, now: Timestamp) {
        let state = self.judgement.state;
        let patience = match (state, verdict.state) {
            (AlarmState::Ok | AlarmState::InsufficientData, AlarmState::Alarm) => alarm.pending,
            (AlarmState::Alarm, AlarmState::Ok) => alarm.recovery,
            _ => std::time::Duration::ZERO,
        };
        if patience.is_zero() || verdict.state == state {
            self.leaving = None;
            return self.become_state(verdict.state, verdict.reason, now);
        }
        let since = *self.leaving.get_or_insert(now);
        if now.since(since) >= patience {
            self.leaving = None;
            return self.become_state(verdict.state, verdict.reason, now);
        }
        let waited = TimeSpan(now.since(since));
        self.judgement.reason = format!("{} for {waited} of {}: {}", verdict.state, TimeSpan(patience), verdict.reason);
    }

    pub(super) fn become_state(&mut self, state: AlarmState, reason: String, now: Timestamp) {
        if self.judgement.state != state {
            self.judgement.state = state;
            self.judgement.since = now;
        }
        self.judgement.reason = reason;
    }
}
