//! What the files of `alarms/` say, in types that cannot be wrong. Whatever CloudWatch needs to have the same alarm is here.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use super::{
    composite,
    math::Expr,
    points::{Quorum, Treatment},
    suppress::Suppressor,
};
use crate::{
    config::problem::Place,
    controller::{alarm::Severity, query::MetricQuery},
    ids::AlarmName,
};

/// What alarms and composites have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its name, unique among alarms and composites.
    pub name: AlarmName,
    /// What it means, for people.
    pub description: String,
    /// How grave it is; `None` for a signal that nobody is told about by itself.
    pub severity: Option<Severity>,
    /// Where the runbook is.
    pub runbook: Option<String>,
    /// Where to look, by title.
    pub links: BTreeMap<String, String>,
    /// Whether its transitions lead to actions and notices at all.
    pub actions_enabled: bool,
    /// Whether CloudWatch gets a copy.
    pub deploy: bool,
    /// Where it is written.
    pub place: Place,
}

/// An alarm on a metric or on metric math.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its name and what goes with it.
    pub card: Card,
    /// What is measured.
    pub measure: Measure,
    /// On which side of the threshold it is bad.
    pub comparison: Comparison,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// M of N.
    pub quorum: Quorum,
    /// How many points an evaluation looks at; at least N.
    pub range: usize,
    /// What a period without data means.
    pub missing: Treatment,
    /// Whether a percentile of too few samples changes nothing (`evaluate_low_sample_count_percentile: ignore`).
    pub ignore_few_samples: bool,
    /// How long the rule must hold before the alarm is raised. CloudWatch has no such thing.
    pub pending: Duration,
    /// How long the rule must not hold before the alarm is over. CloudWatch has no such thing.
    pub recovery: Duration,
    /// The period that CloudWatch's copy has, where ours is shorter than CloudWatch can.
    pub deployed_period: Option<Duration>,
}

/// What an alarm measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// One metric.
    Metric(MetricQuery),
    /// Several, and expressions over them.
    Math(Math),
}

/// Metrics and expressions, one of which the alarm judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Math {
    /// In the order of the file.
    pub inputs: Vec<Input>,
    /// The expressions' places among the inputs, each after those that it uses.
    pub order: Vec<usize>,
    /// The place of the one that the alarm judges.
    pub returned: usize,
    /// The length of a period, the same for all.
    pub period: Duration,
}

/// A metric or an expression under an id.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// How expressions name it: a small letter first, then letters, digits and underscores.
    pub id: String,
    /// What people call it.
    pub label: Option<String>,
    /// What it is.
    pub source: Source,
}

/// Where an input's points come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A metric.
    Metric(MetricQuery),
    /// An expression over other inputs: as written, and as understood.
    Expression(String, Expr),
}

/// A rule over other alarms.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// Its name and what goes with it.
    pub card: Card,
    /// When it is in ALARM.
    pub rule: composite::Rule,
    /// The rule as it is written, which is what CloudWatch gets.
    pub text: String,
    /// What may hold back its actions.
    pub suppressor: Option<Suppressor>,
}

/// On which side of the threshold it is bad, as CloudWatch spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `GreaterThanThreshold`
    Above,
    /// `GreaterThanOrEqualToThreshold`
    AtLeast,
    /// `LessThanThreshold`
    Below,
    /// `LessThanOrEqualToThreshold`
    AtMost,
}

impl Comparison {
    const ALL: [(Self, &str); 4] = [
        (Self::Above, "GreaterThanThreshold"),
        (Self::AtLeast, "GreaterThanOrEqualToThreshold"),
        (Self::Below, "LessThanThreshold"),
        (Self::AtMost, "LessThanOrEqualToThreshold"),
    ];

    /// Whether a value is on the bad side.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }

    /// As CloudWatch spells it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(comparison, _)| *comparison == self).map_or("", |(_, text)| text)
    }
}

impl FromStr for Comparison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known)| *known == text).map(|(comparison, _)| *comparison);
        found.ok_or_else(|| {
            let known = Self::ALL.map(|(_, text)| text).join(", ");
            format!("`{text}` is no comparison operator: use {known}")
        })
    }
}

/// As a sentence says it: `above`, `at or below`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => "above",
            Self::AtLeast => "at or above",
            Self::Below => "below",
            Self::AtMost => "at or below",
        })
    }
}

impl Alarm {
    /// The length of one of its periods.
    pub fn period(&self) -> Duration {
        match &self.measure {
            Measure::Metric(query) => query.period,
            Measure::Math(math) => math.period,
        }
    }

    /// The metrics that it reads, in the order of the file.
    pub fn queries(&self) -> Vec<&MetricQuery> {
        match &self.measure {
            Measure::Metric(query) => vec![query],
            Measure::Math(math) => math.inputs.iter().filter_map(Input::query).collect(),
        }
    }
}

impl Input {
    /// The metric, unless it is an expression.
    pub fn query(&self) -> Option<&MetricQuery> {
        match &self.source {
            Source::Metric(query) => Some(query),
            Source::Expression(..) => None,
        }
    }
}
