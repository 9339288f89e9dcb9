//! Alarms as CloudWatch has them, from the rules of `alarms/`.
//!
//! Deployed unchanged: name, metrics, math, M of N, missing data, composite rule. What CloudWatch does not have (pending and
//! recovery durations) stays here. The description ends with our mark, so that one look tells ours from others'.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::plan::Resource;
use crate::{
    config::problem::Problems,
    controller::{
        judge::{
            composite::parser,
            points::Treatment,
            rule::{self, Card, Input, Measure, Source},
            rules::Rules,
        },
        query::{MetricQuery, Statistic},
    },
};

/// How a description of ours ends.
pub const MARK: &str = "[managed by banto]";

/// An alarm or a composite, as CloudWatch has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DeployedAlarm {
    /// On a metric or on metric math.
    Metric(MetricAlarm),
    /// On other alarms.
    Composite(CompositeAlarm),
}

/// `PutMetricAlarm`'s fields. Lengths of time are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricAlarm {
    /// What goes for composites too.
    #[serde(flatten)]
    pub common: Common,
    /// One metric, or the inputs of math.
    pub metrics: Vec<Metric>,
    /// The N of M of N.
    pub evaluation_periods: i32,
    /// The M of M of N.
    pub datapoints_to_alarm: i32,
    /// `GreaterThanThreshold` and the like.
    pub comparison_operator: String,
    /// The threshold.
    pub threshold: f64,
    /// `missing`, `ignore`, `breaching`, `notBreaching`.
    pub treat_missing_data: String,
    /// `ignore` or nothing.
    pub evaluate_low_sample_count_percentile: Option<String>,
}

/// `PutCompositeAlarm`'s fields. Lengths of time are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CompositeAlarm {
    /// What goes for metric alarms too.
    #[serde(flatten)]
    pub common: Common,
    /// The rule, as it is written.
    pub alarm_rule: String,
    /// Who holds back the actions: alarm, wait, extension.
    pub actions_suppressor: Option<(String, i32, i32)>,
}

/// What every alarm has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Common {
    /// The name.
    pub alarm_name: String,
    /// For people; ends with the mark.
    pub alarm_description: String,
    /// Whether transitions run actions.
    pub actions_enabled: bool,
    /// What runs in ALARM: ARNs.
    pub alarm_actions: Vec<String>,
    /// What runs when it is over: ARNs.
    #[serde(rename = "OKActions")]
    pub ok_actions: Vec<String>,
}

/// A metric or an expression. A single metric has no id.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// How expressions name it; empty for a single metric.
    pub id: String,
    /// What people call it.
    pub label: Option<String>,
    /// Whether the alarm judges it.
    pub return_data: bool,
    /// The expression, unless it is a metric.
    pub expression: Option<String>,
    /// The metric's namespace; empty for an expression.
    pub namespace: String,
    /// The metric's name; empty for an expression.
    pub metric_name: String,
    /// The metric's dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// `Sum`, `p95`; empty for an expression.
    pub stat: String,
    /// The length of a period; 0 for an expression.
    pub period: i32,
}

impl DeployedAlarm {
    /// What every alarm has.
    pub fn common(&self) -> &Common {
        match self {
            Self::Metric(alarm) => &alarm.common,
            Self::Composite(alarm) => &alarm.common,
        }
    }
}

impl Resource for DeployedAlarm {
    fn name(&self) -> &str {
        &self.common().alarm_name
    }

