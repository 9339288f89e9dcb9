//! Alarms: are the rules of `alarms/` true now? Pure.
//!
//! [`rules`] loads them, [`judge`] looks at all of them once: metrics first ([`alarm`], [`points`], [`math`]), then
//! composites over their states ([`composite`], [`suppress`]). [`memory`] is what it knew before and what it knows after.
//! [`table`] stands in for the world in tests; [`replay`] and [`trial`] try alarms on recorded and invented series.
//!
//! As in CloudWatch, windows slide: the newest period ends now. Unlike there, an alarm whose source fails is
//! INSUFFICIENT_DATA whatever its missing-data treatment says, and says why: silence is not health.

pub mod alarm;
pub mod composite;
mod file;
pub mod math;
pub mod memory;
pub mod notation;
pub mod points;
mod read;
pub mod replay;
pub mod rule;
pub mod rules;
pub mod suppress;
pub mod table;
pub mod trial;

use std::collections::BTreeSet;

use self::{memory::Memory, rule::Alarm, rule::Composite, rules::Rules};
use super::{alarm::AlarmState, query::Series};
use crate::{clock::Timestamp, ids::AlarmName};

/// Looks at every alarm once. What is no longer in the rules is forgotten.
pub fn judge(rules: &Rules, memory: Memory, series: &dyn Series, now: Timestamp) -> Memory {
    let mut next = Memory::default();
    for alarm in rules.alarms() {
        judge_alarm(alarm, &memory, &mut next, series, now);
    }
    for composite in rules.composites() {
        judge_composite(composite, &memory, &mut next, now);
    }
    next
}

fn judge_alarm(alarm: &Alarm, before: &Memory, next: &mut Memory, series: &dyn Series, now: Timestamp) {
    let mut standing = before.standing(&alarm.card.name, now);
    let sight = alarm::look(alarm, series, now);
    let verdict = alarm::verdict(alarm, &sight, standing.judgement.state);
    standing.settle(alarm, verdict, now);
    standing.judgement.ever_had_data |= sight.points.iter().any(Option::is_some);
    standing.judgement.impaired = sight.gap;
    standing.judgement.points = sight.points;
    next.put(standing);
}

fn judge_composite(composite: &Composite, before: &Memory, next: &mut Memory, now: Timestamp) {
    let mut standing = before.standing(&composite.card.name, now);
    let was = standing.judgement.state;
    let see = |name: &AlarmName| next.judgement(name).filter(|seen| seen.impaired.is_none()).map(|seen| seen.state);
    let state = match composite.rule.holds(&see) {
        Some(true) => AlarmState::Alarm,
        Some(false) => AlarmState::Ok,
        None => AlarmState::InsufficientData,
    };
    standing.become_state(state, composite.reason(next), now);
    let named = || composite.rule.names().into_iter().filter_map(|name| next.judgement(name));
    standing.judgement.ever_had_data |= named().any(|judgement| judgement.ever_had_data);
    standing.judgement.impaired = (state == AlarmState::InsufficientData)
        .then(|| named().find_map(|judgement| judgement.impaired.clone()))
        .flatten();
    if let Some(suppressor) = &composite.suppressor {
        let alarming = next.state(&suppressor.alarm) == Some(AlarmState::Alarm);
        standing.gate = standing.gate.after(suppressor, was != state, alarming, now);
        standing.held = standing.gate.reason(suppressor);
    }
    next.put(standing);
}

impl Composite {
    /// Those of its alarms that are in ALARM, with their reasons.
    fn reason(&self, memory: &Memory) -> String {
        let names: BTreeSet<_> = self.rule.names().into_iter().collect();
        let named = || names.iter().filter_map(|name| memory.judgement(name));
        let alarming: Vec<_> = named()
            .filter(|judgement| judgement.state == AlarmState::Alarm)
            .map(|judgement| format!("{} ({})", judgement.alarm, judgement.reason))
            .collect();
        match alarming[..] {
            [] => format!("none of {} alarms is in ALARM", named().count()),
            _ => format!("in ALARM: {}", alarming.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests;
