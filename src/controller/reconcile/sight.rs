//! What is seen in one tick: alarms judged, causes found, knobs as they stand.

use std::{collections::BTreeMap, time::Duration};

use super::{Parts, Senses, mind::Mind};
use crate::{
    clock::Timestamp,
    controller::{
        alarm::{AlarmState, Judgement},
        decide::{Seen, decide, policy::Condition, policy::Trigger, verdict::Decision},
        diagnose::diagnose,
        diagnosis::Diagnosis,
        event::Event,
        expression::evidence::Scene,
        judge::{judge, memory::Memory},
        query::Series,
    },
    ids::{AlarmName, KnobName, TreeName},
    knob::board::Setting,
};

/// How far back events are looked at.
const EVENTS: Duration = Duration::from_secs(24 * 3_600);

/// What is seen in one tick.
pub(super) struct Sight {
    pub(super) memory: Memory,
    pub(super) alarms: BTreeMap<AlarmName, Judgement>,
    pub(super) suppressed: BTreeMap<AlarmName, String>,
    pub(super) diagnoses: BTreeMap<TreeName, Diagnosis>,
    pub(super) settings: BTreeMap<KnobName, Setting>,
    pub(super) events: Vec<Event>,
}

impl Sight {
    /// Judges every alarm and asks the trees of those that are on.
    pub(super) fn look(parts: &Parts, memory: Memory, senses: &dyn Senses, now: Timestamp) -> Self {
        let memory = judge(&parts.rules, memory, senses.series(), now);
        let alarms: BTreeMap<_, _> = memory.judgements().map(|judged| (judged.alarm.clone(), judged.clone())).collect();
        let held = |name: &AlarmName| Some((name.clone(), memory.held(name)?.to_owned()));
        let suppressed = alarms.keys().filter_map(held).collect();
        let mut sight = Self {
            suppressed,
            diagnoses: BTreeMap::new(),
            settings: BTreeMap::new(),
            events: senses.events(now - EVENTS),
            memory,
            alarms,
        };
        sight.diagnose(parts, senses.series(), now);
        sight
    }

    fn diagnose(&mut self, parts: &Parts, series: &dyn Series, now: Timestamp) {
        for policy in &parts.policies {
            let on = match &policy.when {
                Trigger::Alarm(alarm) => self.alarms.get(alarm).is_some_and(|a| a.state == AlarmState::Alarm),
                Trigger::Event { .. } | Trigger::Schedule { .. } => true,
            };
            let Some(name) = policy.diagnose.as_ref().filter(|name| on && !self.diagnoses.contains_key(*name)) else {
                continue;
            };
            if let Some(tree) = parts.trees.get(name) {
                let scene = self.scene(series, None, now);
                let found = diagnose(tree, &scene);
                self.diagnoses.insert(name.clone(), found);
            }
        }
    }

    fn scene<'a>(&'a self, series: &'a dyn Series, found: Option<&'a Diagnosis>, now: Timestamp) -> Scene<'a> {
        Scene {
            series,
            memory: &self.memory,
            events: &self.events,
            now,
            cause: found.and_then(|found| found.cause.as_ref()),
            severity: None,
        }
    }

    /// What the policies want.
    pub(super) fn decide(&self, parts: &Parts, mind: &Mind, series: &dyn Series, now: Timestamp) -> Decision {
        let holds = |condition: &Condition, found: Option<&Diagnosis>| {
            condition.expression.eval(&self.scene(series, found, now)).value.map_err(|unknown| unknown.why)
        };
        let incidents = mind.open_by_alarm();
        let lagging = parts.roster.lagging(parts.board.version());
        let seen = Seen {
            alarms: &self.alarms,
            suppressed: &self.suppressed,
            diagnoses: &self.diagnoses,
            settings: &self.settings,
            incidents: &incidents,
            lagging: &lagging,
            events: &self.events,
            holds: &holds,
        };
        decide(&parts.policies, &parts.limits, &mind.state, &seen, now)
    }
}
