//! What a file of `alarms/` may say, before anybody has checked it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{config::document::Spanned, controller::alarm::Severity, units::TimeSpan};

/// `alarm: Name`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alarm {
    pub alarm: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub severity: Option<Severity>,
    pub runbook: Option<String>,
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    #[serde(default = "yes")]
    pub deploy: bool,
    pub namespace: Option<Spanned<String>>,
    pub metric: Option<Spanned<String>>,
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    pub statistic: Option<Spanned<String>>,
    pub metrics: Option<Vec<Spanned<Input>>>,
    pub period: Spanned<TimeSpan>,
    pub deployed_period: Option<Spanned<TimeSpan>>,
    pub comparison_operator: Spanned<String>,
    pub threshold: Spanned<f64>,
    pub evaluation_periods: Option<Spanned<usize>>,
    pub datapoints_to_alarm: Option<Spanned<usize>>,
    pub evaluation_range: Option<Spanned<usize>>,
    pub treat_missing_data: Option<Spanned<String>>,
    pub evaluate_low_sample_count_percentile: Option<Spanned<String>>,
    #[serde(default)]
    pub pending: TimeSpan,
    #[serde(default)]
    pub recovery: TimeSpan,
}

/// An entry of `metrics:`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub id: Spanned<String>,
    pub label: Option<String>,
    pub namespace: Option<Spanned<String>>,
    pub metric: Option<Spanned<String>>,
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    pub statistic: Option<Spanned<String>>,
    pub expression: Option<Spanned<String>>,
    pub return_data: Option<bool>,
}

/// `composite: Name`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Composite {
    pub composite: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub severity: Option<Severity>,
    pub runbook: Option<String>,
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    #[serde(default = "yes")]
    pub deploy: bool,
    pub rule: Spanned<String>,
    pub suppressor: Option<Suppressor>,
}

/// `suppressor:` of a composite
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suppressor {
    pub alarm: Spanned<String>,
    pub wait: TimeSpan,
    pub extension: TimeSpan,
}

fn yes() -> bool {
    true
}
