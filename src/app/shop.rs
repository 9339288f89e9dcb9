//! What the operator's files say about a shop, read once and shared by all its nodes.

use std::sync::Arc;

use crate::{
    config::{
        files::Files,
        nearest::did_you_mean,
        problem::{Place, Problems},
    },
    engine::{
        degrade::Messages,
        guard::{mode::Mode, plan::Plan as Guardrails},
        origin::file::{self, Definition},
        price::{PRICE_TAG, catalogue::Asking},
        prompt::{self, library::Library},
        sale::{self, Calendar},
        understand::Understanding,
        warm::plan::Plan,
    },
    events::mapping::Mappings,
    knob::catalogue::{Catalogue, EngineDefaults, IntentDefaults, ModelDefaults},
    store::Tag,
};

/// The engine's side of the operator's files.
#[derive(Clone)]
pub struct Shop {
    /// Intents, titles, deciding words.
    pub understanding: Arc<Understanding>,
    /// What to say when nobody can answer.
    pub messages: Arc<Messages>,
    /// What is kept of the shop's services.
    pub origins: Arc<[Definition]>,
    /// How the live catalogue is asked for prices.
    pub catalogue: Option<Asking>,
    /// What may be said.
    pub guardrails: Arc<Guardrails>,
    /// The sales.
    pub calendar: Arc<Calendar>,
    /// What other systems' events mean.
    pub mappings: Mappings,
    /// What is asked before a release.
    pub warming: Plan,
    /// What goes in front of conversations.
    pub prompts: Arc<Library>,
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
        let origins = file::load(files, problems).into();
        let catalogue = Asking::load(files, problems);
        let warming = Plan::load(files, problems);
        let prompts = Arc::new(prompt::file::load(files, problems));
        let understanding = understanding?;
        let mappings = Mappings::load(files, &understanding, problems);
        let understanding = Arc::new(understanding);
        let guardrails = Arc::new(Guardrails::load(files, &understanding, problems));
        let calendar = Arc::new(sale::file::load(files, &understanding, problems));
        for intent in prompts.prompts.iter().flat_map(|prompt| &prompt.whose.intents) {
            if understanding.intent(intent).is_none() {
                let hint = did_you_mean(intent, understanding.intents().map(|intent| &*intent.id));
                problems.add(
                    &Place::whole("prompts/"),
                    format!("a prompt is for the intent `{intent}`, and there is none{hint}"),
                );
            }
        }
        let messages = Arc::new(messages);
        Some(Self { understanding, messages, origins, catalogue, guardrails, calendar, mappings, warming, prompts })
    }

    /// The tags of everything that may quote a price: priced intents, answers that do, all kept origins.
    pub fn priced(&self) -> Vec<Tag> {
        let intents =
            self.understanding.intents().filter(|intent| intent.carries_price).map(|intent| intent.tag.clone());
        let origins = self.origins.iter().map(|origin| Tag((*origin.intent).into()));
        intents.chain([Tag(PRICE_TAG.into())]).chain(origins).collect()
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
        let mut knobs = Catalogue::new(engine, &intents.collect::<Vec<_>>(), models);
        knobs.add_prompts(self.prompts.knobs());
        knobs.add_variants(self.messages.variants().iter().map(|variant| &**variant));
        knobs.add_guardrails(self.understanding.intents().map(|intent| {
            let care = self.guardrails.care(&intent.id);
            let bounds = Mode::ALL.iter().filter(|mode| **mode >= care.least).map(|mode| mode.label());
            (&intent.id, care.mode.label(), bounds.collect())
        }));
        knobs
    }
}
