//! What the operator's files say about a shop, read once and shared by all its nodes.

use std::sync::Arc;

use crate::{
    config::{files::Files, problem::Problems},
    engine::{degrade::Messages, understand::Understanding, warm::plan::Plan},
    knob::catalogue::{Catalogue, EngineDefaults, IntentDefaults, ModelDefaults},
};

/// The engine's side of the operator's files.
#[derive(Clone)]
pub struct Shop {
    /// Intents, titles, deciding words.
    pub understanding: Arc<Understanding>,
    /// What to say when nobody can answer.
    pub messages: Arc<Messages>,
    /// What is asked before a release.
    pub warming: Plan,
}

impl Shop {
    /// Reads the files; `None` when something is wrong, which is then among the problems.
    pub fn load(files: &Files, problems: &mut Problems) -> Option<Self> {
        Self::of(Understanding::load(files, problems), files, problems)
    }

    /// Reads changed files to take this one's place: intents keep their numbers.
    pub fn renewed(&self, files: &Files, problems: &mut Problems) -> Option<Self> {
        Self::of(self.understanding.renewed(files, problems), files, problems)
    }

    fn of(understanding: Option<Understanding>, files: &Files, problems: &mut Problems) -> Option<Self> {
        let messages = Messages::load(files, problems);
        let warming = Plan::load(files, problems);
        Some(Self { understanding: Arc::new(understanding?), messages: Arc::new(messages), warming })
    }

    /// The knobs of a shop with these models.
    pub fn knobs(&self, engine: &EngineDefaults, models: &[ModelDefaults]) -> Catalogue {
        let intents = self.understanding.intents();
        let intents = intents.map(|i| IntentDefaults {
            intent: i.id.clone(),
            threshold: i.threshold,
            ttl: i.ttl,
            budget: i.budget,
        });
        Catalogue::new(engine, &intents.collect::<Vec<_>>(), models)
    }
}
