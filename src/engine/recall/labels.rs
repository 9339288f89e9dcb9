//! Pairs of questions of which somebody, or a check, said whether they have one answer: to tune thresholds and embedders.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use super::{calibrate::Labelled, meters::Signal};
use crate::{clock::Timestamp, ids::IntentId, units::Ratio};

/// Two questions, one answered with the other's answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// What they are about.
    pub intent: IntentId,
    /// The new question.
    pub asked: Arc<str>,
    /// Its entities.
    pub asked_entities: Vec<Arc<str>>,
    /// The question whose answer was given.
    pub cached: Arc<str>,
    /// Its entities.
    pub cached_entities: Vec<Arc<str>>,
    /// How alike they are.
    pub similarity: Ratio,
}

/// A pair with a verdict; one line of the export.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// When.
    pub at: Timestamp,
    /// Who says so: `feedback`, `entity_mismatch`, `shadow` or `near_miss`.
    pub signal: &'static str,
    /// Whether the answer was right.
    pub same: bool,
    /// The questions.
    #[serde(flatten)]
    pub pair: Pair,
}

/// How many labels are kept; the oldest make room.
const MOST: usize = 10_000;

/// The newest labels.
#[derive(Debug, Default)]
pub struct Labels(Mutex<VecDeque<Label>>);

impl Labels {
    pub(super) fn add(&self, pair: Pair, signal: Signal, same: bool, at: Timestamp) {
        let mut labels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if labels.len() == MOST {
            labels.pop_front();
        }
        labels.push_back(Label { at, signal: signal.label(), same, pair });
    }

    /// The labels of an intent as calibration sees them, oldest first. Only comparisons of answers count: who complains is
    /// no random sample.
    pub fn of(&self, intent: &str) -> Vec<Labelled> {
        let labels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compared = [Signal::Shadow, Signal::NearMiss].map(Signal::label);
        let of_intent = labels.iter().filter(|label| &*label.pair.intent == intent && compared.contains(&label.signal));
        of_intent.map(|label| (label.pair.similarity, label.same)).collect()
    }

    /// The labels, oldest first, one JSON object a line.
    pub fn to_jsonl(&self) -> String {
        let labels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        labels.iter().filter_map(|label| serde_json::to_string(label).ok()).map(|line| line + "\n").collect()
    }
}
