//! The Prometheus text format: `GET /metrics`.

use std::fmt::Write;

use super::{
    catalogue::{Kind, Metric, Unit},
    metric::Spread,
    registry::{Labels, Reading, Value},
};

/// The upper bounds shown of a distribution, as multiples of the unit's base: 1, 2, 5 in each decade.
const BOUNDS: [u64; 25] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    300_000,
    500_000,
    700_000,
    850_000,
    900_000,
    920_000,
    950_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    60_000_000,
    600_000_000,
];

/// Renders readings as text, grouped by metric, with help and type lines.
pub fn render(readings: &[Reading]) -> String {
    let mut sorted: Vec<_> = readings.iter().collect();
    sorted.sort_by_key(|reading| reading.metric.name);
    let mut text = String::with_capacity(sorted.len() * 96);
    let mut last = "";
    for reading in sorted {
        let name = exported_name(reading.metric);
        if reading.metric.name != last {
            last = reading.metric.name;
            let kind = match reading.metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Distribution => "histogram",
            };
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", reading.metric.doc);
        }
        series(&mut text, &name, reading);
    }
    text
}

/// `cache.write_latency` in seconds becomes `banto_cache_write_latency_seconds`.
pub fn exported_name(metric: &Metric) -> String {
    let base = metric.name.replace(['.', '-'], "_");
    let unit = match metric.unit {
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
        Unit::Usd => "_usd",
        Unit::Ratio => "_ratio",
        Unit::None => "",
    };
    let unit = if base.ends_with(unit) { "" } else { unit };
    let total = if metric.kind == Kind::Counter { "_total" } else { "" };
    format!("banto_{base}{unit}{total}")
}

fn series(text: &mut String, name: &str, reading: &Reading) {
    let labels = &reading.labels;
    let scale = reading.metric.unit.fine();
    let _ = match &reading.value {
        Value::Count(count) if reading.metric.unit == Unit::None => {
            writeln!(text, "{name}{} {count}", braces(labels, None))
        }
        Value::Count(count) => writeln!(text, "{name}{} {}", braces(labels, None), *count as f64 / scale),
        Value::Level(level) => writeln!(text, "{name}{} {level}", braces(labels, None)),
        Value::Spread(spread) => {
            histogram(text, name, labels, spread, scale);
            Ok(())
        }
    };
}

fn histogram(text: &mut String, name: &str, labels: &Labels, spread: &Spread, scale: f64) {
    let (mut filled, mut below) = (spread.buckets().iter().peekable(), 0);
    for bound in BOUNDS {
        while let Some((_, count)) = filled.next_if(|(value, _)| *value <= bound) {
            below += count;
        }
        let le = (bound as f64 / scale).to_string();
        let _ = writeln!(text, "{name}_bucket{} {below}", braces(labels, Some(&le)));
    }
    let count = spread.count();
    let _ = writeln!(text, "{name}_bucket{} {count}", braces(labels, Some("+Inf")));
    let _ = writeln!(text, "{name}_sum{} {}", braces(labels, None), spread.sum() as f64 / scale);
    let _ = writeln!(text, "{name}_count{} {count}", braces(labels, None));
}

fn braces(labels: &Labels, le: Option<&str>) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.extend(le.map(|le| format!("le=\"{le}\"")));
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}
