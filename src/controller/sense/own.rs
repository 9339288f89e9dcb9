//! The engine's own measurements, added up over the nodes of the fleet.

use std::{collections::BTreeMap, time::Duration};

use serde::de::DeserializeOwned;

use super::ring::{Alive, Bucket, Growth, HOURS_KEPT, Levels, MINUTES_KEPT, Ring, SECONDS_KEPT};
use crate::{
    clock::Timestamp,
    controller::query::{MetricQuery, Statistic},
    telemetry::{
        catalogue::{self, Kind, Metric},
        metric::Spread,
        registry::Labels,
    },
};

/// How many series are kept; more are refused and counted.
pub const MOST_SERIES: usize = 5_000;

/// One series' place; stays valid for the life of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row(usize);

/// What was measured in some seconds.
#[derive(Clone, Debug)]
pub enum Measured {
    /// A counter grew by this in the last of them.
    Growth(u64),
    /// A gauge showed this in each of them.
    Level(f64),
    /// These values came in the last of them.
    Values(Spread),
}

/// Whose measurements a registry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An engine's.
    Engine,
    /// A controller's, of itself and its sources.
    Controller,
    /// Both, in one process.
    Both,
}

impl Part {
    /// Whether this part measures a metric: an engine's silence must not read as a zero of the controller's, nor the other
    /// way round.
    pub fn measures(self, metric: &Metric) -> bool {
        match self {
            Self::Both => true,
            Self::Engine => !metric.is_the_controllers(),
            Self::Controller => metric.is_the_controllers(),
        }
    }
}

/// How fine a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// A minute; counted since 1970.
    Minute,
    /// An hour.
    Hour,
}

/// One period of one series, as it is kept in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Filed {
    /// The metric; empty for "these parts delivered", whose names are in the place of the labels.
    pub metric: String,
    /// The values of its labels, in the catalogue's order.
    pub labels: Vec<String>,
    /// Which minute or hour.
    pub at: i64,
    /// What it holds.
    pub body: Vec<u8>,
}

/// Who delivered, as it is kept in a file.
const ENGINES: &str = "engines";
const CONTROLLER: &str = "controller";

/// Every series of every metric of the catalogue.
#[derive(Debug, Default)]
pub struct Own {
    engines: Ring<Alive>,
    controller: Ring<Alive>,
    rows: Vec<(Labels, Rings)>,
    by_metric: BTreeMap<&'static str, Vec<Row>>,
}

#[derive(Debug)]
enum Rings {
    Growth(Ring<Growth>),
    Levels(Ring<Levels>),
    Values(Ring<Spread>),
}

impl Rings {
    fn growth(&self) -> Option<&Ring<Growth>> {
        if let Self::Growth(ring) = self { Some(ring) } else { None }
    }

    fn levels(&self) -> Option<&Ring<Levels>> {
        if let Self::Levels(ring) = self { Some(ring) } else { None }
    }

    fn values(&self) -> Option<&Ring<Spread>> {
        if let Self::Values(ring) = self { Some(ring) } else { None }
    }
}

impl Rings {
    fn body(&self, grain: Grain, at: i64) -> Option<Vec<u8>> {
        match self {
            Self::Growth(ring) => rmp_serde::to_vec(&ring.of(grain, at).filter(|growth| growth.0 > 0)?),
            Self::Levels(ring) => rmp_serde::to_vec(&ring.of(grain, at)?),
            Self::Values(ring) => rmp_serde::to_vec(&ring.of(grain, at)?),
        }
        .ok()
    }

    fn refill(&mut self, grain: Grain, filed: &Filed, hours_from: i64) -> bool {
        match self {
            Self::Growth(ring) => refill(ring, grain, filed, hours_from),
            Self::Levels(ring) => refill(ring, grain, filed, hours_from),
            Self::Values(ring) => refill(ring, grain, filed, hours_from),
        }
    }
}

fn refill<B: Bucket + DeserializeOwned>(ring: &mut Ring<B>, grain: Grain, filed: &Filed, hours_from: i64) -> bool {
    let bucket = rmp_serde::from_slice(&filed.body).ok();
    bucket.map(|bucket| ring.refill(grain, filed.at, &bucket, hours_from)).is_some()
}

