//! What recall measures: each series is made once, so that counting costs a few nanoseconds.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{compare::Verdict, judge::Judging, unkept::REFUSALS};
use crate::{
    engine::{
        source::Source,
        understand::{Understanding, intent::Intent},
    },
    telemetry::{
        catalogue,
        metric::{Counter, Distribution},
        registry::Registry,
    },
};

/// How a look-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// By the same question.
    Exact,
    /// By a question that means the same.
    Semantic,
    /// Nothing was there.
    Miss,
    /// It was not looked: the caller or the intent does not allow it.
    Bypass,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there.
    Stored,
    /// The queue was full.
    Dropped,
    /// Too large, no time to live, or no room.
    Refused,
    /// An invalidation came first.
    Stale,
    /// The store did not take it.
    Failed,
}

/// What tells that a semantic answer was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The user said so.
    Feedback,
    /// The two questions name different titles.
    EntityMismatch,
    /// A model, asked behind the reader's back, said something else.
    Shadow,
    /// A model, asked because the kept question was not close enough, said something else, or the same. Nobody got the
    /// kept answer, so this never counts as a wrong one.
    NearMiss,
}

impl Signal {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::EntityMismatch => "entity_mismatch",
            Self::Shadow => "shadow",
            Self::NearMiss => "near_miss",
        }
    }
}

struct OfIntent {
    lookups: [Arc<Counter>; 4],
    similarity: Arc<Distribution>,
    false_positives: [Arc<Counter>; 3],
    verified: [[Arc<Counter>; 3]; 2],
}

/// All of them.
pub struct Meters {
    /// By the intents' numbers, which a reload does not change.
    intents: ArcSwap<Vec<OfIntent>>,
    writes: [Arc<Counter>; 5],
    refused: [Arc<Counter>; REFUSALS.len()],
    write_latency: Arc<Distribution>,
    feedback: Vec<(Source, [Arc<Counter>; 2])>,
}

impl Meters {
    /// The series of these intents.
    pub fn new(understanding: &Understanding, registry: &Registry) -> Self {
        let verdicts = |source: Source| {
            ["helpful", "unhelpful"].map(|verdict| registry.counter(&catalogue::FEEDBACK, &[source.label(), verdict]))
        };
        Self {
            intents: ArcSwap::from_pointee(series(understanding, registry)),
            writes: ["stored", "dropped", "refused", "stale", "failed"]
                .map(|result| registry.counter(&catalogue::CACHE_WRITES, &[result])),
            refused: REFUSALS.map(|reason| registry.counter(&catalogue::REFUSED, &[reason])),
            write_latency: registry.distribution(&catalogue::WRITE_LATENCY, &[]),
            feedback: Source::ALL.map(|source| (source, verdicts(source))).into(),
        }
    }

    /// Makes the series of intents that came with a reload.
    pub fn renew(&self, understanding: &Understanding, registry: &Registry) {
        self.intents.store(Arc::new(series(understanding, registry)));
    }

    /// Two answers to one question were compared.
    pub fn verified(&self, intent: &Intent, judging: Judging, verdict: Verdict) {
        if let Some(meters) = self.intents.load().get(intent.index) {
            meters.verified[judging as usize][verdict as usize].inc();
        }
    }

    /// A look-up ended.
    pub fn looked(&self, intent: &Intent, how: Looked) {
        if let Some(meters) = self.intents.load().get(intent.index) {
            meters.lookups[how as usize].inc();
        }
    }

    /// A semantic answer was served at this similarity.
    pub fn similarity(&self, intent: &Intent, similarity: crate::units::Ratio) {
        if let Some(meters) = self.intents.load().get(intent.index) {
            meters.similarity.record((similarity.as_f64() * 1e6).round() as u64);
        }
    }

    /// A semantic answer was wrong. `intent` is the intent's place.
    pub fn false_positive(&self, intent: usize, signal: Signal) {
        if let Some(meters) = self.intents.load().get(intent) {
            meters.false_positives.get(signal as usize).into_iter().for_each(|counter| counter.inc());
        }
    }

    /// A write ended.
    pub fn wrote(&self, how: Written) {
        self.writes[how as usize].inc();
    }

    /// An answer was not kept.
    pub fn refused(&self, reason: &str) {
        let counters = REFUSALS.iter().zip(&self.refused);
        counters.filter(|(known, _)| **known == reason).for_each(|(_, counter)| counter.inc());
    }

    /// A write took so long.
    pub fn write_took(&self, time: std::time::Duration) {
        self.write_latency.record_time(time);
    }

    /// Somebody judged an answer.
    pub fn judged(&self, source: Source, helpful: bool) {
        let of_source = self.feedback.iter().filter(|(known, _)| *known == source);
        of_source.for_each(|(_, verdicts)| verdicts[usize::from(!helpful)].inc());
    }
}

/// The series of all intents, by their numbers.
fn series(understanding: &Understanding, registry: &Registry) -> Vec<OfIntent> {
    understanding.intent_names().iter().map(|intent| of_intent(intent, registry)).collect()
}

fn of_intent(intent: &str, registry: &Registry) -> OfIntent {
    let verified = |occasion| {
        [Verdict::Same, Verdict::Different, Verdict::Undecided]
            .map(|verdict| registry.counter(&catalogue::COMPARED, &[intent, occasion, verdict.label()]))
    };
    OfIntent {
        lookups: ["exact", "semantic", "miss", "bypass"]
            .map(|result| registry.counter(&catalogue::LOOKUPS, &[intent, result])),
        similarity: registry.distribution(&catalogue::SIMILARITY, &[intent]),
        false_positives: [Signal::Feedback, Signal::EntityMismatch, Signal::Shadow]
            .map(|signal| registry.counter(&catalogue::FALSE_POSITIVES, &[intent, signal.label()])),
        verified: ["hit", "near_miss"].map(verified),
    }
}
