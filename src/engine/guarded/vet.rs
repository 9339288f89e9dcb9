//! Questions, and answers from the cache, past the guardrails.
//!
//! A kept answer that carries the mark of what is in force was looked at when it was kept. One without it (other rules were
//! in force, or its check came to nothing) is looked at once more before or while it is given, as its intent's mode says; one
//! that may not be given leaves the cache.

use std::sync::Arc;

use tracing::info;

use super::words;
use crate::engine::{
    answer::Engine,
    answer_log::AnswerLog,
    guard::{
        guardrail::{Finding, Side},
        over::{Held, Over, Verdict},
        revise::Watch,
    },
    recall::hit::Hit,
    understand::question::Question,
};

/// What becomes of an answer from the cache.
pub(in crate::engine) enum Vetted {
    /// It may be given, under this watch if there is one.
    Fine(Option<Arc<Watch>>),
    /// It may not, and is gone.
    Gone,
}

impl Engine {
    /// What is said instead of an answer to a question that may not be asked.
    pub(in crate::engine) async fn refused(&self, question: &Question) -> Option<AnswerLog> {
        let over = self.guard.over_questions(&question.intent)?;
        let (text, watch) = (question.asked.text.clone(), self.guard.watch(&over));
        let Held::Refused(words) = over.hold(Side::Question, text, &question.asked.text, &watch, &self.tasks).await
        else {
            return None;
        };
        let (mut writer, log) = AnswerLog::open();
        match self.refuse(question, &mut writer, &words) {
            Ok(()) => writer.seal(),
            Err(failure) => writer.fail(failure),
        }
        Some(log)
    }

    /// Looks at an answer from the cache, unless that was done.
    pub(in crate::engine) async fn vet(self: &Arc<Self>, question: &Arc<Question>, hit: &Hit) -> Vetted {
        let Some(over) = self.guard.over(&question.intent) else { return Vetted::Fine(None) };
        if self.guard.vouches(&over, &hit.entry) {
            return Vetted::Fine(None);
        }
        let (text, _) = words(question, hit.entry.shape, &hit.entry.chunks);
        if over.mode().holds() {
            return self.vet_first(&over, question, hit, text).await;
        }
        let found = over.look(Side::Answer, &text);
        if matches!(found, Finding::Masked { .. } | Finding::Blocked { .. }) {
            return self.take_out(hit).await;
        }
        if !over.asks_a_service() {
            self.guard.passed(&hit.entry);
            return Vetted::Fine(None);
        }
        let watch = self.guard.watch(&over);
        self.tasks.spawn(self.clone().vet_beside(over, hit.clone(), text, watch.clone()));
        Vetted::Fine(Some(watch))
    }

    /// The kept answer that stands in when no model answers, if it may be given.
    pub(in crate::engine) async fn stale(self: &Arc<Self>, question: &Arc<Question>) -> Option<Hit> {
        let hit = self.recall.stale(question).await?;
        let Some(over) = self.guard.over(&question.intent) else { return Some(hit) };
        if self.guard.vouches(&over, &hit.entry) {
            return Some(hit);
        }
        let (text, _) = words(question, hit.entry.shape, &hit.entry.chunks);
        match self.vet_first(&over, question, &hit, text).await {
            Vetted::Fine(_) => Some(hit),
            Vetted::Gone => None,
        }
    }

    /// Before anybody gets it.
    async fn vet_first(&self, over: &Over, question: &Question, hit: &Hit, text: String) -> Vetted {
        let watch = self.guard.watch(over);
        match over.hold(Side::Answer, text, &question.asked.text, &watch, &self.tasks).await {
            Held::Said(None) => {
                self.guard.passed(&hit.entry);
                Vetted::Fine(None)
            }
            Held::Released(_) => Vetted::Fine(Some(watch)),
            Held::Said(Some(_)) | Held::Refused(_) => self.take_out(hit).await,
        }
    }

    /// While somebody gets it.
    async fn vet_beside(self: Arc<Self>, over: Over, hit: Hit, text: String, watch: Arc<Watch>) {
        let verdict = over.judge(Side::Answer, &text).await;
        watch.settle(&verdict);
        match verdict {
            Verdict::Clean => self.guard.passed(&hit.entry),
            Verdict::Masked { .. } | Verdict::Blocked { .. } => {
                self.take_out(&hit).await;
            }
            Verdict::Unsure(_) => {}
        }
    }

    async fn take_out(&self, hit: &Hit) -> Vetted {
        info!(key = %hit.entry.key, intent = %hit.entry.intent, "A kept answer did not pass the guardrails and was removed.");
        self.recall.remove(&hit.entry.key).await;
        Vetted::Gone
    }
}
