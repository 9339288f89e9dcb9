//! Composite alarms: CloudWatch's rule grammar over the states of other alarms.
//!
//! `ALARM(x)`, `OK(x)`, `INSUFFICIENT_DATA(x)`, `TRUE`, `FALSE`, `AND`, `OR`, `NOT`, parentheses and
//! `AT_LEAST(2, ALARM, (a, b, c))` or `AT_LEAST(50%, …)`; names may stand in double quotes.
//!
//! Beyond CloudWatch, a rule can be undecided: what an alarm says while its source fails counts neither for nor against,
//! so that a broken sensor never looks like the end of an incident.

pub mod parser;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{controller::alarm::AlarmState, ids::AlarmName};

/// A rule over alarms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// `TRUE` or `FALSE`.
    Constant(bool),
    /// `ALARM(name)` and its like: the alarm is in this state.
    In(AlarmState, AlarmName),
    /// `NOT rule`
    Not(Box<Rule>),
    /// `a AND b`
    Both(Box<Rule>, Box<Rule>),
    /// `a OR b`
    Either(Box<Rule>, Box<Rule>),
    /// `AT_LEAST(2, ALARM, (a, b, c))`, or with `NOT ALARM`: this many of the alarms are (not) in this state.
    AtLeast(Count, bool, AlarmState, Vec<AlarmName>),
}

/// How many of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Count {
    /// A number, at least 1.
    Number(usize),
    /// A share of the list, 1 to 100.
    Percent(usize),
}

impl Count {
    /// The number it comes to for a list of this length.
    pub fn of(self, length: usize) -> usize {
        match self {
            Self::Number(number) => number,
            Self::Percent(percent) => (length * percent).div_ceil(100),
        }
    }
}

/// What a composite sees of another alarm; `None` while that alarm cannot be judged.
pub type Seen = Option<AlarmState>;

impl Rule {
    /// Whether the rule holds; `None` when that hangs on an alarm that cannot be judged.
    pub fn holds(&self, see: &impl Fn(&AlarmName) -> Seen) -> Option<bool> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::In(state, name) => is_in(see(name), *state),
            Self::Not(rule) => rule.holds(see).map(|holds| !holds),
            Self::Both(left, right) => match (left.holds(see), right.holds(see)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (left, right) => left.and(right),
            },
            Self::Either(left, right) => match (left.holds(see), right.holds(see)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (left, right) => left.and(right),
            },
            Self::AtLeast(count, wanted, state, names) => {
                let needed = count.of(names.len());
                let answers: Vec<_> = names.iter().map(|name| is_in(see(name), *state)).collect();
                let yes = answers.iter().filter(|answer| **answer == Some(*wanted)).count();
                let open = answers.iter().filter(|answer| answer.is_none()).count();
                match (yes >= needed, yes + open >= needed) {
                    (true, _) => Some(true),
                    (false, true) => None,
                    (false, false) => Some(false),
                }
            }
        }
    }

    /// The alarms that the rule names, in order, repeats included.
    pub fn names(&self) -> Vec<&AlarmName> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::In(_, name) => vec![name],
            Self::Not(rule) => rule.names(),
            Self::Both(left, right) | Self::Either(left, right) => [left.names(), right.names()].concat(),
            Self::AtLeast(.., names) => names.iter().collect(),
        }
    }
}

fn is_in(seen: Seen, state: AlarmState) -> Option<bool> {
    seen.map(|seen| seen == state)
}

/// The rule as CloudWatch takes it, with names in quotes.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Self::In(state, name) => write!(f, "{state}(\"{name}\")"),
            Self::Not(rule) => write!(f, "NOT {rule}"),
            Self::Both(left, right) => write!(f, "({left} AND {right})"),
            Self::Either(left, right) => write!(f, "({left} OR {right})"),
            Self::AtLeast(count, wanted, state, names) => {
                match count {
                    Count::Number(number) => write!(f, "AT_LEAST({number}, ")?,
                    Count::Percent(percent) => write!(f, "AT_LEAST({percent}%, ")?,
                }
                let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
                write!(f, "{}{state}, ({}))", if *wanted { "" } else { "NOT " }, names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
