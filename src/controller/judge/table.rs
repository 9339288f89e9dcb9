//! A series of recorded rows in memory: for tests, replays and the unit tests of alarms.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::Timestamp,
    controller::query::{MetricQuery, OWN_NAMESPACE, Series, Statistic},
};

/// Rows of measurements by metric. Whatever was measured in a period makes its point; a period without rows is missing.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: BTreeMap<Column, Vec<Row>>,
    gaps: BTreeMap<String, String>,
}

/// Which series a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The CloudWatch namespace.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// Its labels.
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    at: Timestamp,
    value: f64,
    samples: u64,
}

impl Column {
    /// A metric of our own, without labels.
    pub fn own(metric: &str) -> Self {
        Self { namespace: OWN_NAMESPACE.into(), metric: metric.into(), dimensions: BTreeMap::new() }
    }

    /// The same with one label more.
    pub fn with(mut self, label: &str, value: &str) -> Self {
        self.dimensions.insert(label.into(), value.into());
        self
    }

    fn answers(&self, query: &MetricQuery) -> bool {
        let all_there = || query.dimensions.iter().all(|(name, value)| self.dimensions.get(name) == Some(value));
        self.metric == query.metric
            && self.namespace == query.namespace
            && all_there()
            && (query.namespace == OWN_NAMESPACE || self.dimensions.len() == query.dimensions.len())
    }
}

impl Table {
    /// Adds what was measured at a moment: a value, and how many samples had it (1 for counts and levels).
    pub fn add(&mut self, column: &Column, at: Timestamp, value: f64, samples: u64) {
        let rows = self.columns.entry(column.clone()).or_default();
        let place = rows.partition_point(|row| row.at <= at);
        rows.insert(place, Row { at, value, samples });
    }

    /// Adds one value per `step` from `start` on; `None` leaves a gap.
    pub fn fill(
        &mut self,
        column: &Column,
        start: Timestamp,
        step: Duration,
        values: impl IntoIterator<Item = Option<f64>>,
    ) {
        let mut at = start;
        for value in values {
            if let Some(value) = value {
                self.add(column, at, value, 1);
            }
            at = at + step;
        }
    }

    /// Says that the source of a namespace cannot be trusted.
    pub fn break_source(&mut self, namespace: &str, why: &str) {
        self.gaps.insert(namespace.to_owned(), why.to_owned());
    }

    fn point(&self, query: &MetricQuery, from: Timestamp, to: Timestamp) -> Option<f64> {
        let within = |rows: &[Row]| -> Vec<Row> {
            let (first, last) = (rows.partition_point(|row| row.at < from), rows.partition_point(|row| row.at < to));
            rows[first..last].to_vec()
        };
        let columns = self.columns.iter().filter(|(column, _)| column.answers(query));
        summarise(query.statistic, columns.flat_map(|(_, rows)| within(rows)).collect())
    }
}

/// What a statistic makes of some rows; `None` of none.
fn summarise(statistic: Statistic, mut rows: Vec<Row>) -> Option<f64> {
    let count: u64 = rows.iter().map(|row| row.samples).sum();
    if count == 0 {
        return None;
    }
    let sum: f64 = rows.iter().map(|row| row.value * row.samples as f64).sum();
    rows.sort_by(|a, b| a.value.total_cmp(&b.value));
    match statistic {
        Statistic::Sum => Some(sum),
        Statistic::Average => Some(sum / count as f64),
        Statistic::Minimum => rows.first().map(|row| row.value),
        Statistic::Maximum => rows.last().map(|row| row.value),
        Statistic::SampleCount => Some(count as f64),
        Statistic::Percentile(percentile) => {
            let rank = ((percentile / 100.0 * count as f64).ceil() as u64).max(1);
            let mut seen = 0;
            rows.iter().find_map(|row| {
                seen += row.samples;
                (seen >= rank).then_some(row.value)
            })
        }
    }
}

impl Series for Table {
    fn points(&self, query: &MetricQuery, now: Timestamp, count: usize) -> Vec<Option<f64>> {
        let start = |periods: usize| now - query.period * periods as u32;
        (0..count).rev().map(|ago| self.point(query, start(ago + 1), start(ago))).collect()
    }

    fn gap(&self, query: &MetricQuery, _: Timestamp) -> Option<String> {
        self.gaps.get(&query.namespace).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(table: &Table, query: &str, now: i64, count: usize) -> Vec<Option<f64>> {
        table.points(&query.parse().expect(query), Timestamp(now * 1_000), count)
    }

    #[test]
    fn a_period_holds_what_was_measured_from_its_start_up_to_its_end() {
        let mut table = Table::default();
        let values = [Some(1.0), Some(2.0), None, Some(4.0)];
        table.fill(&Column::own("requests"), Timestamp(0), Duration::from_secs(1), values);
        assert_eq!(ask(&table, "Sum requests over 2s", 4, 3), [None, Some(3.0), Some(4.0)]);
        assert_eq!(ask(&table, "SampleCount requests over 4s", 4, 1), [Some(3.0)]);
        assert_eq!(ask(&table, "Maximum requests over 1s", 3, 1), [None]);
    }

    #[test]
    fn series_of_our_own_with_more_labels_than_asked_for_are_taken_together() {
        let mut table = Table::default();
        for model in ["primary", "secondary"] {
            table.add(&Column::own("model.throttles").with("model", model), Timestamp(0), 3.0, 1);
        }
        assert_eq!(ask(&table, "Sum model.throttles over 1s", 1, 1), [Some(6.0)]);
        assert_eq!(ask(&table, "Sum model.throttles{model=primary} over 1s", 1, 1), [Some(3.0)]);
        assert_eq!(ask(&table, "Sum model.throttles{model=other} over 1s", 1, 1), [None]);
    }

    #[test]
    fn percentiles_weigh_samples() {
        let mut table = Table::default();
        table.add(&Column::own("answers.latency"), Timestamp(0), 0.5, 95);
        table.add(&Column::own("answers.latency"), Timestamp(0), 9.0, 5);
        assert_eq!(ask(&table, "p95 answers.latency over 1s", 1, 1), [Some(0.5)]);
        assert_eq!(ask(&table, "p96 answers.latency over 1s", 1, 1), [Some(9.0)]);
    }
}
