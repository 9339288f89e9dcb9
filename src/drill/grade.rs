//! The grade of a run: when it was noticed, understood, mended and over, and what users saw meanwhile. Pure.
//!
//! Times count from the drill's first break ([`Plan::breaks_at`]), in seconds; the other measures count what was asked
//! from the start on, without the warm-up. What becomes of machines (`abuse: true`) is nobody's harm and is counted apart.
//!
//! *Users are harmed* at a second when, of the requests that ended in the last 10 s, more than the drill's share were
//! errors, wrong, degraded or slower than the drill allows.
//! - `detect_s`: the first alarm that opened an incident. `null` when nobody watched or none did.
//! - `diagnose_s`: the first diagnosis that named a cause.
//! - `mitigate_s`: users are no longer harmed, for 30 s at least, and, where remedies were applied, the first was in force.
//! - `recover_s`: users are not harmed again until the end, answers are no longer stale, and every knob stands where the
//!   configuration has it, but for thresholds that the engine's own labels keep raised for a day: with or without a
//!   controller they do.
//!
//! So `mitigate_s` of a run in which users never were harmed is the time of the first remedy, or 0 without one.
//! `harmed_s` (seconds in which users were harmed) is the plain measure to compare two runs by.

mod harm;
mod measure;

use serde::Serialize;

pub use measure::Measure;

use super::{
    ledger::{Served, Upstream},
    offset::Offset,
    plan::Plan,
    watched::Watched,
};
use crate::{engine::source::Source, units::Usd};

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Grade {
    /// From the break to the first alarm of an incident. Unit: seconds. `None`: never.
    pub detect_s: Option<f64>,
    /// From the break to the first diagnosis with a cause.
    pub diagnose_s: Option<f64>,
    /// From the break until users were no longer harmed and the first remedy was in force.
    pub mitigate_s: Option<f64>,
    /// From the break until everything was as before.
    pub recover_s: Option<f64>,
    /// Questions asked from the start on.
    pub requests: u64,
    /// Those that ended in an error, or not before the user's patience.
    pub errors: u64,
    /// Answers to another question.
    pub wrong_answers: u64,
    /// Expired answers served while models were down.
    pub stale_answers: u64,
    /// Static answers and messages that stand in for an answer.
    pub degraded_answers: u64,
    /// Attempts sent to models.
    pub upstream_calls: u64,
    /// Attempts after the first on one model for one request.
    pub upstream_retries: u64,
    /// What models were paid, in US dollars.
    pub cost_usd: f64,
    /// Half of the questions ended within this time. Unit: milliseconds. `None`: no questions.
    pub p50_ms: Option<u64>,
    /// 99 % of them did.
    pub p99_ms: Option<u64>,
    /// The cause that was found. `None`: none was.
    pub cause: Option<String>,
    /// What was done.
    pub actions: Vec<Action>,
    /// Seconds in which users were harmed.
    #[serde(skip)]
    pub harmed_s: u64,
    /// 95 % of the writes of the last day were kept by the store within this time. Unit: milliseconds. `None`: no writes,
    /// or a store that takes no time.
    #[serde(skip)]
    pub write_ms: Option<f64>,
    /// Answers that were told in full although they say what may not be said. `None`: the world has no guardrail.
    #[serde(skip)]
    pub forbidden_answers: Option<u64>,
    /// Those of them that nobody revised.
    #[serde(skip)]
    pub unrevised_answers: Option<u64>,
    /// Questions of machines that were answered. `None`: no machines came.
    #[serde(skip)]
    pub abuse_answered: Option<u64>,
    /// The highest limit that was in force: `rate_limit.rate`, requests a second. `None`: nobody looked.
    #[serde(skip)]
    pub highest_limit: Option<f64>,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// When, in the drill's own zone.
    pub time: String,
    /// By which policy.
    pub policy: String,
    /// What: `set retry.max_attempts`.
    pub action: String,
    /// What it was before.
    pub from: String,
    /// What it was set to.
    pub to: String,
    /// What came of it.
    pub verdict: String,
}

/// Grades a run. `served` is sorted by the end; `upstream` has a reading at the start and one at the end.
pub fn grade(plan: &Plan, served: &[Served], upstream: &[(Offset, Upstream)], watched: Option<&Watched>) -> Grade {
    let (abuse, served): (Vec<_>, Vec<_>) = served.iter().copied().partition(|served| served.abusive);
    let graded: Vec<_> = served.iter().copied().filter(|served| served.asked.0 >= 0).collect();
    let spent = spent(upstream);
    let count = |of: fn(&Served) -> bool| graded.iter().filter(|served| of(served)).count() as u64;
    let took = sorted_times(&graded);
    let mut grade = Grade {
        requests: graded.len() as u64,
        errors: count(Served::is_error),
        wrong_answers: count(Served::is_wrong),
        stale_answers: count(|served| served.came_from(Source::Stale)),
        degraded_answers: count(Served::is_degraded),
        upstream_calls: spent.calls,
        upstream_retries: spent.retries,
        cost_usd: Usd::micros(i64::try_from(spent.cost_micros).unwrap_or(i64::MAX)).as_f64(),
        p50_ms: quantile(&took, 0.50),
        p99_ms: quantile(&took, 0.99),
        cause: watched.and_then(|watched| watched.cause.clone()),
        abuse_answered: plan
            .has_abuse()
            .then(|| abuse.iter().filter(|it| !it.is_error() && !it.is_degraded()).count() as u64),
        actions: watched.map(|watched| watched.actions.clone()).unwrap_or_default(),
        ..Grade::default()
    };
    times(&mut grade, plan, &served, watched);
    grade
}

fn times(grade: &mut Grade, plan: &Plan, served: &[Served], watched: Option<&Watched>) {
    let broke = plan.breaks_at();
    let since = |at: Offset| (at.0 - broke.0).max(0) as f64 / 1e3;
    let harm = harm::look(plan, served);
    let remedied = watched.and_then(|watched| watched.remedied);
    grade.harmed_s = harm.seconds;
    grade.detect_s = watched.and_then(|watched| watched.detected).map(since);
    grade.diagnose_s = watched.and_then(|watched| watched.diagnosed).map(since);
    grade.mitigate_s = harm.eased.map(|eased| since(remedied.map_or(eased, |at| at.max(eased))));
    grade.recover_s = match watched {
        Some(watched) => harm.over.zip(watched.settled).map(|(users, knobs)| since(users.max(knobs))),
        None => harm.over.map(since),
    };
}

fn spent(upstream: &[(Offset, Upstream)]) -> Upstream {
    let at_start = upstream.iter().rev().find(|(at, _)| at.0 <= 0).map_or_else(Upstream::default, |(_, it)| *it);
    upstream.last().map_or(at_start, |(_, it)| *it).since(at_start)
}

/// How long the questions took, shortest first.
pub fn sorted_times(served: &[Served]) -> Vec<u64> {
    let mut took: Vec<_> = served.iter().map(Served::took_ms).collect();
    took.sort_unstable();
    took
}

/// The value that a share `q` of sorted values does not exceed; `None` without values.
pub fn quantile(sorted: &[u64], q: f64) -> Option<u64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests;
