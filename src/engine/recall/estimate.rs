//! How many semantic answers are wrong: what verification of a random share of them says, by intent and over all.
//!
//! Only verified hits count, because they are drawn at random; feedback comes from those who are unhappy. The window is
//! bounded in time and number. The labels themselves are watched: when the newest chunk is worse than those before it
//! beyond chance, they drift, and what was learned from older ones is doubtful.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;

use super::proportion::Share;
use crate::{
    clock::Timestamp,
    telemetry::{catalogue, metric::Gauge, registry::Registry},
};

/// How long a verdict counts.
const WINDOW: Duration = Duration::from_secs(24 * 3_600);
/// How many verdicts of an intent count.
const MOST: usize = 4_000;
/// With fewer decided verdicts nothing is proven: one wrong answer of one would already be 5 % "at least".
const PROOF: u64 = 30;
/// Verdicts in a chunk.
const CHUNK: usize = 200;
/// Chunks are taken to differ when chance would part them so less often than this.
const CHANCE: f64 = 0.001;

/// The name under which all intents together are shown.
pub const ALL: &str = "_all";

/// What is known of an intent's wrong answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Wrong ones among verified ones.
    #[serde(flatten)]
    pub share: Share,
    /// Verified ones of which nobody can tell.
    pub undecided: u64,
    /// The share is at least this, at 95 %; 0 before 30 verdicts.
    pub at_least: f64,
    /// The share is at most this, at 95 %.
    pub at_most: f64,
    /// Whether the newest verdicts are worse than those before them.
    pub drifting: bool,
}

/// The verdicts of one intent.
#[derive(Debug, Default)]
pub struct Window {
    verdicts: VecDeque<(Timestamp, Option<bool>)>,
}

impl Window {
    /// Adds a verdict: right, wrong, or `None` for one of which nobody can tell.
    pub fn add(&mut self, at: Timestamp, right: Option<bool>) {
        self.verdicts.push_back((at, right));
        if self.verdicts.len() > MOST {
            self.verdicts.pop_front();
        }
    }

    /// What the verdicts of the last day say.
    pub fn estimate(&mut self, now: Timestamp) -> Estimate {
        while self.verdicts.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.verdicts.pop_front();
        }
        let decided: Vec<bool> = self.verdicts.iter().filter_map(|(_, right)| *right).collect();
        let share = count(&decided);
        Estimate {
            share,
            undecided: (self.verdicts.len() - decided.len()) as u64,
            at_least: if share.of < PROOF { 0.0 } else { share.at_least() },
            at_most: share.at_most(),
            drifting: drifts(&decided),
        }
    }
}

fn count(rights: &[bool]) -> Share {
    let mut share = Share::default();
    rights.iter().for_each(|right| share.add(!right));
    share
}

/// Whether the newest chunk is worse than everything before it; `false` before there are two chunks.
fn drifts(rights: &[bool]) -> bool {
    let Some(before) = rights.len().checked_sub(CHUNK).filter(|before| *before >= CHUNK) else { return false };
    let (before, newest) = rights.split_at(before);
    count(newest).worse_than(count(before)) < CHANCE
}

struct Shown {
    gauges: [Arc<Gauge>; 5],
    drift: Arc<Gauge>,
}

impl Shown {
    fn of(intent: &str, registry: &Registry) -> Self {
        use catalogue::{LABEL_DRIFT, VERIFIED, VERIFIED_WRONG, WRONG_AT_LEAST, WRONG_AT_MOST, WRONG_RATE};
        let gauge = |metric| registry.gauge(metric, &[intent]);
        Self {
            gauges: [&VERIFIED, &VERIFIED_WRONG, &WRONG_RATE, &WRONG_AT_LEAST, &WRONG_AT_MOST].map(gauge),
            drift: gauge(&LABEL_DRIFT),
        }
    }

    fn show(&self, estimate: &Estimate) {
        let Share { wrong, of } = estimate.share;
        let rate = estimate.share.rate().unwrap_or(0.0);
        let values = [of as f64, wrong as f64, rate, estimate.at_least, estimate.at_most];
        self.gauges.iter().zip(values).for_each(|(gauge, value)| gauge.set(value));
        self.drift.set(f64::from(u8::from(estimate.drifting)));
    }
}

/// The estimates of all intents. A series appears with its intent's first verdict.
#[derive(Default)]
pub struct Estimates(Mutex<Vec<(Arc<str>, Window, Shown)>>);

impl Estimates {
    /// Adds a verdict on a verified hit of an intent, and shows what follows.
    pub fn add(&self, intent: &str, right: Option<bool>, now: Timestamp, registry: &Registry) {
        for name in [intent, ALL] {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.iter().any(|(known, ..)| &**known == name) {
                all.push((name.into(), Window::default(), Shown::of(name, registry)));
            }
            for (_, window, shown) in all.iter_mut().filter(|(known, ..)| &**known == name) {
                window.add(now, right);
                shown.show(&window.estimate(now));
            }
        }
    }

    /// All estimates as of now, brought up to date.
    pub fn read(&self, now: Timestamp) -> Vec<(Arc<str>, Estimate)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let estimates = all.iter_mut().map(|(intent, window, shown)| {
            let estimate = window.estimate(now);
            shown.show(&estimate);
            (intent.clone(), estimate)
        });
        estimates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(0);

    fn window(verdicts: impl IntoIterator<Item = bool>) -> Window {
        let mut window = Window::default();
        verdicts.into_iter().for_each(|right| window.add(NOW, Some(right)));
        window
    }

    #[test]
    fn so_many_right_answers_bound_the_share_and_undecided_ones_do_not_count() {
        let mut window = window(std::iter::repeat_n(true, 598));
        window.add(NOW, None);
        let estimate = window.estimate(NOW);
        assert_eq!((estimate.share, estimate.undecided), (Share::new(0, 598), 1));
        assert!(estimate.at_most <= 0.005 && estimate.at_least == 0.0);
    }

    #[test]
    fn verdicts_older_than_a_day_are_forgotten() {
        let mut window = window([false]);
        assert_eq!(window.estimate(NOW + (WINDOW - Duration::from_secs(1))).share, Share::new(1, 1));
        assert_eq!(window.estimate(NOW + WINDOW).share, Share::default());
    }

    #[test]
    fn a_worse_chunk_is_drift_and_the_same_share_of_wrong_ones_is_not() {
        let chunk = |wrong: usize| (0..CHUNK).map(move |n| n >= wrong);
        assert!(!window(chunk(40)).estimate(NOW).drifting, "one chunk says nothing");
        assert!(!window(chunk(2).chain(chunk(4))).estimate(NOW).drifting);
        assert!(window(chunk(2).chain(chunk(2)).chain(chunk(20))).estimate(NOW).drifting);
        assert!(!window(chunk(20).chain(chunk(2))).estimate(NOW).drifting, "better is no alarm");
    }

    #[test]
    fn the_bounds_are_shown_for_the_intent_and_for_all_together() {
        let (estimates, registry) = (Estimates::default(), Registry::default());
        (0..1_000).for_each(|n| estimates.add("faq", Some(n >= 16), NOW, &registry));
        estimates.add("pricing", Some(true), NOW, &registry);
        let read = estimates.read(NOW);
        let names: Vec<_> = read.iter().map(|(intent, estimate)| (&**intent, estimate.share.of)).collect();
        assert_eq!(names, [("faq", 1_000), (ALL, 1_001), ("pricing", 1)]);
        assert!(registry.gauge(&catalogue::WRONG_AT_LEAST, &["faq"]).get() > 0.01);
    }
}
