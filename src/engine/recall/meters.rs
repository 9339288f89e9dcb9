//! What recall measures: each series is made once, so that counting costs a few nanoseconds.

use std::sync::Arc;

use crate::{
    engine::{
        source::Source,
        understand::{Understanding, intent::Intent, signature::Gate},
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
}

impl Signal {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::EntityMismatch => "entity_mismatch",
        }
    }
}

struct OfIntent {
    lookups: [Arc<Counter>; 4],
    similarity: Arc<Distribution>,
    false_positives: [Arc<Counter>; 2],
}

/// All of them.
pub struct Meters {
    intents: Vec<OfIntent>,
    gated: Vec<(Gate, Arc<Counter>)>,
    writes: [Arc<Counter>; 5],
    write_latency: Arc<Distribution>,
    feedback: Vec<(Source, [Arc<Counter>; 2])>,
}

impl Meters {
    /// The series of these intents.
    pub fn new(understanding: &Understanding, registry: &Registry) -> Self {
        let of_intent = |intent: &Arc<Intent>| OfIntent {
            lookups: ["exact", "semantic", "miss", "bypass"]
                .map(|result| registry.counter(&catalogue::LOOKUPS, &[&intent.id, result])),
            similarity: registry.distribution(&catalogue::SIMILARITY, &[&intent.id]),
            false_positives: [Signal::Feedback, Signal::EntityMismatch]
                .map(|signal| registry.counter(&catalogue::FALSE_POSITIVES, &[&intent.id, signal.label()])),
        };
        let verdicts = |source: Source| {
            ["helpful", "unhelpful"].map(|verdict| registry.counter(&catalogue::FEEDBACK, &[source.label(), verdict]))
        };
        Self {
            intents: understanding.intents().map(of_intent).collect(),
            gated: Gate::ALL.map(|gate| (gate, registry.counter(&catalogue::GATED, &[gate.label()]))).into(),
            writes: ["stored", "dropped", "refused", "stale", "failed"]
                .map(|result| registry.counter(&catalogue::CACHE_WRITES, &[result])),
            write_latency: registry.distribution(&catalogue::WRITE_LATENCY, &[]),
            feedback: Source::ALL.map(|source| (source, verdicts(source))).into(),
        }
    }

    /// A look-up ended.
    pub fn looked(&self, intent: &Intent, how: Looked) {
        if let Some(meters) = self.intents.get(intent.index) {
            meters.lookups[how as usize].inc();
        }
    }

    /// A semantic answer was served at this similarity.
    pub fn similarity(&self, intent: &Intent, similarity: crate::units::Ratio) {
        if let Some(meters) = self.intents.get(intent.index) {
            meters.similarity.record((similarity.as_f64() * 1e6).round() as u64);
        }
    }

    /// A gate refused candidates.
    pub fn gated(&self, refused: impl Iterator<Item = (Gate, u64)>) {
        for (gate, count) in refused.filter(|(_, count)| *count > 0) {
            self.gated.iter().filter(|(known, _)| *known == gate).for_each(|(_, counter)| counter.add(count));
        }
    }

    /// A semantic answer was wrong. `intent` is the intent's place.
    pub fn false_positive(&self, intent: usize, signal: Signal) {
        if let Some(meters) = self.intents.get(intent) {
            meters.false_positives[signal as usize].inc();
        }
    }

    /// A write ended.
    pub fn wrote(&self, how: Written) {
        self.writes[how as usize].inc();
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
