//! Looking for a kept question that means the same.

use std::sync::Arc;

use super::{
    Recall,
    embed::{of_length, quantise},
    feedback::Pairing,
    gates::Gates,
    hit::{Age, Hit},
};
use crate::{digest::Digest, engine::understand::question::Question, units::Ratio};

/// How many candidates are tried: one of them may be gone from the store.
const TRIES: usize = 4;

impl Recall {
    /// The most similar kept question that is similar enough, passes every gate and is still in the store.
    pub(super) async fn search(&self, question: &Question, age: Age) -> Option<Hit> {
        let partition = self.partition(question).filter(|partition| self.index.has(partition))?;
        let vector = self.vector(question).await?;
        let now = self.clock.now();
        let floor = self.live.threshold(&question.intent).as_f64() as f32;
        let mut gates = Gates::of(&question.signature);
        let candidates = self.index.nearest(&partition, &vector, floor, TRIES, |slot| {
            age.admits(&question.intent, slot.fresh_until, slot.keep_until, now)
                && !self.answers.is_barred(&Pairing { question: question.key, entry: slot.key })
                && gates.admit(&slot.signature)
        });
        self.meters.gated(gates.refused());
        for candidate in candidates {
            let similarity = Ratio::new(f64::from(candidate.similarity).clamp(0.0, 1.0))?;
            if let Some(hit) = self.confirm(question, &candidate.slot.key, similarity, age).await {
                self.meters.similarity(&question.intent, similarity);
                return Some(hit);
            }
        }
        None
    }

    /// Where questions like this one are, for this embedder. `None` when it must not be found by meaning.
    pub(super) fn partition(&self, question: &Question) -> Option<Digest> {
        let partition = question.partition.filter(|_| question.is_shareable())?;
        Some(Digest::of([&partition.0[..], self.embedder.name().as_bytes()]))
    }

    /// The vector of the question's frame, made once. `None` when the embedder cannot, or there is nothing in it.
    pub(super) async fn vector(&self, question: &Question) -> Option<Arc<[i8]>> {
        if let Some(vector) = question.vector.get() {
            return Some(vector.clone());
        }
        let dimensions = self.embedder.dimensions();
        match self.embedder.embed(&question.frame_text).await.and_then(|vector| of_length(vector, dimensions)) {
            Ok(vector) => {
                let vector: Arc<[i8]> = quantise(&vector)?.into();
                Some(question.vector.get_or_init(|| vector).clone())
            }
            Err(error) => {
                tracing::debug!(%error, "No vector for a question.");
                None
            }
        }
    }

    /// The entry behind a candidate, if the store still has it and it is this tenant's.
    async fn confirm(&self, question: &Question, key: &Digest, similarity: Ratio, age: Age) -> Option<Hit> {
        match self.fetch(key).await {
            Ok(Some(entry)) => {
                let now = self.clock.now();
                let fits = entry.tenant == question.asked.caller.tenant
                    && age.admits(&question.intent, entry.fresh_until, entry.keep_until, now);
                fits.then(|| Hit::new(entry, Some(similarity), &question.intent, now))
            }
            Ok(None) => {
                self.index.remove(key);
                None
            }
            Err(_) => None,
        }
    }
}
