//! Looking for a kept question that means the same.

use std::sync::Arc;

use super::{
    Recall,
    embed::{of_length, quantise},
    feedback::Pairing,
    hit::{Age, Hit},
    index::{Candidate, Group, Slot},
    learned::posterior::FLOOR,
};
use crate::{digest::Digest, engine::understand::question::Question, units::Ratio};

/// How many candidates are looked at: some may be gone from the store, and some ask for more than their intent does.
const TRIES: usize = 16;

impl Recall {
    /// The most similar kept question that is similar enough, passes every gate and is still in the store. An entry that
    /// has labels may ask for more than its intent does, or for less; what is too little alike is a near miss to learn from.
    pub(super) async fn search(&self, question: &Question, age: Age) -> Option<Hit> {
        let group = Group::of(self.partition(question)?, &question.signature);
        if !self.index.has(&group) {
            return None;
        }
        let vector = self.vector(question).await?;
        let threshold = self.live.threshold(&question.intent).as_f64() as f32;
        let candidates = self.index.nearest(&group, &vector, threshold.min(FLOOR as f32), TRIES, |slot| {
            self.may_serve(question, slot, age) && question.signature.differs(&slot.signature).is_none()
        });
        let nearest = candidates.iter().find(|candidate| candidate.similarity < threshold);
        let nearest = nearest.map(|near| (near.slot.key, ratio(near.similarity)));
        let hit = self.first(question, candidates, age).await;
        if let Some(near) = nearest.filter(|_| hit.is_none() && age == Age::Fresh) {
            let _ = question.near_miss.set(near);
        }
        hit
    }

    /// Whether an entry is young enough and was not called wrong for this question.
    fn may_serve(&self, question: &Question, slot: &Slot, age: Age) -> bool {
        age.admits(&question.intent, slot.fresh_until, slot.keep_until, self.clock.now())
            && !self.answers.is_barred(&Pairing { question: question.key, entry: slot.key })
    }

    /// The first candidate that is alike enough for its own threshold and still in the store.
    async fn first(&self, question: &Question, candidates: Vec<Candidate>, age: Age) -> Option<Hit> {
        let threshold = self.live.threshold(&question.intent).as_f64();
        for Candidate { similarity, slot } in candidates {
            let own = self.threshold_of(&slot.key, &question.intent);
            if own != threshold && f64::from(similarity) < own {
                continue;
            }
            if own == threshold && similarity < threshold as f32 {
                continue;
            }
            let similarity = ratio(similarity);
            if let Some(hit) = self.confirm(question, &slot.key, similarity, age).await {
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

fn ratio(similarity: f32) -> Ratio {
    Ratio::new(f64::from(similarity).clamp(0.0, 1.0)).unwrap_or_default()
}