    fn document(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn is_ours(&self) -> bool {
        self.common().alarm_description.ends_with(MARK)
    }

    fn needs(&self, other: &Self) -> bool {
        let Self::Composite(composite) = self else { return false };
        let named =
            parser::parse(&composite.alarm_rule).is_ok_and(|rule| rule.names().iter().any(|n| **n == *other.name()));
        named || composite.actions_suppressor.as_ref().is_some_and(|(alarm, ..)| alarm == other.name())
    }
}

/// Everything that the rules want deployed, children before the composites that name them. `actions` are the ARNs that run
/// when an alarm with a severity changes.
pub fn desired(rules: &Rules, actions: &[String], problems: &mut Problems) -> Vec<DeployedAlarm> {
    let mut alarms = Vec::new();
    for alarm in rules.alarms().filter(|alarm| alarm.card.deploy) {
        alarms.extend(metric_alarm(alarm, actions, problems).map(DeployedAlarm::Metric));
    }
    let composites = rules.composites().filter(|composite| composite.card.deploy);
    alarms.extend(composites.map(|composite| {
        let suppressor = composite.suppressor.as_ref();
        DeployedAlarm::Composite(CompositeAlarm {
            common: common(&composite.card, actions),
            alarm_rule: composite.text.clone(),
            actions_suppressor: suppressor
                .map(|s| (s.alarm.to_string(), whole(s.wait.as_secs()), whole(s.extension.as_secs()))),
        })
    }));
    alarms
}

fn common(card: &Card, actions: &[String]) -> Common {
    let told = if card.severity.is_some() { actions.to_vec() } else { Vec::new() };
    let severity = card.severity.map(|severity| format!("{severity:?}. ")).unwrap_or_default();
    let runbook = card.runbook.as_ref().map(|runbook| format!("\nRunbook: {runbook}")).unwrap_or_default();
    Common {
        alarm_name: card.name.to_string(),
        alarm_description: format!("{severity}{}{runbook}\n{MARK}", card.description),
        actions_enabled: card.actions_enabled,
        alarm_actions: told.clone(),
        ok_actions: told,
    }
}

fn metric_alarm(alarm: &rule::Alarm, actions: &[String], problems: &mut Problems) -> Option<MetricAlarm> {
    let period = alarm.deployed_period.unwrap_or(alarm.period()).as_secs();
    if !matches!(period, 10 | 20 | 30) && (period == 0 || !period.is_multiple_of(60)) {
        let what = format!(
            "CloudWatch has no period of {} s: set `deployed_period` to 10s, 20s, 30s or whole minutes, or `deploy: false`",
            alarm.period().as_secs_f64()
        );
        problems.add(&alarm.card.place, what);
        return None;
    }
    let metrics = match &alarm.measure {
        Measure::Metric(query) => vec![metric(query, period)],
        Measure::Math(math) => {
            let judged = |at: usize| at == math.returned;
            math.inputs.iter().enumerate().map(|(at, input)| part(input, judged(at), period)).collect()
        }
    };
    Some(MetricAlarm {
        common: common(&alarm.card, actions),
        metrics,
        evaluation_periods: whole(alarm.quorum.n as u64),
        datapoints_to_alarm: whole(alarm.quorum.m as u64),
        comparison_operator: alarm.comparison.as_str().to_owned(),
        threshold: alarm.threshold,
        treat_missing_data: spelt(alarm.missing).to_owned(),
        evaluate_low_sample_count_percentile: low_samples(alarm),
    })
}

/// CloudWatch knows this for percentiles of one metric only.
fn low_samples(alarm: &rule::Alarm) -> Option<String> {
    let percentile =
        matches!(&alarm.measure, Measure::Metric(query) if matches!(query.statistic, Statistic::Percentile(_)));
    (alarm.ignore_few_samples && percentile).then(|| "ignore".to_owned())
}

fn part(input: &Input, judged: bool, period: u64) -> Metric {
    let metric = match &input.source {
        Source::Metric(query) => metric(query, period),
        Source::Expression(text, _) => Metric { expression: Some(text.clone()), ..Metric::default() },
    };
    Metric { id: input.id.clone(), label: input.label.clone(), return_data: judged, ..metric }
}

fn metric(query: &MetricQuery, period: u64) -> Metric {
    Metric {
        return_data: true,
        namespace: query.namespace.clone(),
        metric_name: query.metric.clone(),
        dimensions: query.dimensions.iter().cloned().collect(),
        stat: query.statistic.to_string(),
        period: whole(period),
        ..Metric::default()
    }
}

fn spelt(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Missing => "missing",
        Treatment::Ignore => "ignore",
        Treatment::Breaching => "breaching",
        Treatment::NotBreaching => "notBreaching",
    }
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
