//! Dashboards as CloudWatch has them.

use serde_json::{Value, json};

use super::{
    panel::{Board, Content, Metrics, Panel},
    plan::Resource,
};
use crate::controller::query::MetricQuery;

/// How the names of our dashboards begin: a dashboard has no description to carry a mark.
pub const PREFIX: &str = "banto-";

/// A dashboard in CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedDashboard {
    /// Its name there.
    pub name: String,
    /// Its body.
    pub body: Value,
}

impl Resource for DeployedDashboard {
    fn name(&self) -> &str {
        &self.name
    }

    fn document(&self) -> Value {
        self.body.clone()
    }

    fn is_ours(&self) -> bool {
        self.name.starts_with(PREFIX)
    }
}

/// Whose alarms and metrics a dashboard shows.
#[derive(Clone, Debug)]
pub struct Home<'a> {
    /// The region.
    pub region: &'a str,
    /// The account's number, which alarms' ARNs need.
    pub account: &'a str,
}

impl Board {
    /// The dashboard for CloudWatch.
    pub fn for_cloudwatch(&self, home: &Home<'_>) -> DeployedDashboard {
        let title = json!({ "type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": { "markdown": format!("# {}", self.title) } });
        let widgets = std::iter::once(title).chain(self.panels.iter().map(|panel| widget(panel, home)));
        let body = json!({ "widgets": widgets.collect::<Vec<_>>() });
        DeployedDashboard { name: format!("{PREFIX}{}", self.name), body }
    }

    /// Whether a panel shows alarms, whose ARNs need the account's number.
    pub fn shows_alarms(&self) -> bool {
        self.panels.iter().any(|panel| matches!(panel.content, Content::Alarms(..)))
    }
}

fn widget(panel: &Panel, home: &Home<'_>) -> Value {
    let [x, y, width, height] = panel.area;
    let (kind, properties) = match &panel.content {
        Content::Text(markdown) => ("text", json!({ "markdown": markdown })),
        Content::Alarms(title, names) => {
            let arn = |name: &String| format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", home.region, home.account);
            ("alarm", json!({ "title": title, "alarms": names.iter().map(arn).collect::<Vec<_>>() }))
        }
        Content::Metrics(metrics) => ("metric", graph(metrics, home)),
    };
    // The title takes the first row.
    json!({ "type": kind, "x": x, "y": y + 1, "width": width, "height": height, "properties": properties })
}

fn graph(metrics: &Metrics, home: &Home<'_>) -> Value {
    let period = metrics.series.first().map_or(60, |(query, _)| query.period.as_secs());
    let mut properties = json!({
        "title": metrics.title,
        "view": if metrics.as_number { "singleValue" } else { "timeSeries" },
        "stacked": metrics.stacked,
        "region": home.region,
        "period": period,
        "metrics": metrics.series.iter().map(|(query, label)| row(query, label.as_deref())).collect::<Vec<_>>(),
    });
    if !metrics.lines.is_empty() {
        let line = |line: &super::panel::Line| json!({ "label": line.label, "value": line.at });
        properties["annotations"] = json!({ "horizontal": metrics.lines.iter().map(line).collect::<Vec<_>>() });
    }
    if !metrics.as_number {
        properties["yAxis"] = json!({ "left": { "min": 0, "max": metrics.max } });
    }
    properties
}

/// `["Banto", "answers", "source", "exact", {"stat": "Sum"}]`
fn row(query: &MetricQuery, label: Option<&str>) -> Value {
    let mut row = vec![json!(query.namespace), json!(query.metric)];
    row.extend(query.dimensions.iter().flat_map(|(name, value)| [json!(name), json!(value)]));
    let mut options = json!({ "stat": query.statistic.to_string() });
    if let Some(label) = label {
        options["label"] = json!(label);
    }
    row.push(options);
    Value::Array(row)
}
