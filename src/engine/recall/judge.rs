//! What is learned when a model answered a question for which an answer was kept, too.

use bytes::Bytes;
use serde::Serialize;

use super::{Recall, compare::Verdict, compare::compare, feedback::Pairing, labels::Pair, meters::Signal};
use crate::{
    engine::{
        completion::text,
        understand::{intent::Intent, question::Question},
    },
    ids::IntentId,
    store::{Entry, Shape},
    units::Ratio,
};

/// On what occasion two answers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judging {
    /// The kept answer was served.
    Hit,
    /// It was not close enough, and the model was asked anyway.
    NearMiss,
}

/// What is known of one intent's semantic answers.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    /// Which intent, or `_all`.
    pub intent: IntentId,
    /// How many of the verified ones were wrong.
    pub estimate: super::estimate::Estimate,
    /// The lowest similarity that is served now; `None` for all intents together.
    pub threshold: Option<Ratio>,
    /// The operator's bound on wrong answers among hits.
    pub most_wrong: Option<Ratio>,
    /// What the labels say about the threshold.
    pub advice: Option<super::calibrate::Advice>,
}

impl Recall {
    /// Compares the kept answer with the one a model just gave to the question, and learns from it: a label, the entry's
    /// threshold, and for a served answer the intent's estimate; one that is found wrong is not given to this question
    /// again.
    pub async fn judge(
        &self,
        question: &Question,
        entry: &Entry,
        similarity: Ratio,
        judging: Judging,
        shape: Shape,
        fresh: &[Bytes],
    ) -> Verdict {
        let verdict = self.compare_answers(entry, shape, fresh).await;
        let (intent, now) = (&question.intent, self.clock.now());
        self.meters.verified(intent, judging, verdict);
        if judging == Judging::Hit {
            self.estimates.add(&intent.id, verdict.is_right(), now, &self.registry);
        }
        let Some(right) = verdict.is_right() else { return verdict };
        let pair = Pair {
            intent: intent.id.clone(),
            asked: question.asked.text.as_str().into(),
            asked_entities: question.entities.clone(),
            cached: entry.question.as_str().into(),
            cached_entities: entry.entities.clone(),
            similarity,
        };
        let signal = if judging == Judging::Hit { Signal::Shadow } else { Signal::NearMiss };
        self.labels.add(pair, signal, right, now);
        self.learned.observe(&entry.key, similarity.as_f64(), right);
        if judging == Judging::Hit && !right {
            self.meters.false_positive(intent.index, Signal::Shadow);
            self.answers.bar(Pairing { question: question.key, entry: entry.key });
        }
        verdict
    }

    async fn compare_answers(&self, entry: &Entry, shape: Shape, fresh: &[Bytes]) -> Verdict {
        let (Some(kept), Some(fresh)) = (text(entry.shape, &entry.chunks), text(shape, fresh)) else {
            return Verdict::Undecided;
        };
        match compare(&kept, &fresh, &self.understanding(), &*self.embedder).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::debug!(%error, "Two answers could not be compared.");
                Verdict::Undecided
            }
        }
    }

    /// The share of semantic answers that is verified.
    pub fn shadow_share(&self) -> f64 {
        self.live.shadow()
    }

    /// Whether a near miss is compared: always where vectors cost nothing, else as rarely as hits are verified.
    pub(super) fn compares(&self, question: &Question) -> bool {
        let share = self.live.shadow();
        question.near_miss.get().is_some() && share > 0.0 && (self.embedder.is_cheap() || self.dice.roll() < share)
    }

    /// After a near miss: the kept answer that was not close enough against the one the model gave. Costs no model.
    pub(super) async fn learn_from_near_miss(&self, question: &Question, shape: Shape, fresh: &[Bytes]) {
        let Some((key, similarity)) = question.near_miss.get() else { return };
        if let Ok(Some(entry)) = self.fetch(key).await {
            self.judge(question, &entry, *similarity, Judging::NearMiss, shape, fresh).await;
        }
    }

    /// The lowest similarity at which this entry may be given to a question of the intent.
    pub(super) fn threshold_of(&self, entry: &crate::digest::Digest, intent: &Intent) -> f64 {
        let threshold = self.live.threshold(intent).as_f64();
        self.learned.threshold(entry, threshold, intent.most_wrong.as_f64())
    }

    /// What is known of the semantic answers, by intent, and what the labels advise.
    pub fn known(&self) -> Vec<Known> {
        let shop = self.understanding();
        let estimates = self.estimates.read(self.clock.now());
        let mut names: Vec<_> =
            shop.intents().filter(|intent| intent.semantic).map(|intent| intent.id.clone()).collect();
        names.push(super::estimate::ALL.into());
        let known = |name: IntentId| {
            let estimate = estimates.iter().find(|(intent, _)| **intent == *name).map(|(_, estimate)| *estimate);
            let intent = shop.intent(&name);
            Known {
                estimate: estimate.unwrap_or(super::estimate::Estimate { at_most: 1.0, ..Default::default() }),
                threshold: intent.map(|intent| self.live.threshold(intent)),
                most_wrong: intent.map(|intent| intent.most_wrong),
                advice: intent.map(|intent| self.advice(intent)),
                intent: name,
            }
        };
        names.into_iter().map(known).collect()
    }

    /// What this node's labels say about an intent's threshold.
    pub fn advice(&self, intent: &Intent) -> super::calibrate::Advice {
        super::calibrate::advise(&self.labels.of(&intent.id), self.live.threshold(intent), intent.most_wrong)
    }
}
