//! The same dashboards for Grafana: our own metrics from Prometheus, the others from CloudWatch.

use serde_json::{Value, json};

use super::panel::{Board, Content, Metrics, Panel};
use crate::{
    controller::query::{MetricQuery, OWN_NAMESPACE, Statistic},
    telemetry::{catalogue, prometheus::exported_name},
    units::TimeSpan,
};

/// Grafana's rows are lower than CloudWatch's.
const ROW: u32 = 2;

impl Board {
    /// The dashboard as Grafana imports it; it asks for a Prometheus and a CloudWatch data source.
    pub fn for_grafana(&self) -> Value {
        let input = |name: &str, plugin: &str| json!({ "name": name, "label": plugin, "type": "datasource", "pluginId": plugin });
        json!({
            "__inputs": [input("DS_PROMETHEUS", "prometheus"), input("DS_CLOUDWATCH", "cloudwatch")],
            "uid": format!("banto-{}", self.name),
            "title": self.title,
            "tags": ["banto"],
            "schemaVersion": 39,
            "refresh": "10s",
            "time": { "from": "now-1h", "to": "now" },
            "panels": self.panels.iter().enumerate().map(|(id, panel)| shown(id, panel)).collect::<Vec<_>>(),
        })
    }
}

fn shown(id: usize, panel: &Panel) -> Value {
    let [x, y, w, h] = panel.area;
    let mut shown = match &panel.content {
        Content::Text(markdown) => json!({ "type": "text", "options": { "mode": "markdown", "content": markdown } }),
        Content::Alarms(title, names) => json!({
            "type": "text",
            "title": title,
            "options": { "mode": "markdown", "content": format!("Alarms: {}", names.join(", ")) },
        }),
        Content::Metrics(metrics) => graph(metrics),
    };
    shown["id"] = json!(id + 1);
    shown["gridPos"] = json!({ "x": x, "y": y * ROW, "w": w, "h": h * ROW });
    shown
}

fn graph(metrics: &Metrics) -> Value {
    let steps = metrics.lines.iter().map(|line| json!({ "value": line.at, "color": "red" }));
    let steps: Vec<_> = std::iter::once(json!({ "value": null, "color": "green" })).chain(steps).collect();
    json!({
        "type": if metrics.as_number { "stat" } else { "timeseries" },
        "title": metrics.title,
        "targets": metrics.series.iter().enumerate().map(|(at, (query, label))| target(at, query, label.as_deref())).collect::<Vec<_>>(),
        "fieldConfig": { "defaults": {
            "min": 0,
            "max": metrics.max,
            "thresholds": { "mode": "absolute", "steps": steps },
            "custom": { "stacking": { "mode": if metrics.stacked { "normal" } else { "none" } }, "thresholdsStyle": { "mode": "line" } },
        } },
    })
}

fn target(at: usize, query: &MetricQuery, label: Option<&str>) -> Value {
    let id = format!("{}", char::from(b'A' + (at % 26) as u8));
    if let Some(expression) = promql(query) {
        let source = json!({ "type": "prometheus", "uid": "${DS_PROMETHEUS}" });
        return json!({ "refId": id, "datasource": source, "expr": expression, "legendFormat": label.unwrap_or("__auto") });
    }
    let dimensions: serde_json::Map<_, _> = query.dimensions.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    json!({
        "refId": id,
        "datasource": { "type": "cloudwatch", "uid": "${DS_CLOUDWATCH}" },
        "namespace": query.namespace,
        "metricName": query.metric,
        "dimensions": dimensions,
        "statistic": query.statistic.to_string(),
        "period": query.period.as_secs().to_string(),
        "matchExact": true,
        "label": label,
    })
}

/// The query over what `/metrics` shows; `None` for other namespaces.
fn promql(query: &MetricQuery) -> Option<String> {
    let metric = catalogue::find(&query.metric).filter(|_| query.namespace == OWN_NAMESPACE)?;
    let name = exported_name(metric);
    let labels: Vec<_> = query.dimensions.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let window = TimeSpan(query.period);
    let histogram = metric.kind == catalogue::Kind::Distribution;
    Some(match (query.statistic, metric.kind) {
        (Statistic::Percentile(p), _) => {
            format!("histogram_quantile({}, sum by (le) (increase({name}_bucket{labels}[{window}])))", p / 100.0)
        }
        (Statistic::Sum, catalogue::Kind::Counter) => format!("sum(increase({name}{labels}[{window}]))"),
        (Statistic::Sum, _) if histogram => format!("sum(increase({name}_sum{labels}[{window}]))"),
        (Statistic::SampleCount, _) if histogram => format!("sum(increase({name}_count{labels}[{window}]))"),
        (Statistic::Average, _) if histogram => {
            format!("sum(increase({name}_sum{labels}[{window}])) / sum(increase({name}_count{labels}[{window}]))")
        }
        (Statistic::Average, catalogue::Kind::Counter) => format!("sum(rate({name}{labels}[{window}]))"),
        (Statistic::Maximum, catalogue::Kind::Gauge) => format!("max(max_over_time({name}{labels}[{window}]))"),
        (Statistic::Minimum, catalogue::Kind::Gauge) => format!("min(min_over_time({name}{labels}[{window}]))"),
        (Statistic::Maximum, _) => {
            format!("histogram_quantile(1, sum by (le) (increase({name}_bucket{labels}[{window}])))")
        }
        (Statistic::Minimum, _) => {
            format!("histogram_quantile(0, sum by (le) (increase({name}_bucket{labels}[{window}])))")
        }
        _ => format!("avg(avg_over_time({name}{labels}[{window}]))"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_metrics_are_asked_as_prometheus_knows_them() {
        let promql = |text: &str| promql(&text.parse().expect(text));
        assert_eq!(
            promql("Sum answers{source=exact} over 1m").as_deref(),
            Some("sum(increase(banto_answers_total{source=\"exact\"}[1m]))")
        );
        assert_eq!(
            promql("p95 cache.write_latency over 1m").as_deref(),
            Some("histogram_quantile(0.95, sum by (le) (increase(banto_cache_write_latency_seconds_bucket[1m])))")
        );
        assert_eq!(promql("Sum AWS/Bedrock:Invocations over 1m"), None);
    }
}
