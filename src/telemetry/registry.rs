//! Where an engine's metrics live: each is created once from its entry in the catalogue and read by whoever asks.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    catalogue::{Kind, Metric},
    metric::{Counter, Distribution, Gauge, Spread},
};

/// The label values of one series, in the order of the catalogue's label names.
pub type Labels = Vec<(&'static str, Arc<str>)>;

/// One series, live: what it shows can be read at any time without asking the registry again.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A count.
    Counter(Arc<Counter>),
    /// A level.
    Gauge(Arc<Gauge>),
    /// Single values.
    Distribution(Arc<Distribution>),
}

/// The metrics of one node. Asking twice for the same series gives the same cell.
#[derive(Debug, Default)]
pub struct Registry(Mutex<Vec<(&'static Metric, Labels, Cell)>>);

/// One series as it stands.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which metric.
    pub metric: &'static Metric,
    /// Which of its series.
    pub labels: Labels,
    /// What it shows.
    pub value: Value,
}

/// What a series shows.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// A count since the start.
    Count(u64),
    /// A level now.
    Level(f64),
    /// All values since the start.
    Spread(Spread),
}

impl Registry {
    /// A counter of the catalogue, for these label values (in the catalogue's order).
    pub fn counter(&self, metric: &'static Metric, labels: &[&str]) -> Arc<Counter> {
        match self.cell(metric, labels, Kind::Counter) {
            Cell::Counter(counter) => counter,
            _ => Arc::default(),
        }
    }

    /// A gauge of the catalogue, for these label values.
    pub fn gauge(&self, metric: &'static Metric, labels: &[&str]) -> Arc<Gauge> {
        match self.cell(metric, labels, Kind::Gauge) {
            Cell::Gauge(gauge) => gauge,
            _ => Arc::default(),
        }
    }

    /// A distribution of the catalogue, for these label values.
    pub fn distribution(&self, metric: &'static Metric, labels: &[&str]) -> Arc<Distribution> {
        match self.cell(metric, labels, Kind::Distribution) {
            Cell::Distribution(distribution) => distribution,
            _ => Arc::default(),
        }
    }

    /// Every series as it stands, in the order of creation; gauges that show nothing are left out.
    pub fn read(&self) -> Vec<Reading> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let value = |cell: &Cell| match cell {
            Cell::Counter(counter) => Value::Count(counter.get()),
            Cell::Gauge(gauge) => Value::Level(gauge.get()),
            Cell::Distribution(distribution) => Value::Spread(distribution.load()),
        };
        cells
            .iter()
            .map(|(metric, labels, cell)| Reading { metric, labels: labels.clone(), value: value(cell) })
            .filter(|reading| !matches!(reading.value, Value::Level(level) if level.is_nan()))
            .collect()
    }

    /// The series beyond the first `known`, in the order of creation: for a reader that looks often and keeps the cells.
    pub fn after(&self, known: usize) -> Vec<(&'static Metric, Labels, Cell)> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.get(known..).unwrap_or_default().to_vec()
    }

    fn cell(&self, metric: &'static Metric, values: &[&str], kind: Kind) -> Cell {
        assert_eq!(metric.kind, kind, "{} is asked for as another kind than the catalogue says", metric.name);
        assert_eq!(metric.labels.len(), values.len(), "{} takes the labels {:?}", metric.name, metric.labels);
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |labels: &Labels| labels.iter().map(|(_, value)| &**value).eq(values.iter().copied());
        if let Some((_, _, cell)) = cells.iter().find(|(known, labels, _)| known.name == metric.name && same(labels)) {
            return cell.clone();
        }
        let cell = match kind {
            Kind::Counter => Cell::Counter(Arc::default()),
            Kind::Gauge => Cell::Gauge(Arc::default()),
            Kind::Distribution => Cell::Distribution(Arc::default()),
        };
        let labels = metric.labels.iter().copied().zip(values.iter().map(|value| Arc::from(*value))).collect();
        cells.push((metric, labels, cell.clone()));
        cell
    }
}
