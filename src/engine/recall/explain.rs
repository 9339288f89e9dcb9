//! Why a question did or did not hit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Recall, feedback::Pairing, hit::Age, same::Same};
use crate::{
    digest::Digest,
    engine::understand::{question::Question, signature::Gate},
    ids::IntentId,
    units::Ratio,
};

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It would be served.
    Serves,
    /// It is less alike than the threshold.
    BelowThreshold,
    /// A gate refuses it.
    Gate(Gate),
    /// It is no longer fresh.
    Expired,
    /// A reader said that it is wrong for this question.
    Barred,
    /// It is gone from the store, or the store is away.
    Gone,
}

/// A kept question that was compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Its key.
    pub key: Digest,
    /// Its text; `None` when it is gone.
    pub question: Option<String>,
    /// How alike it is.
    pub similarity: Ratio,
    /// What became of it.
    pub outcome: Outcome,
}

/// How a question is understood and what it was compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What it is about.
    pub intent: IntentId,
    /// Its entities.
    pub entities: Vec<Arc<str>>,
    /// What its answer is kept under.
    pub key: Digest,
    /// Whether the same question is kept and fresh.
    pub exact: bool,
    /// How the same question stands, with the reason.
    pub same: Same,
    /// Why it is not looked for by meaning; `None` when it is.
    pub not_alone: Option<String>,
    /// The frame that is compared.
    pub frame: String,
    /// The lowest similarity that is served.
    pub threshold: Ratio,
    /// What it was compared with, most alike first, at most 10.
    pub compared: Vec<Compared>,
}

const MOST: usize = 10;

impl Recall {
    /// Why a question would or would not hit now. Counts nothing.
    pub async fn explain(&self, question: &Question) -> Explanation {
        let same = self.stands(question).await;
        Explanation {
            intent: question.intent.id.clone(),
            entities: question.entities.clone(),
            key: question.key,
            exact: matches!(same, Same::Fresh { .. }),
            same,
            not_alone: question.not_alone.map(|why| why.label().to_owned()),
            frame: question.frame_text.clone(),
            threshold: self.live.threshold(&question.intent),
            compared: self.compare(question).await,
        }
    }

    async fn compare(&self, question: &Question) -> Vec<Compared> {
        let Some(partition) = self.partition(question) else { return Vec::new() };
        let Some(vector) = self.vector(question).await else { return Vec::new() };
        let (now, threshold) = (self.clock.now(), self.live.threshold(&question.intent));
        let mut compared = Vec::new();
        for candidate in self.index.nearest_of_all(&partition, &vector, MOST) {
            let similarity = Ratio::new(f64::from(candidate.similarity).clamp(0.0, 1.0)).unwrap_or_default();
            let slot = candidate.slot;
            let entry = self.fetch(&slot.key).await.ok().flatten();
            let pairing = Pairing { question: question.key, entry: slot.key };
            let outcome = match question.signature.differs(&slot.signature) {
                _ if similarity < threshold => Outcome::BelowThreshold,
                Some(gate) => Outcome::Gate(gate),
                None if self.answers.is_barred(&pairing) => Outcome::Barred,
                None if entry.is_none() => Outcome::Gone,
                None if !Age::Fresh.admits(&question.intent, slot.fresh_until, slot.keep_until, now) => {
                    Outcome::Expired
                }
                None => Outcome::Serves,
            };
            let question = entry.map(|entry| entry.question.clone());
            compared.push(Compared { key: slot.key, question, similarity, outcome });
        }
        compared
    }
}
