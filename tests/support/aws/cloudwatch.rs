//! CloudWatch: metrics, alarms, dashboards.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Answer, AwsError};

/// One value of a metric.
#[derive(Clone, Debug)]
pub struct Sample {
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    /// Unit: seconds since 1970.
    pub at: f64,
    pub value: f64,
}

#[derive(Debug, Default)]
pub struct CloudWatch {
    pub samples: Vec<Sample>,
    /// Metric alarms by name, as they were put.
    pub alarms: BTreeMap<String, Value>,
    /// Composite alarms by name, as they were put.
    pub composites: BTreeMap<String, Value>,
    /// Dashboard bodies by name.
    pub dashboards: BTreeMap<String, String>,
    /// Samples younger than this (before the end asked for) are not shown yet. Unit: seconds.
    pub delay: f64,
    /// How many things a page holds; 0 is the service's own 50 (or 500 metrics).
    pub page: usize,
}

impl CloudWatch {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        match operation {
            "PutMetricData" => self.put_metric_data(body),
            "GetMetricData" => self.get_metric_data(body),
            "ListMetrics" => Ok(self.list_metrics(body)),
            "PutMetricAlarm" => self.put_metric_alarm(body),
            "PutCompositeAlarm" => self.put_composite_alarm(body),
            "DescribeAlarms" => self.describe_alarms(body),
            "DeleteAlarms" => self.delete_alarms(body),
            "PutDashboard" => self.put_dashboard(body),
            "GetDashboard" => self.get_dashboard(body),
            "ListDashboards" => self.list_dashboards(body),
            "DeleteDashboards" => self.delete_dashboards(body),
            other => Err(AwsError::unknown(other)),
        }
    }

    fn put_metric_data(&mut self, body: &Value) -> Answer {
        for datum in list(body, "MetricData") {
            let single = datum["Value"].as_f64().map(|value| vec![value]);
            let values = single.unwrap_or_else(|| list(datum, "Values").filter_map(Value::as_f64).collect());
            for value in values {
                self.samples.push(Sample {
                    namespace: text(body, "Namespace"),
                    metric: text(datum, "MetricName"),
                    dimensions: dimensions(&datum["Dimensions"]),
                    at: datum["Timestamp"].as_f64().unwrap_or_default(),
                    value,
                });
            }
        }
        Ok(json!({}))
    }

    fn list_metrics(&self, body: &Value) -> Value {
        let known: std::collections::BTreeSet<_> = self
            .samples
            .iter()
            .filter(|sample| body["Namespace"].as_str().is_none_or(|namespace| namespace == sample.namespace))
            .map(|sample| (&sample.namespace, &sample.metric, &sample.dimensions))
            .collect();
        let shown = known.into_iter().map(|(namespace, metric, dimensions)| {
            let dimensions: Vec<_> =
                dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
            json!({ "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions })
        });
        json!({ "Metrics": shown.collect::<Vec<_>>() })
    }

    fn get_metric_data(&self, body: &Value) -> Answer {
        let queries: Vec<_> = list(body, "MetricDataQueries").collect();
        if queries.len() > 500 {
            return Err(AwsError::new(400, "ValidationError", "at most 500 MetricDataQueries"));
        }
        let (from, to) = (body["StartTime"].as_f64().unwrap_or_default(), body["EndTime"].as_f64().unwrap_or_default());
        if from >= to {
            return Err(AwsError::new(400, "ValidationError", "StartTime must be before EndTime"));
        }
        let (page, next) = paged(queries.len(), if self.page == 0 { 500 } else { self.page }, body)?;
        let results: Vec<_> = queries[page].iter().map(|query| self.result(query, from, to)).collect();
        Ok(with_token(json!({ "MetricDataResults": results }), next))
    }

    fn result(&self, query: &Value, from: f64, to: f64) -> Value {
        let stat = &query["MetricStat"];
        let (metric, wanted) = (&stat["Metric"], dimensions(&stat["Metric"]["Dimensions"]));
        let period = stat["Period"].as_f64().unwrap_or(60.0);
        let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        let visible = |sample: &&Sample| {
            sample.namespace == text(metric, "Namespace")
                && sample.metric == text(metric, "MetricName")
                && sample.dimensions == wanted
                && (from..to).contains(&sample.at)
                && sample.at < to - self.delay
        };
        for sample in self.samples.iter().filter(visible) {
            periods.entry((sample.at / period).floor() as i64).or_default().push(sample.value);
        }
        // Newest first, as the service answers unless told otherwise.
        let points: Vec<_> = periods.into_iter().rev().collect();
        let timestamps: Vec<_> = points.iter().map(|(at, _)| *at as f64 * period).collect();
        let values: Vec<_> = points.iter().map(|(_, values)| statistic(&text(stat, "Stat"), values)).collect();
        json!({ "Id": query["Id"], "Label": metric["MetricName"], "Timestamps": timestamps, "Values": values, "StatusCode": "Complete" })
    }

    fn put_metric_alarm(&mut self, body: &Value) -> Answer {
        let name = text(body, "AlarmName");
        for required in ["EvaluationPeriods", "ComparisonOperator"] {
            if body[required].is_null() {
                return Err(AwsError::new(400, "ValidationError", format!("{required} is required")));
            }
        }
        if body["Metrics"].is_null() == body["MetricName"].is_null() {
            return Err(AwsError::new(400, "ValidationError", "exactly one of Metrics and MetricName is required"));
        }
        let returned = list(body, "Metrics").filter(|metric| metric["ReturnData"].as_bool() != Some(false)).count();
        if !body["Metrics"].is_null() && returned != 1 {
            return Err(AwsError::new(400, "ValidationError", "exactly one element of Metrics must return data"));
        }
        self.alarms.insert(name, stored(body));
        Ok(json!({}))
    }

    fn put_composite_alarm(&mut self, body: &Value) -> Answer {
        let missing: Vec<_> = children(&text(body, "AlarmRule"))
            .into_iter()
            .filter(|child| !self.alarms.contains_key(child) && !self.composites.contains_key(child))
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
                missing.join(", ")
            );
            return Err(AwsError::new(400, "ValidationError", message));
        }
        self.composites.insert(text(body, "AlarmName"), stored(body));
        Ok(json!({}))
    }

    fn describe_alarms(&self, body: &Value) -> Answer {
        let types: Vec<_> = list(body, "AlarmTypes").filter_map(Value::as_str).collect();
        let prefix = text(body, "AlarmNamePrefix");
        let metric = self.alarms.iter().filter(|_| types.is_empty() || types.contains(&"MetricAlarm"));
        // Without AlarmTypes the service shows metric alarms only.
        let composite = self.composites.iter().filter(|_| types.contains(&"CompositeAlarm"));
        let metric: Vec<_> =
            metric.filter(|(name, _)| name.starts_with(&prefix)).map(|(_, alarm)| (alarm, false)).collect();
        let composite = composite.filter(|(name, _)| name.starts_with(&prefix)).map(|(_, alarm)| (alarm, true));
        let all: Vec<_> = metric.into_iter().chain(composite).collect();
        let (page, next) = paged(all.len(), if self.page == 0 { 50 } else { self.page }, body)?;
        let of = |composite: bool| -> Vec<_> {
            all[page.clone()].iter().filter(|(_, is)| *is == composite).map(|(alarm, _)| (*alarm).clone()).collect()
        };
        Ok(with_token(json!({ "MetricAlarms": of(false), "CompositeAlarms": of(true) }), next))
    }

    fn delete_alarms(&mut self, body: &Value) -> Answer {
        let names: Vec<_> = list(body, "AlarmNames").filter_map(Value::as_str).collect();
        if names.len() > 100 || names.iter().filter(|name| self.composites.contains_key(**name)).count() > 1 {
            return Err(AwsError::new(
                400,
                "ValidationError",
                "at most 100 alarms, of them one composite, in one call",
            ));
        }
        for (parent, alarm) in &self.composites {
            let rule = children(&text(alarm, "AlarmRule"));
            if let Some(held) =
                names.iter().find(|name| rule.iter().any(|child| child == *name) && !names.contains(&parent.as_str()))
            {
                let message = format!("Cannot delete {held} as there are composite alarm(s) depending on it");
                return Err(AwsError::new(400, "ValidationError", message));
            }
        }
        for name in names {
            self.alarms.remove(name);
            self.composites.remove(name);
        }
        Ok(json!({}))
    }

    fn put_dashboard(&mut self, body: &Value) -> Answer {
        let text_of_body = text(body, "DashboardBody");
        let parsed: Value = serde_json::from_str(&text_of_body)
            .map_err(|e| AwsError::new(400, "InvalidParameterInput", format!("the dashboard body is not JSON: {e}")))?;
        if !parsed["widgets"].is_array() {
            return Err(AwsError::new(400, "InvalidParameterInput", "the dashboard body has no widgets"));
        }
        self.dashboards.insert(text(body, "DashboardName"), text_of_body);
        Ok(json!({ "DashboardValidationMessages": [] }))
    }

    fn get_dashboard(&self, body: &Value) -> Answer {
        let name = text(body, "DashboardName");
        let found = self.dashboards.get(&name).ok_or_else(|| no_dashboard(&name))?;
        Ok(
            json!({ "DashboardName": name, "DashboardArn": format!("arn:aws:cloudwatch::1:dashboard/{name}"), "DashboardBody": found }),
        )
    }

    fn list_dashboards(&self, body: &Value) -> Answer {
        let prefix = text(body, "DashboardNamePrefix");
        let names: Vec<_> = self.dashboards.keys().filter(|name| name.starts_with(&prefix)).collect();
        let (page, next) = paged(names.len(), if self.page == 0 { 1_000 } else { self.page }, body)?;
        let entries: Vec<_> = names[page].iter().map(|name| json!({ "DashboardName": name, "Size": 1 })).collect();
        Ok(with_token(json!({ "DashboardEntries": entries }), next))
    }

    fn delete_dashboards(&mut self, body: &Value) -> Answer {
        let names: Vec<_> = list(body, "DashboardNames").filter_map(Value::as_str).collect();
        if let Some(missing) = names.iter().find(|name| !self.dashboards.contains_key(**name)) {
            return Err(no_dashboard(missing));
        }
        names.iter().for_each(|name| drop(self.dashboards.remove(*name)));
        Ok(json!({}))
    }
}

