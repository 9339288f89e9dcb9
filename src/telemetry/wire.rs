//! A node's measurements on their way to a controller elsewhere: every series as it stands, without loss.
//!
//! Distributions travel as their buckets, so that percentiles of a fleet are as true as those of one node. The form is
//! internal (MessagePack): metrics that the reader does not know, from a newer node, are left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    catalogue::{self, Kind, Metric},
    registry::{Labels, Reading, Value},
};

/// The largest count that a reader believes.
const MOST: u64 = 1 << 53;

/// One node at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Changes when the node restarts: its counts then start at 0.
    pub life: u64,
    /// The knobs in force on it.
    pub knobs: Knobs,
    series: Vec<Series>,
}

/// Which knobs are in force on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knobs {
    /// The version of the knob document.
    pub version: u64,
    /// What the document says, in a number: two that say the same have the same.
    pub digest: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Series {
    metric: String,
    labels: Vec<String>,
    value: Value,
}

/// What came was not a snapshot.
#[derive(Debug, thiserror::Error)]
#[error("not measurements of a Banto node: {0}")]
pub struct NotASnapshot(String);

impl Snapshot {
    /// The readings of a node.
    pub fn of(life: u64, knobs: Knobs, readings: Vec<Reading>) -> Self {
        let series = readings.into_iter().map(|reading| Series {
            metric: reading.metric.name.to_owned(),
            labels: reading.labels.iter().map(|(_, value)| value.to_string()).collect(),
            value: reading.value,
        });
        Self { life, knobs, series: series.collect() }
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).unwrap_or_default()
    }

    /// Reads what travelled.
    ///
    /// # Errors
    /// When it is no snapshot, or holds what no node can measure.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotASnapshot> {
        let snapshot: Self = rmp_serde::from_slice(bytes).map_err(|error| NotASnapshot(error.to_string()))?;
        match snapshot.series.iter().find(|series| !series.is_sound()) {
            Some(series) => Err(NotASnapshot(format!("{} holds an impossible value", series.metric))),
            None => Ok(snapshot),
        }
    }

    /// Every series that this program knows.
    pub fn readings(self) -> impl Iterator<Item = Reading> {
        let known: BTreeMap<_, _> = catalogue::ALL.iter().map(|metric| (metric.name, *metric)).collect();
        self.series.into_iter().filter_map(move |series| {
            let metric = known.get(series.metric.as_str())?;
            series.known_as(metric)
        })
    }
}

impl Series {
    fn known_as(self, metric: &'static Metric) -> Option<Reading> {
        let kind = match &self.value {
            Value::Count(_) => Kind::Counter,
            Value::Level(_) => Kind::Gauge,
            Value::Spread(_) => Kind::Distribution,
        };
        if kind != metric.kind || self.labels.len() != metric.labels.len() {
            return None;
        }
        let labels: Labels =
            metric.labels.iter().copied().zip(self.labels.iter().map(|value| value.as_str().into())).collect();
        Some(Reading { metric, labels, value: self.value })
    }

    fn is_sound(&self) -> bool {
        match &self.value {
            Value::Count(count) => *count <= MOST,
            Value::Level(_) => true,
            Value::Spread(spread) => {
                let buckets = spread.buckets();
                let total = buckets.iter().try_fold(0u64, |sum, (_, count)| sum.checked_add(*count));
                buckets.is_sorted_by(|a, b| a.0 < b.0) && total.is_some_and(|total| total <= MOST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::registry::Registry;

    fn readings() -> Vec<Reading> {
        let registry = Registry::default();
        registry.counter(&catalogue::ATTEMPTS, &["primary"]).add(7);
        registry.gauge(&catalogue::CACHE_MEMORY, &[]).set(0.91);
        let latency = registry.distribution(&catalogue::ANSWER_LATENCY, &[]);
        (1..5_000).for_each(|n| latency.record(n * 37));
        registry.read()
    }

    #[test]
    fn what_travelled_is_what_was_measured_percentiles_included() {
        let knobs = Knobs { version: 3, digest: 9 };
        let bytes = Snapshot::of(1, knobs, readings()).to_bytes();
        let arrived = Snapshot::from_bytes(&bytes).expect("a snapshot");
        assert_eq!((arrived.life, arrived.knobs), (1, knobs));
        let (sent, arrived) = (readings(), arrived.readings().collect::<Vec<_>>());
        let parts =
            |readings: &[Reading]| readings.iter().map(|r| (r.labels.clone(), r.value.clone())).collect::<Vec<_>>();
        assert_eq!((parts(&arrived), arrived.len()), (parts(&sent), 3));
    }

    #[test]
    fn a_metric_of_a_newer_node_is_left_out() {
        let mut snapshot = Snapshot::of(1, Knobs::default(), readings());
        snapshot.series[0].metric = "from.the.future".into();
        assert_eq!(snapshot.readings().count(), 2);
    }

    #[test]
    fn what_no_node_can_measure_is_refused_whole() {
        let mut snapshot = Snapshot::of(1, Knobs::default(), readings());
        snapshot.series[0].value = Value::Count(u64::MAX);
        assert!(Snapshot::from_bytes(&snapshot.to_bytes()).is_err());
        assert!(Snapshot::from_bytes(b"<html>").is_err());
    }
}
