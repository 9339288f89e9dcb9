//! Logs as a source: how often each error code occurred, counted over complete logs, as metrics.
//!
//! Each configured query is asked once an interval, one after the other, because Logs Insights shares its few places with
//! people. A code that was never seen before is an event, so that a diagnosis can find it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;

use super::{
    fetched::Wanted,
    history::{History, LOGS, LOGS_NAMESPACE},
};
use crate::{
    aws::fault::Fault,
    clock::{Clock, Timestamp},
    controller::event::Event,
    units::TimeSpan,
};

/// Codes of one query that are told apart; the rarer ones are left out.
const MOST_CODES: usize = 200;
/// How far back counts are kept.
const KEPT: Duration = Duration::from_secs(6 * 3_600);
/// The label that holds the code.
const CODE: &str = "code";

/// What to count: one metric `Logs:NAME{code=…}`.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// The metric's name.
    pub name: String,
    /// Which log group.
    pub group: String,
    /// An Insights filter expression: `level = "ERROR"`. Everything, without one.
    pub filter: Option<String>,
    /// The field that holds the code: `errorCode`.
    pub field: String,
    /// How often to count, and over how much; whole minutes.
    #[serde(default = "a_minute")]
    pub every: TimeSpan,
}

fn a_minute() -> TimeSpan {
    TimeSpan::secs(60)
}

/// Who has the logs.
#[async_trait]
pub trait LogCounts: Send + Sync {
    /// How often each code occurred in each interval: `(start, code, count)`.
    ///
    /// # Errors
    /// [`Fault`] when the logs could not be read, or not in time.
    async fn count(
        &self,
        query: &LogQuery,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, String, u64)>, Fault>;
}

/// The source.
pub struct LogsSource {
    counts: Box<dyn LogCounts>,
    tallies: Vec<Tally>,
}

/// What was counted for one query.
#[derive(Debug)]
struct Tally {
    query: LogQuery,
    /// Counts by interval and code.
    counted: BTreeMap<i64, BTreeMap<String, u64>>,
    known: BTreeSet<String>,
    /// The end of what was counted so far.
    until: Option<Timestamp>,
}

impl LogsSource {
    /// A source for these queries.
    pub fn new(counts: Box<dyn LogCounts>, queries: Vec<LogQuery>) -> Self {
        let tally = |query| Tally { query, counted: BTreeMap::new(), known: BTreeSet::new(), until: None };
        Self { counts, tallies: queries.into_iter().map(tally).collect() }
    }

    /// Looks for as long as it is polled. Safe to drop at any await.
    pub async fn run(mut self, history: Arc<History>, clock: Clock) {
        loop {
            self.look(&history, clock.now()).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }

    /// Counts what is due and hands out what was asked for.
    pub async fn look(&mut self, history: &History, now: Timestamp) {
        let patience =
            self.tallies.iter().map(|tally| tally.query.every.0 * 3).max().unwrap_or(Duration::from_secs(180));
        history.gaps(|gaps| gaps.expect(LOGS, patience, now));
        for tally in &mut self.tallies {
            if let Err(fault) = tally.catch_up(&*self.counts, history, now).await {
                history.gaps(|gaps| gaps.failed(LOGS, fault.to_string(), now));
                return;
            }
        }
        history.gaps(|gaps| gaps.delivered(LOGS, now));
        for wanted in history.wanted(|namespace| namespace == LOGS_NAMESPACE, Duration::ZERO, now) {
            match self.tallies.iter().find(|tally| tally.query.name == wanted.query.metric) {
                Some(tally) => history.keep(&wanted.query, &tally.points(&wanted), now),
                None => history.lack(&wanted.query, "no log query of the configuration has this name"),
            }
        }
    }
}

impl Tally {
    /// Counts the whole intervals since the last time.
    async fn catch_up(&mut self, counts: &dyn LogCounts, history: &History, now: Timestamp) -> Result<(), Fault> {
        let every = self.query.every.0;
        let to = now.floor(every);
        let from = self.until.unwrap_or(to - every * 15).max(to - KEPT);
        if from >= to {
            return Ok(());
        }
        let first = self.until.is_none();
        for (at, code, count) in counts.count(&self.query, from, to).await? {
            if self.known.len() < MOST_CODES && self.known.insert(code.clone()) && !first {
                history.note(self.new_code(at, &code));
            }
            if self.known.contains(&code) {
                *self.counted.entry(at.floor(every).0).or_default().entry(code).or_default() += count;
            }
        }
        self.until = Some(to);
        self.counted = self.counted.split_off(&(to - KEPT).0);
        Ok(())
    }

    fn new_code(&self, at: Timestamp, code: &str) -> Event {
        let details = BTreeMap::from([("log_query".to_owned(), self.query.name.clone())]);
        Event { at, kind: "new_error_code".into(), subject: code.to_owned(), details }
    }

    /// The counts of a wanted series, period by period; a period without any is 0, because the logs were read.
    fn points(&self, wanted: &Wanted) -> Vec<(Timestamp, f64)> {
        let code = wanted.query.dimensions.iter().find(|(label, _)| label == CODE).map(|(_, value)| value.as_str());
        let period = wanted.query.period;
        let until = self.until.unwrap_or_default();
        let mut at = wanted.from;
        let mut points = Vec::new();
        while at + period <= wanted.to.min(until) {
            let within = self.counted.range(at.0..(at + period).0).flat_map(|(_, codes)| codes);
            let sum: u64 = within.filter(|(found, _)| code.is_none_or(|code| code == *found)).map(|(_, n)| n).sum();
            points.push((at, sum as f64));
            at = at + period;
        }
        points
    }
}