fn no_dashboard(name: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFound", format!("Dashboard {name} does not exist"))
}

/// What the service keeps of a put: everything but the tags, with defaults filled in and a state.
fn stored(body: &Value) -> Value {
    let mut kept: Map<_, _> = body.as_object().cloned().unwrap_or_default();
    kept.remove("Tags");
    kept.entry("ActionsEnabled").or_insert(json!(true));
    for list in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
        kept.entry(list).or_insert(json!([]));
    }
    kept.insert("StateValue".into(), json!("INSUFFICIENT_DATA"));
    kept.insert(
        "AlarmArn".into(),
        json!(format!("arn:aws:cloudwatch:ap-northeast-1:1:alarm:{}", text(body, "AlarmName"))),
    );
    Value::Object(kept)
}

/// The alarms that a composite rule names: `ALARM(a)`, `OK("b c")`.
fn children(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    for state in ["ALARM(", "OK(", "INSUFFICIENT_DATA("] {
        for (at, _) in rule.match_indices(state) {
            let before = rule[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &rule[at + state.len()..];
            let name = rest.split(')').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            found.push(name.to_owned());
        }
    }
    found
}

fn statistic(name: &str, values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    match name {
        "Sum" => sum,
        "Average" => sum / values.len() as f64,
        "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "Maximum" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "SampleCount" => values.len() as f64,
        percentile => {
            let share: f64 = percentile.trim_start_matches('p').parse().expect("a percentile");
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let rank = ((share / 100.0 * sorted.len() as f64).ceil() as usize).max(1);
            sorted[rank - 1]
        }
    }
}

fn dimensions(value: &Value) -> BTreeMap<String, String> {
    value.as_array().into_iter().flatten().map(|pair| (text(pair, "Name"), text(pair, "Value"))).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Which of `all` things the page holds that the token names, and the next token.
fn paged(all: usize, page: usize, body: &Value) -> Result<(std::ops::Range<usize>, Option<String>), AwsError> {
    let from = match body["NextToken"].as_str() {
        Some(token) => token.parse().map_err(|_| AwsError::new(400, "InvalidNextToken", "no such token"))?,
        None => 0,
    };
    let to = (from + page).min(all);
    Ok((from.min(all)..to, (to < all).then(|| to.to_string())))
}

fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["NextToken"] = json!(token);
    }
    answer
}
