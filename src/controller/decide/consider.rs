//! Whether a policy starts: every guard that may hold it back, one after the other, each with its reason.

use std::time::Duration;

use super::{
    Claims, Limits, Seen,
    episode::{Episode, Phase},
    policy::{Act, Mode, Policy, Trigger},
    state::{Record, State, forget_old, room_at},
    trigger::{Holds, Occurrence, holds},
    verdict::{Move, Tell, Verdict, Why},
};
use crate::{
    clock::Timestamp,
    controller::{
        alarm::AlarmState,
        incident::{Outcome, Stage},
    },
};

/// A trigger that comes back this soon after its remedy counts against the remedy.
const SOON: Duration = Duration::from_secs(1_800);

/// What a policy without an open episode wants.
pub(super) fn consider(
    policy: &Policy,
    limits: &Limits,
    state: &State,
    seen: &Seen<'_>,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Verdict {
    let record = state.record(&policy.name);
    let occurrence = match holds(policy, &record, seen, now) {
        Holds::Yes(occurrence) => occurrence,
        Holds::No(_) => return Verdict::Hold(Why::NotTriggered),
        Holds::Unknown(alarm) => return Verdict::Hold(Why::Blind { alarm }),
    };
    let record = counting(record, &occurrence, now);
    let guard = unsuitable(policy, &record, &occurrence, limits, seen)
        .or_else(|| in_the_way(policy, seen, claims))
        .or_else(|| too_soon(policy, &record, limits, state, now))
        .or_else(|| not_alone(policy, state));
    guard.map_or_else(|| begin(policy, record, &occurrence, seen, now), Verdict::Hold)
}

/// The record with this occurrence taken into account: one that comes back soon counts as a failure of the remedy.
fn counting(mut record: Record, occurrence: &Occurrence, now: Timestamp) -> Record {
    let new = record.occurrence != Some(occurrence.since);
    if let Some(closed) = record.closed.filter(|_| new && record.outcome == Some(Outcome::Pass)) {
        record.failures = if occurrence.since.since(closed) < SOON { record.failures + 1 } else { 0 };
    }
    forget_old(&mut record.begun, now);
    record
}

/// Why the policy does not fit the situation.
fn unsuitable(
    policy: &Policy,
    record: &Record,
    occurrence: &Occurrence,
    limits: &Limits,
    seen: &Seen<'_>,
) -> Option<Why> {
    if record.occurrence == Some(occurrence.since) {
        return Some(Why::DealtWith);
    }
    if let Trigger::Alarm(alarm) = &policy.when
        && let Some(why) = seen.suppressed.get(alarm)
    {
        return Some(Why::Suppressed { alarm: alarm.clone(), why: why.clone() });
    }
    let rules_out = |alarm: &&crate::ids::AlarmName| seen.alarms.get(*alarm).is_none_or(|a| a.state != AlarmState::Ok);
    if let Some(alarm) = policy.unless.iter().find(rules_out) {
        return Some(Why::RuledOut { alarm: alarm.clone() });
    }
    if record.failures >= limits.failures {
        return Some(Why::LockedAfterFailures { failures: record.failures });
    }
    let diagnosis = policy.diagnose.as_ref().and_then(|tree| seen.diagnoses.get(tree));
    let condition = policy.condition.as_ref()?;
    let text = condition.text.clone();
    match (seen.holds)(condition, diagnosis) {
        Ok(true) => None,
        Ok(false) => {
            let cause = diagnosis.and_then(|found| found.cause.as_ref()).map(ToString::to_string);
            Some(Why::ConditionFalse { condition: text, cause })
        }
        Err(missing) => Some(Why::ConditionUnknown { condition: text, missing }),
    }
}

/// Who or what else has the policy's knobs.
fn in_the_way(policy: &Policy, seen: &Seen<'_>, claims: &Claims<'_>) -> Option<Why> {
    let mine = format!("policy:{}", policy.name);
    let sets = || (0..policy.steps.len()).filter_map(|step| policy.knob(step));
    let temporary = sets().find_map(|set| {
        let setting = seen.settings.get(&set.knob)?;
        let other = setting.expires.is_some() && setting.author != mine && setting.author != "expiry";
        other.then(|| Why::HeldBy { target: set.knob.to_string(), writer: setting.author.clone() })
    });
    let only_sets = policy.steps.iter().all(|step| matches!(step.act, Act::Set(_) | Act::Wait(_) | Act::Notify(_)));
    let stands = only_sets
        && sets().next().is_some()
        && sets().all(|set| seen.settings.get(&set.knob).is_some_and(|setting| setting.value == set.to));
    claims.against(policy).or(temporary).or_else(|| stands.then_some(Why::AlreadyThere))
}

/// What keeps the policy from acting so often.
fn too_soon(policy: &Policy, record: &Record, limits: &Limits, state: &State, now: Timestamp) -> Option<Why> {
    let cool = record.closed.map(|closed| closed + policy.cooldown).filter(|until| *until > now);
    cool.map(|until| Why::CoolingDown { until })
        .or_else(|| {
            room_at(&record.begun, policy.most_per_hour, now)
                .map(|until| Why::BudgetSpent { whose: "the policy's", until })
        })
        .or_else(|| {
            room_at(&state.standing.spent, limits.changes_per_hour, now)
                .map(|until| Why::BudgetSpent { whose: "the controller's", until })
        })
}

/// What keeps the policy from acting alone.
fn not_alone(policy: &Policy, state: &State) -> Option<Why> {
    if let Some(hold) = &state.standing.hold {
        return Some(Why::Held { by: hold.by.clone(), reason: hold.reason.clone() });
    }
    (policy.mode == Mode::Observe).then(|| Why::ObserveOnly { would: policy.words() })
}

fn begin(policy: &Policy, mut record: Record, occurrence: &Occurrence, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    let proposed = policy.mode == Mode::Approve;
    let phase = if proposed { Phase::Proposed } else { Phase::Acting };
    let open = match &policy.when {
        Trigger::Alarm(alarm) => seen.incidents.get(alarm).cloned(),
        Trigger::Event { .. } | Trigger::Schedule { .. } => None,
    };
    let incident = open.unwrap_or_else(|| format!("{}@{}", policy.name, occurrence.since));
    record.begun.push_back(now);
    record.occurrence = Some(occurrence.since);
    record.dealt_with = Some(occurrence.since);
    let mut step = Move::of(&Episode::begin(&policy.name, &incident, policy.steps.len(), phase, now));
    step.record = Some(record);
    if proposed {
        let id = &step.episode.id;
        let text =
            format!("proposes to {}. Say `banto approve {id}`, or `banto approve {id} --reject`", policy.words());
        step.tell = Some(Tell::Page(text.clone()));
        step.note(Stage::Proposed, text);
    }
    Verdict::Move(Box::new(step), Why::Triggered { by: occurrence.words.clone() })
}