impl Own {
    /// The periods from `from` on and before `to`, of every series that has something in them.
    pub fn filed(&self, grain: Grain, from: i64, to: i64) -> Vec<Filed> {
        let kept = if grain == Grain::Minute { MINUTES_KEPT } else { HOURS_KEPT };
        let mut all = Vec::new();
        for at in from.max(to - kept)..to {
            let delivered = [(ENGINES, &self.engines), (CONTROLLER, &self.controller)];
            let delivered = delivered.into_iter().filter(|(_, ring)| ring.of(grain, at).is_some());
            let parts: Vec<_> = delivered.map(|(part, _)| part.to_owned()).collect();
            if parts.is_empty() {
                continue;
            }
            all.push(Filed { metric: String::new(), labels: parts, at, body: Vec::new() });
            for (metric, rows) in &self.by_metric {
                let found = rows.iter().filter_map(|row| self.rows.get(row.0));
                let filed = |(labels, rings): &(Labels, Rings)| {
                    let labels = labels.iter().map(|(_, value)| value.to_string()).collect();
                    Some(Filed { metric: (*metric).to_owned(), labels, at, body: rings.body(grain, at)? })
                };
                all.extend(found.filter_map(filed));
            }
        }
        all
    }

    /// Takes a period back, oldest first; `false` for a series that there is not any more.
    pub fn refile(&mut self, grain: Grain, filed: &Filed, hours_from: i64) -> bool {
        if filed.metric.is_empty() {
            for part in &filed.labels {
                let ring = if part == CONTROLLER { &mut self.controller } else { &mut self.engines };
                ring.refill(grain, filed.at, &Alive, hours_from);
            }
            return true;
        }
        let Some(metric) = catalogue::find(&filed.metric) else { return false };
        if metric.labels.len() != filed.labels.len() {
            return false;
        }
        let labels = metric.labels.iter().copied().zip(filed.labels.iter().map(|value| value.as_str().into()));
        let Some(row) = self.row(metric, &labels.collect()) else { return false };
        self.rows.get_mut(row.0).is_some_and(|(_, rings)| rings.refill(grain, filed, hours_from))
    }

    /// How far back, within `window`, anything is known. Unit: whole hours.
    pub fn known_for(&self, window: Duration, now: Timestamp) -> Duration {
        let hour = now.seconds().div_euclid(3_600);
        let first = self.engines.first_hour(hour - window.as_secs() as i64 / 3_600);
        Duration::from_secs(first.map_or(0, |first| (hour - first).max(0) as u64 * 3_600))
    }

    /// The place of a series; `None` when there are as many as may be.
    pub fn row(&mut self, metric: &'static Metric, labels: &Labels) -> Option<Row> {
        let rows = self.by_metric.entry(metric.name).or_default();
        if let Some(row) = rows.iter().find(|row| self.rows[row.0].0 == *labels) {
            return Some(*row);
        }
        if self.rows.len() >= MOST_SERIES {
            return None;
        }
        let rings = match metric.kind {
            Kind::Counter => Rings::Growth(Ring::default()),
            Kind::Gauge => Rings::Levels(Ring::default()),
            Kind::Distribution => Rings::Values(Ring::default()),
        };
        let row = Row(self.rows.len());
        self.rows.push((labels.clone(), rings));
        rows.push(row);
        Some(row)
    }

    /// This part of a node delivered for these seconds (both included): from here on, silence in them means zero.
    pub fn alive(&mut self, part: Part, from: i64, to: i64) {
        if part != Part::Controller {
            self.engines.add(from, to, &Alive);
        }
        if part != Part::Engine {
            self.controller.add(from, to, &Alive);
        }
    }

    /// Takes in what a node measured in these seconds (both included).
    pub fn add(&mut self, row: Row, from: i64, to: i64, measured: &Measured) {
        let Some((_, rings)) = self.rows.get_mut(row.0) else { return };
        match (rings, measured) {
            (Rings::Growth(ring), Measured::Growth(n)) => ring.add(to, to, &Growth(*n)),
            (Rings::Levels(ring), Measured::Level(level)) => ring.add(from, to, &Levels::of(*level)),
            (Rings::Values(ring), Measured::Values(values)) => ring.add(to, to, values),
            _ => {}
        }
    }

