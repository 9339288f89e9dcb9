//! The measures of a grade by name, for expectations and for the incident's own numbers.

use std::{fmt, str::FromStr};

use super::Grade;
use crate::drill::expect::Shown;

/// A measure of a grade; [`Grade`] says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Grade documents them")]
pub enum Measure {
    Detect,
    Diagnose,
    Mitigate,
    Recover,
    Harmed,
    Requests,
    Errors,
    Wrong,
    Stale,
    Degraded,
    Calls,
    Retries,
    Cost,
    P50,
    P99,
    Writes,
    Forbidden,
    Unrevised,
    Abuse,
    Limit,
    Cause,
}

impl Measure {
    /// All of them, in the order of the report, with their names.
    pub const ALL: [(Self, &str); 21] = [
        (Self::Detect, "detect_s"),
        (Self::Diagnose, "diagnose_s"),
        (Self::Mitigate, "mitigate_s"),
        (Self::Recover, "recover_s"),
        (Self::Harmed, "harmed_s"),
        (Self::Requests, "requests"),
        (Self::Errors, "errors"),
        (Self::Wrong, "wrong_answers"),
        (Self::Stale, "stale_answers"),
        (Self::Degraded, "degraded_answers"),
        (Self::Calls, "upstream_calls"),
        (Self::Retries, "upstream_retries"),
        (Self::Cost, "cost_usd"),
        (Self::P50, "p50_ms"),
        (Self::P99, "p99_ms"),
        (Self::Writes, "write_ms"),
        (Self::Forbidden, "forbidden_answers"),
        (Self::Unrevised, "unrevised_answers"),
        (Self::Abuse, "abuse_answered"),
        (Self::Limit, "highest_limit"),
        (Self::Cause, "cause"),
    ];

    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(measure, _)| *measure == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(measure, _)| *measure);
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        known.ok_or_else(|| format!("`{text}` is not a measure: use {}", names()))
    }
}

impl Grade {
    /// What the run shows for a measure.
    pub fn show(&self, measure: Measure) -> Shown {
        let time = |seconds: Option<f64>| Shown::Number(seconds.unwrap_or(f64::INFINITY));
        let count = |count: u64| Shown::Number(count as f64);
        let took = |millis: Option<u64>| millis.map_or(Shown::Nothing, count);
        match measure {
            Measure::Detect => time(self.detect_s),
            Measure::Diagnose => time(self.diagnose_s),
            Measure::Mitigate => time(self.mitigate_s),
            Measure::Recover => time(self.recover_s),
            Measure::Harmed => count(self.harmed_s),
            Measure::Requests => count(self.requests),
            Measure::Errors => count(self.errors),
            Measure::Wrong => count(self.wrong_answers),
            Measure::Stale => count(self.stale_answers),
            Measure::Degraded => count(self.degraded_answers),
            Measure::Calls => count(self.upstream_calls),
            Measure::Retries => count(self.upstream_retries),
            Measure::Cost => Shown::Number(self.cost_usd),
            Measure::P50 => took(self.p50_ms),
            Measure::P99 => took(self.p99_ms),
            Measure::Writes => self.write_ms.map_or(Shown::Nothing, Shown::Number),
            Measure::Forbidden => took(self.forbidden_answers),
            Measure::Unrevised => took(self.unrevised_answers),
            Measure::Abuse => took(self.abuse_answered),
            Measure::Limit => self.highest_limit.map_or(Shown::Nothing, Shown::Number),
            Measure::Cause => self.cause.clone().map_or(Shown::Nothing, Shown::Word),
        }
    }
}
