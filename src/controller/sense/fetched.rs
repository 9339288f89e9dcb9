//! Points of series that live elsewhere (CloudWatch, logs) and are fetched because somebody asked for them.
//!
//! Asking is wanting: a query that an alarm, a policy or a tree asks is fetched from then on, as far back as it asked, and
//! forgotten when nobody has asked for an hour.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use crate::{clock::Timestamp, controller::query::MetricQuery};

/// How many series are fetched at most; more are refused and counted.
pub const MOST_WANTED: usize = 1_000;
/// How many points of one series are kept.
pub const MOST_POINTS: usize = 1_500;
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

/// What is wanted, and what came of it.
#[derive(Debug, Default)]
pub struct Fetched(BTreeMap<String, Held>);

#[derive(Debug)]
struct Held {
    query: MetricQuery,
    /// How many points were asked for at once.
    depth: usize,
    asked: Timestamp,
    fetched: Option<Timestamp>,
    points: BTreeMap<i64, f64>,
    /// Why this series alone cannot be had, if so.
    trouble: Option<String>,
}

/// A series to fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which.
    pub query: MetricQuery,
    /// From here (the start of a period).
    pub from: Timestamp,
    /// To here (the end of the newest whole period).
    pub to: Timestamp,
}

impl Fetched {
    /// The newest whole periods' points as far as they were fetched; wanted from now on. `None` when nothing more can be
    /// wanted.
    pub fn ask(&mut self, query: &MetricQuery, now: Timestamp, count: usize) -> Option<Vec<Option<f64>>> {
        let full = self.0.len() >= MOST_WANTED;
        let held = match self.0.entry(name(query)) {
            Entry::Vacant(_) if full => return None,
            entry => entry.or_insert_with(|| Held::new(query, now)),
        };
        if count.min(MOST_POINTS) > held.depth {
            (held.depth, held.fetched) = (count.min(MOST_POINTS), None);
        }
        held.asked = now;
        let newest = now.floor(query.period);
        let point = |back: usize| held.points.get(&(newest - query.period * back as u32).0).copied();
        Some((1..=count).rev().map(point).collect())
    }

    /// Why a query's points cannot be trusted: they never came, or its source has trouble with this one.
    pub fn trouble(&self, query: &MetricQuery) -> Option<String> {
        match self.0.get(&name(query)) {
            Some(Held { trouble: Some(trouble), .. }) => Some(format!("{query}: {trouble}")),
            Some(Held { fetched: Some(_), .. }) => None,
            _ => Some(format!("{query} has not come yet")),
        }
    }

    /// A series could not be had, alone among others.
    pub fn lack(&mut self, query: &MetricQuery, trouble: &str) {
        if let Some(held) = self.0.get_mut(&name(query)) {
            held.trouble = Some(trouble.to_owned());
        }
    }

    /// The series of these namespaces that are due for another look, in order of their names.
    pub fn due(&mut self, mine: impl Fn(&str) -> bool, every: Duration, now: Timestamp) -> Vec<Wanted> {
        self.0.retain(|_, held| now.since(held.asked) < FORGET_AFTER);
        let due = |held: &&Held| {
            let wait = every.max(held.query.period);
            mine(&held.query.namespace) && held.fetched.is_none_or(|at| now.since(at) >= wait)
        };
        self.0.values().filter(due).map(|held| held.wanted(now)).collect()
    }

    /// Keeps the points of a series (each at the start of its period). Points that came before may be corrected.
    pub fn keep(&mut self, query: &MetricQuery, points: &[(Timestamp, f64)], now: Timestamp) {
        let Some(held) = self.0.get_mut(&name(query)) else { return };
        (held.fetched, held.trouble) = (Some(now), None);
        held.points.extend(points.iter().map(|(at, value)| (at.floor(query.period).0, *value)));
        while held.points.len() > MOST_POINTS {
            held.points.pop_first();
        }
    }
}

impl Held {
    fn new(query: &MetricQuery, now: Timestamp) -> Self {
        Self { query: query.clone(), depth: 0, asked: now, fetched: None, points: BTreeMap::new(), trouble: None }
    }

    /// The first time everything that was asked for; later the newest periods again, because points come late.
    fn wanted(&self, now: Timestamp) -> Wanted {
        const LATE: usize = 5;
        let to = now.floor(self.query.period);
        let known = self.fetched.map_or(0, |at| now.since(at).as_secs() / self.query.period.as_secs().max(1));
        let periods = if self.fetched.is_some() { LATE + known as usize } else { self.depth.max(LATE) };
        Wanted { query: self.query.clone(), from: to - self.query.period * periods as u32, to }
    }
}

/// One name for one series, whatever the order of its dimensions.
fn name(query: &MetricQuery) -> String {
    let mut dimensions = query.dimensions.clone();
    dimensions.sort();
    let MetricQuery { namespace, metric, statistic, period, .. } = query;
    format!("{namespace} {metric} {statistic} {period:?} {dimensions:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::query::Statistic;

    fn throttles() -> MetricQuery {
        MetricQuery {
            namespace: "AWS/Bedrock".into(),
            metric: "InvocationThrottles".into(),
            dimensions: vec![],
            statistic: Statistic::Sum,
            period: Duration::from_secs(60),
        }
    }

    #[test]
    fn what_somebody_asked_is_fetched_from_then_on_as_far_back_as_asked() {
        let (mut fetched, now) = (Fetched::default(), Timestamp(3_600_500));
        assert_eq!(fetched.ask(&throttles(), now, 20), Some(vec![None; 20]));
        let due = fetched.due(|_| true, Duration::from_secs(60), now);
        assert_eq!((due[0].from, due[0].to), (Timestamp(2_400_000), Timestamp(3_600_000)));
        fetched.keep(&throttles(), &[(Timestamp(3_480_000), 7.0)], now);
        assert_eq!(fetched.ask(&throttles(), now, 2), Some(vec![Some(7.0), None]));
        assert!(fetched.due(|_| true, Duration::from_secs(60), now + Duration::from_secs(59)).is_empty());
    }

    #[test]
    fn what_nobody_asks_for_an_hour_is_no_longer_fetched() {
        let mut fetched = Fetched::default();
        fetched.ask(&throttles(), Timestamp(0), 1);
        assert!(fetched.due(|_| true, Duration::from_secs(60), Timestamp(3_600_000)).is_empty());
    }
}