    /// See [`Series::points`](crate::controller::query::Series::points).
    pub fn points(&self, query: &MetricQuery, now: Timestamp, count: usize) -> Vec<Option<f64>> {
        let Some(metric) = catalogue::find(&query.metric).filter(|metric| has_labels(metric, query)) else {
            return vec![None; count];
        };
        let rows = self.matching(query);
        let period = query.period.as_secs().max(1) as i64;
        let reach = period.saturating_mul(count as i64);
        let grain = match reach {
            _ if reach > MINUTES_KEPT * 60 => 3_600,
            _ if reach > SECONDS_KEPT => 60,
            _ => 1,
        };
        let newest = now.floor(Duration::from_secs(grain)).seconds();
        let point = |back: usize| {
            let end = newest - period * back as i64;
            self.point(metric, &rows, query.statistic, end - period, end)
        };
        (0..count).rev().map(point).collect()
    }

    fn matching(&self, query: &MetricQuery) -> Vec<&Rings> {
        let has = |labels: &Labels| {
            let found = |(name, value): &(String, String)| labels.iter().any(|(n, v)| n == name && **v == **value);
            query.dimensions.iter().all(found)
        };
        let rows = self.by_metric.get(&*query.metric).into_iter().flatten();
        rows.filter_map(|row| self.rows.get(row.0)).filter(|(labels, _)| has(labels)).map(|(_, rings)| rings).collect()
    }

    fn point(&self, metric: &Metric, rows: &[&Rings], statistic: Statistic, from: i64, to: i64) -> Option<f64> {
        let alive = if metric.is_the_controllers() { &self.controller } else { &self.engines };
        if !alive.fold(from, to, &mut Alive) {
            return None;
        }
        let fine = metric.unit.fine();
        match metric.kind {
            Kind::Counter => {
                let grown = together(rows.iter().filter_map(|rings| rings.growth()), from, to);
                counted(grown.unwrap_or_default().0 as f64 / fine, statistic, to - from)
            }
            Kind::Gauge => levelled(together(rows.iter().filter_map(|rings| rings.levels()), from, to)?, statistic),
            Kind::Distribution => {
                let values = together(rows.iter().filter_map(|rings| rings.values()), from, to);
                spread(&values.unwrap_or_default(), statistic, fine)
            }
        }
    }
}

/// A query that names a label the metric does not have can never have data: it is missing, not zero.
fn has_labels(metric: &Metric, query: &MetricQuery) -> bool {
    query.dimensions.iter().all(|(name, _)| metric.labels.contains(&name.as_str()))
}

fn together<'a, B: Bucket + Default + 'a>(rings: impl Iterator<Item = &'a Ring<B>>, from: i64, to: i64) -> Option<B> {
    let mut sum = B::default();
    let filled = rings.filter(|ring| ring.fold(from, to, &mut sum)).count();
    (filled > 0).then_some(sum)
}

/// A counter's growth; its average is the growth per second. It has no smallest value and no percentile.
fn counted(grown: f64, statistic: Statistic, seconds: i64) -> Option<f64> {
    match statistic {
        Statistic::Sum => Some(grown),
        Statistic::Average => Some(grown / seconds as f64),
        Statistic::SampleCount => Some(seconds as f64),
        Statistic::Minimum | Statistic::Maximum | Statistic::Percentile(_) => None,
    }
}

fn levelled(levels: Levels, statistic: Statistic) -> Option<f64> {
    match statistic {
        Statistic::Sum => Some(levels.sum),
        Statistic::Average => Some(levels.sum / levels.count as f64),
        Statistic::Minimum => Some(levels.min),
        Statistic::Maximum => Some(levels.max),
        Statistic::SampleCount => Some(levels.count as f64),
        Statistic::Percentile(_) => None,
    }
}

fn spread(values: &Spread, statistic: Statistic, fine: f64) -> Option<f64> {
    let shown = |value: u64| value as f64 / fine;
    match statistic {
        Statistic::Sum => Some(shown(values.sum())),
        Statistic::SampleCount => Some(values.count() as f64),
        Statistic::Average => (values.count() > 0).then(|| shown(values.sum()) / values.count() as f64),
        Statistic::Minimum => values.min().map(shown),
        Statistic::Maximum => values.max().map(shown),
        Statistic::Percentile(p) => values.quantile(p / 100.0).map(shown),
    }
}
