//! One step of a remedy becomes an order; one change in force becomes the order that renews it or takes it back.

use super::{
    Seen,
    episode::{Applied, Episode, Progress},
    policy::{Act, Policy, SetKnob},
    take_back::toward,
    verdict::{Move, Tell, Verdict, Why},
};
use crate::{
    clock::Timestamp,
    controller::{
        actuator::Observed,
        incident::Stage,
        order::{CleanUpOrder, Order, Purpose, Status},
    },
    digest::Digest,
    units::TimeSpan,
};

/// Takes the step at `at`, or leaves it out with a reason.
pub(super) fn take(policy: &Policy, episode: &Episode, at: usize, seen: &Seen<'_>, now: Timestamp) -> Verdict {
    let mut to = Move::of(episode);
    let step = &policy.steps[at];
    if let Some(why) = left_out(policy, at, seen) {
        to.episode.steps[at] = Progress::Skipped;
        to.note(Stage::Skipped, format!("{}: {why}", step.words()));
        return to.because(Why::Goes("a step is left out"));
    }
    to.episode.steps[at] = Progress::Done;
    match &step.act {
        Act::Wait(span) => {
            to.episode.resume_at = now + *span;
            return to.because(Why::Waiting { until: now + *span });
        }
        Act::Notify(text) => {
            to.tell = Some(Tell::Page(text.clone()));
            to.note(Stage::Note, text.clone());
            return to.because(Why::Goes("telling people"));
        }
        Act::Set(set) => set_knob(&mut to, policy, at, set, seen, now),
        Act::CleanUp { budgets, intents, unused_for, most } => {
            let plan = CleanUpOrder {
                run: to.episode.id.clone(),
                budgets: *budgets,
                intents: intents.clone(),
                unused_for: unused_for.map(TimeSpan),
                most: *most,
            };
            let plan = serde_json::to_string(&plan).unwrap_or_default();
            order(&mut to, policy, at, ("clean_up", "cache", plan), None, now);
        }
        Act::Invalidate(tags) => {
            let run = to.episode.id.clone();
            order(&mut to, policy, at, ("invalidate", &tags.join(","), run), None, now);
        }
        Act::Outside { kind, target, to: value } => {
            order(&mut to, policy, at, (kind, target, value.clone()), None, now);
            if kind == "sampling_rule" {
                expiring(&mut to, now + policy.lasts); // the only one outside that can end by itself
            }
        }
    }
    to.because(Why::Goes("acting"))
}

/// Why a step is not taken: its condition is false, or nobody can tell. What is unknown never makes anybody act.
fn left_out(policy: &Policy, at: usize, seen: &Seen<'_>) -> Option<String> {
    let condition = policy.steps[at].condition.as_ref()?;
    let diagnosis = policy.diagnose.as_ref().and_then(|tree| seen.diagnoses.get(tree));
    match (seen.holds)(condition, diagnosis) {
        Ok(true) => None,
        Ok(false) => Some("its condition is false".into()),
        Err(missing) => Some(format!("its condition cannot be told: {missing}")),
    }
}

fn set_knob(to: &mut Move, policy: &Policy, at: usize, set: &SetKnob, seen: &Seen<'_>, now: Timestamp) {
    let Some(setting) = seen.settings.get(&set.knob) else {
        to.episode.steps[at] = Progress::Skipped;
        to.note(Stage::Skipped, format!("{} is not there", set.knob));
        return;
    };
    let goal = toward(&set.bounds, &setting.value, set.bounds.clamp(set.to.clone()));
    if goal == setting.value {
        to.note(Stage::Skipped, format!("{} is {goal} already", set.knob));
        return;
    }
    if goal != set.to {
        to.episode.steps[at] = Progress::Pending; // the rest of the way comes next
    }
    let seen = Observed { value: setting.value.to_string(), version: Some(setting.version) };
    order(to, policy, at, ("knob", &set.knob, goal.to_string()), Some(seen), now);
    expiring(to, now + policy.lasts);
    if let Some(order) = &mut to.order {
        order.not_before = now + set.stagger.mul_f64(share(&order.id));
    }
    to.episode.order.clone_from(&to.order);
}

fn expiring(to: &mut Move, at: Timestamp) {
    if let Some(order) = &mut to.order {
        order.expires = Some(at);
    }
    to.episode.order.clone_from(&to.order);
}

fn order(
    to: &mut Move,
    policy: &Policy,
    at: usize,
    (kind, target, value): (&str, &str, String),
    expect: Option<Observed>,
    now: Timestamp,
) {
    if to.episode.steps[at] == Progress::Done {
        to.episode.steps[at] = Progress::Ordered;
    }
    let order = Order {
        id: to.episode.next_order_id(),
        episode: to.episode.id.clone(),
        incident: to.episode.incident.clone(),
        policy: policy.name.clone(),
        severity: policy.severity,
        purpose: Purpose::Apply,
        step: at,
        kind: kind.to_owned(),
        target: target.to_owned(),
        to: value,
        expect,
        from: None,
        not_before: now,
        expires: None,
        reason: format!("{} in {}", policy.when, to.episode.incident),
        status: Status::Planned,
        attempts: 0,
        error: None,
        written: now,
    };
    to.episode.order = Some(order.clone());
    to.order = Some(order);
}

/// Orders a change in force to be renewed or taken back.
pub(super) fn order_back(
    to: &mut Move,
    policy: Option<&Policy>,
    applied: &Applied,
    value: String,
    purpose: Purpose,
    expires: Option<Timestamp>,
    now: Timestamp,
) {
    let why = match purpose {
        Purpose::Renew => "still needed",
        Purpose::RollBack => "it did not help",
        Purpose::Revert | Purpose::Apply => "no longer needed",
    };
    let order = Order {
        id: to.episode.next_order_id(),
        episode: to.episode.id.clone(),
        incident: to.episode.incident.clone(),
        policy: to.episode.policy.clone(),
        severity: policy.map_or(crate::controller::alarm::Severity::P2, |policy| policy.severity),
        purpose,
        step: applied.step,
        kind: applied.kind.clone(),
        target: applied.target.clone(),
        to: value,
        expect: Some(Observed { value: applied.to.clone(), version: None }),
        from: None,
        not_before: now,
        expires,
        reason: format!("{why} in {}", to.episode.incident),
        status: Status::Planned,
        attempts: 0,
        error: None,
        written: now,
    };
    to.episode.order = Some(order.clone());
    to.order = Some(order);
}

/// A number from 0 to 1 that is always the same for the same text.
fn share(text: &str) -> f64 {
    let Digest(bytes) = Digest::of([text.as_bytes()]);
    f64::from(u16::from_le_bytes([bytes[0], bytes[1]])) / f64::from(u16::MAX)
}
