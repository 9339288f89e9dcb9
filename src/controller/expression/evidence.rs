//! What can be seen when a question is asked.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    controller::{
        alarm::{AlarmState, Severity},
        event::Event,
        judge::memory::Memory,
        query::{MetricQuery, Series},
    },
    ids::Cause,
    units::TimeSpan,
};

/// Whoever can answer the questions of an expression.
pub trait Evidence {
    /// A measurement as it is, or as it was some time `ago`.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    fn metric(&self, query: &MetricQuery, ago: Duration) -> Result<f64, String>;

    /// Whether an alarm is in ALARM.
    ///
    /// # Errors
    /// Why nobody can tell, in a sentence.
    fn alarm(&self, name: &str) -> Result<bool, String>;

    /// The newest event of a kind within the last span, if there was one.
    fn event(&self, kind: &str, within: Duration) -> Option<&Event>;

    /// The cause that a diagnosis found, once there is one.
    fn cause(&self) -> Option<&Cause>;

    /// How grave the incident is, if there is one.
    fn severity(&self) -> Option<Severity>;
}

/// The controller's view of one moment.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Measurements.
    pub series: &'a dyn Series,
    /// How the alarms stand.
    pub memory: &'a Memory,
    /// What happened lately.
    pub events: &'a [Event],
    /// The moment.
    pub now: Timestamp,
    /// What the diagnosis found, if there was one.
    pub cause: Option<&'a Cause>,
    /// How grave the incident is, if there is one.
    pub severity: Option<Severity>,
}

impl Evidence for Scene<'_> {
    fn metric(&self, query: &MetricQuery, ago: Duration) -> Result<f64, String> {
        if let Some(gap) = self.series.gap(query, self.now) {
            return Err(format!("{query}: {gap}"));
        }
        // Long ago only whole minutes are kept.
        let grain = if ago < Duration::from_secs(3_600) { Duration::from_millis(1) } else { Duration::from_secs(60) };
        let newest = self.series.points(query, (self.now - ago).floor(grain), 1).pop().flatten();
        let when = if ago.is_zero() { String::new() } else { format!(" {} ago", TimeSpan(ago)) };
        newest.ok_or_else(|| format!("{query} has no data{when}"))
    }

    fn alarm(&self, name: &str) -> Result<bool, String> {
        match self.memory.judgement(name) {
            None => Err(format!("{name} was never judged")),
            Some(judgement) if judgement.state == AlarmState::InsufficientData => {
                Err(format!("{name} has insufficient data: {}", judgement.reason))
            }
            Some(judgement) => Ok(judgement.state == AlarmState::Alarm),
        }
    }

    fn event(&self, kind: &str, within: Duration) -> Option<&Event> {
        let fits = |event: &&Event| event.kind == kind && event.at <= self.now && self.now.since(event.at) <= within;
        self.events.iter().filter(fits).max_by_key(|event| event.at)
    }

    fn cause(&self) -> Option<&Cause> {
        self.cause
    }

    fn severity(&self) -> Option<Severity> {
        self.severity
    }
}
