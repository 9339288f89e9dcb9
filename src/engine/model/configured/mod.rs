//! The `models:` list of the configuration: what an operator may say of each model, checked and then built.
//!
//! ```yaml
//! models:
//!   - name: primary                       # the first one is the primary
//!     kind: openai
//!     base_url: https://api.openai.com/v1
//!     model: gpt-4o-mini
//!     api_key: { env: OPENAI_API_KEY }    # or { file: /run/secrets/openai }
//!     pool: { size: 10, queue: 256, wait: 1s }
//!     deadlines: { connect: 1s, head: 10s, first_token: 10s, between: 10s, whole: 20s }
//!     prices: { prompt: 0.15, cached: 0.075, completion: 0.60 }   # US dollars per million tokens
//! ```

mod raw;
mod validate;

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Deadlines, Model,
    breaker::machine::Settings,
    cascade::ConfiguredModel,
    openai::{Endpoint, OpenAi},
    pool::Dimensions,
    prices::Prices,
    simulated::{Simulated, Simulation, profile::Profile},
};
use crate::{
    clock::Clock,
    config::{document::Document, problem::Problems},
    dice::Dice,
    ids::ModelName,
    knob::catalogue::ModelDefaults,
};
use raw::RawModel;

/// The `models:` list as it was written. By default a simulated primary and a simulated secondary.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct ModelsConfig(Vec<RawModel>);

impl ModelsConfig {
    /// The models that are described without a mistake; every mistake is among the problems.
    pub fn validate(&self, document: &Document, problems: &mut Problems) -> Vec<ModelSettings> {
        validate::all(&self.0, document, problems)
    }
}

/// One model's settings; they cannot be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// Its name in knobs, metrics and logs.
    pub name: ModelName,
    /// What answers.
    pub kind: Kind,
    /// Its pool.
    pub pool: Dimensions,
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// What it costs.
    pub prices: Prices,
}

/// What answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The built-in model.
    Simulated(Profile),
    /// An OpenAI-compatible endpoint.
    OpenAi(Endpoint),
}

/// A model that is ready to be asked.
pub struct Built {
    /// The model.
    pub model: ConfiguredModel,
    /// What a simulated model is broken by; `None` for the others.
    pub simulation: Option<Arc<Simulation>>,
}

impl ModelSettings {
    /// A simulated model that is treated as usual.
    pub fn simulated(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Simulated(Profile::default()),
            pool: Dimensions::default(),
            deadlines: Deadlines::default(),
            prices: Prices::default(),
        }
    }

    /// The model's knobs.
    pub fn defaults(&self) -> ModelDefaults {
        ModelDefaults { model: self.name.clone(), pool_size: self.pool.size }
    }

    /// Makes the model; nothing is connected before the first question.
    ///
    /// # Errors
    /// What is missing on this machine, for people.
    pub async fn build(self, dice: &Arc<Dice>, clock: Clock) -> Result<Built, String> {
        let Self { name, kind, pool, deadlines, prices } = self;
        let (kind, simulation): (Arc<dyn Model>, _) = match kind {
            Kind::Simulated(profile) => {
                let simulation = Arc::new(Simulation::new(profile, dice.clone()));
                (Arc::new(Simulated::new(&*name, simulation.clone(), clock)), Some(simulation))
            }
            Kind::OpenAi(endpoint) => (Arc::new(OpenAi::new(endpoint, &deadlines, clock)?), None),
        };
        let model = ConfiguredModel { name, kind, pool, breaker: Settings::default(), deadlines, prices };
        Ok(Built { model, simulation })
    }
}

#[cfg(test)]
mod tests;
