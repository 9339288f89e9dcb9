//! The way back: numbers in steps, words and switches at its end, the last change first.

use super::{
    episode::{Applied, Episode},
    policy::{Policy, SetKnob},
};
use crate::{clock::Timestamp, knob::catalogue::Bounds, knob::value::Value};

/// The next change on the way back at this share of it (1: the end); `None` when all stands as it should by then.
pub(super) fn next_back(policy: Option<&Policy>, episode: &Episode, share: f64) -> Option<(Applied, String)> {
    let reverse = policy.is_none_or(|policy| policy.revert.reverse);
    let mut order: Vec<_> = episode.applied.iter().collect();
    if reverse {
        order.reverse();
    }
    order.into_iter().find_map(|applied| {
        let knob = policy.and_then(|policy| policy.knob(applied.step));
        let to = value_at(applied, knob, share);
        (to != applied.to).then(|| (applied.clone(), to))
    })
}

/// The share of the way back that is due now.
pub(super) fn share_due(policy: &Policy, since: Timestamp, now: Timestamp) -> f64 {
    let (over, steps) = (policy.revert.over.as_secs_f64(), f64::from(policy.revert.steps.max(1)));
    if over <= 0.0 {
        return 1.0;
    }
    ((now.since(since).as_secs_f64() / over * steps).floor() / steps).min(1.0)
}

/// When the next part of the way back is due.
pub(super) fn next_due(policy: &Policy, since: Timestamp, now: Timestamp) -> Timestamp {
    let pause = policy.revert.over / policy.revert.steps.max(1);
    let gone = now.since(since).as_millis() / pause.as_millis().max(1);
    since + pause.saturating_mul(gone as u32 + 1)
}

fn value_at(applied: &Applied, knob: Option<&SetKnob>, share: f64) -> String {
    let Some(knob) = knob else { return text_at(applied, share) };
    let read = |text: &str| knob.default.parse_like(text).ok();
    let (Some(peak), Some(from), Some(at)) = (read(&applied.peak), read(&applied.from), read(&applied.to)) else {
        return applied.from.clone();
    };
    let Some((high, low)) = peak.as_number().zip(from.as_number()) else {
        return if share >= 1.0 { applied.from.clone() } else { applied.to.clone() };
    };
    let goal = if share >= 1.0 { from } else { peak.at_number(high + (low - high) * share) };
    toward(&knob.bounds, &at, goal).to_string()
}

/// The same for things that are no knobs: whole numbers go in steps, everything else at the end.
fn text_at(applied: &Applied, share: f64) -> String {
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.fract() == 0.0);
    match number(&applied.peak).zip(number(&applied.from)) {
        _ if share >= 1.0 => applied.from.clone(),
        Some((peak, from)) => format!("{}", (peak + (from - peak) * share).round()),
        None => applied.to.clone(),
    }
}

/// `goal`, or as far towards it as one change may go.
pub(super) fn toward(bounds: &Bounds, at: &Value, goal: Value) -> Value {
    let Bounds::Range { step: Some(step), .. } = bounds else { return goal };
    match (at.as_number(), goal.as_number(), step.as_number()) {
        (Some(from), Some(to), Some(most)) if (to - from).abs() > most => {
            at.at_number(from + most * (to - from).signum())
        }
        _ => goal,
    }
}
