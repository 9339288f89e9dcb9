//! The engines that a drill asks, and the controller that may watch them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    facts::Facts,
    ledger::Upstream,
    offset::Offset,
    plan::{Plan, What},
    question::Question,
    story::Story,
    traffic::Visitor,
};
use crate::{clock::Clock, engine::source::Source, tasks::Tasks};

/// What a fleet is made for.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The drill.
    pub plan: &'a Plan,
    /// Decides about all chance within the fleet.
    pub seed: u64,
    /// Whether the controller watches.
    pub controlled: bool,
    /// The drill's time.
    pub clock: Clock,
    /// Where its background work runs.
    pub tasks: &'a Tasks,
}

/// An answer as a user reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where it came from.
    pub source: Source,
    /// Its words.
    pub text: String,
    /// What it is called in feedback.
    pub trace: String,
}

impl Told {
    /// Whether it speaks of what was asked, and says what was true between asking and its end. Words that stand in for an
    /// answer claim nothing, so they cannot be wrong.
    pub fn answers(&self, question: &Question, facts: &Facts, asked: Offset, ended: Offset) -> bool {
        let true_of = |topic: &Arc<str>| facts.bear_out(topic, &self.text, asked, ended);
        matches!(self.source, Source::Static | Source::Degraded | Source::Guarded)
            || question.about.iter().all(|word| self.text.contains(word.as_str()))
                && question.fact.as_ref().is_none_or(true_of)
    }
}

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(pub String);

/// Some engines behind a load balancer, the models behind them, and perhaps a controller beside them.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// How many engines.
    fn nodes(&self) -> u32;

    /// Asks one of them and reads the whole answer, of a stream too.
    ///
    /// # Errors
    /// When it ended in an error, before or after its first word.
    async fn ask(&self, node: u32, visitor: &Visitor) -> Result<Told, NoAnswer>;

    /// A user says that an answer did not help.
    async fn complain(&self, node: u32, trace: &str);

    /// Lets something happen to the world.
    async fn happen(&self, what: &What);

    /// A second has passed: what is due every second is done.
    async fn tick(&self);

    /// Whether something goes on that is to be looked at each second.
    fn is_busy(&self) -> bool;

    /// What all engines have asked of models so far.
    fn upstream(&self) -> Upstream;

    /// What happened so far.
    fn story(&self) -> Story;
}
