//! What a file of `alarms/` may say, before anybody has checked it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{config::document::Spanned, controller::alarm::Severity, units::TimeSpan};

/// `alarm: Name`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Alarm {
    #[schemars(with = "String")]
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
    #[schemars(with = "Option<String>")]
    pub namespace: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub metric: Option<Spanned<String>>,
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    #[schemars(with = "Option<String>")]
    pub statistic: Option<Spanned<String>>,
    #[schemars(with = "Option<Vec<Input>>")]
    pub metrics: Option<Vec<Spanned<Input>>>,
    #[schemars(with = "TimeSpan")]
    pub period: Spanned<TimeSpan>,
    #[schemars(with = "Option<TimeSpan>")]
    pub deployed_period: Option<Spanned<TimeSpan>>,
    #[schemars(with = "String")]
    pub comparison_operator: Spanned<String>,
    #[schemars(with = "f64")]
    pub threshold: Spanned<f64>,
    #[schemars(with = "Option<usize>")]
    pub evaluation_periods: Option<Spanned<usize>>,
    #[schemars(with = "Option<usize>")]
    pub datapoints_to_alarm: Option<Spanned<usize>>,
    #[schemars(with = "Option<usize>")]
    pub evaluation_range: Option<Spanned<usize>>,
    #[schemars(with = "Option<String>")]
    pub treat_missing_data: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub evaluate_low_sample_count_percentile: Option<Spanned<String>>,
    #[serde(default)]
    pub pending: TimeSpan,
    #[serde(default)]
    pub recovery: TimeSpan,
}

/// An entry of `metrics:`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    pub label: Option<String>,
    #[schemars(with = "Option<String>")]
    pub namespace: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub metric: Option<Spanned<String>>,
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    #[schemars(with = "Option<String>")]
    pub statistic: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub expression: Option<Spanned<String>>,
    pub return_data: Option<bool>,
}

/// `composite: Name`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Composite {
    #[schemars(with = "String")]
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
    #[schemars(with = "String")]
    pub rule: Spanned<String>,
    pub suppressor: Option<Suppressor>,
}

/// `suppressor:` of a composite
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Suppressor {
    #[schemars(with = "String")]
    pub alarm: Spanned<String>,
    pub wait: TimeSpan,
    pub extension: TimeSpan,
}

fn yes() -> bool {
    true
}
