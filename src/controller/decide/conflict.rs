//! Two policies that push one knob in opposite directions under triggers that can hold together.
//!
//! A higher threshold protects from wrong answers, a lower one protects the models; a shorter life saves memory, a longer
//! one saves calls. Each is right alone. Together they fight, and the later one loses without anybody having decided so.

use std::cmp::Ordering;

use super::policy::{Policy, SetKnob, Trigger};
use crate::{config::problem::Problems, ids::AlarmName};

/// Notes every conflict that the policies have not settled themselves, with both places.
///
/// `apart` says whether two alarms can never be in ALARM together, as far as their rules tell.
pub fn find(policies: &[Policy], apart: &dyn Fn(&AlarmName, &AlarmName) -> bool, problems: &mut Problems) {
    for (at, one) in policies.iter().enumerate() {
        for other in &policies[at + 1..] {
            if settled(one, other) || !can_hold_together(one, other, apart) {
                continue;
            }
            for (mine, theirs) in fights(one, other) {
                let what = format!(
                    "`{}` sets {} to {} and `{}` sets it to {} ({}), and both can be triggered at once. Give one of them a \
                     higher `priority`, or say `excludes: [{}]` or `unless: [ALARM]`",
                    one.name, mine.knob, mine.to, other.name, theirs.to, theirs.place, other.name
                );
                problems.add(&mine.place, what);
            }
        }
    }
}

/// The author has said who goes first, or that they never act together.
fn settled(one: &Policy, other: &Policy) -> bool {
    one.priority != other.priority || one.excludes.contains(&other.name) || other.excludes.contains(&one.name)
}

fn can_hold_together(one: &Policy, other: &Policy, apart: &dyn Fn(&AlarmName, &AlarmName) -> bool) -> bool {
    let rules_out =
        |policy: &Policy, trigger: &Trigger| matches!(trigger, Trigger::Alarm(alarm) if policy.unless.contains(alarm));
    let exclusive = match (&one.when, &other.when) {
        (Trigger::Alarm(a), Trigger::Alarm(b)) => apart(a, b) || apart(b, a),
        _ => false,
    };
    !(exclusive || rules_out(one, &other.when) || rules_out(other, &one.when))
}

fn fights<'a>(one: &'a Policy, other: &'a Policy) -> Vec<(&'a SetKnob, &'a SetKnob)> {
    let sets = |policy: &'a Policy| (0..policy.steps.len()).filter_map(|step| policy.knob(step));
    let mut fights = Vec::new();
    for mine in sets(one) {
        fights.extend(sets(other).filter(|theirs| opposed(mine, theirs)).map(|theirs| (mine, theirs)));
    }
    fights
}

/// Numbers are opposed when one lies above the configured value and the other below; words when they differ.
fn opposed(mine: &SetKnob, theirs: &SetKnob) -> bool {
    if mine.knob != theirs.knob {
        return false;
    }
    match (direction(mine), direction(theirs)) {
        (Some(mine), Some(theirs)) => mine != Ordering::Equal && mine == theirs.reverse(),
        _ => mine.to != theirs.to,
    }
}

fn direction(set: &SetKnob) -> Option<Ordering> {
    set.to.as_number()?.partial_cmp(&set.default.as_number()?)
}

#[cfg(test)]
#[path = "conflict_tests.rs"]
mod tests;
