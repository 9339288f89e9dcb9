//! Whether two alarms can be on together, as far as their rules tell.

use crate::{
    controller::{
        alarm::AlarmState,
        judge::{composite::Rule, rules::Rules},
    },
    ids::AlarmName,
};

/// Whether one of the two is a composite that needs the other not to be in ALARM. What cannot be told may hold together.
pub fn apart(rules: &Rules, one: &AlarmName, other: &AlarmName) -> bool {
    let needs_off = |composite: &AlarmName, off: &AlarmName| {
        rules.composite(composite).is_some_and(|composite| excludes(&composite.rule, off))
    };
    needs_off(one, other) || needs_off(other, one)
}

/// Whether a rule can only hold while the alarm is not in ALARM.
fn excludes(rule: &Rule, off: &AlarmName) -> bool {
    match rule {
        Rule::In(state, name) => name == off && *state != AlarmState::Alarm,
        Rule::Not(inner) => matches!(&**inner, Rule::In(AlarmState::Alarm, name) if name == off),
        Rule::Both(left, right) => excludes(left, off) || excludes(right, off),
        Rule::Either(left, right) => excludes(left, off) && excludes(right, off),
        Rule::Constant(_) | Rule::AtLeast(..) => false,
    }
}
