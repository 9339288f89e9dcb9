//! The `models:` list of the configuration: what an operator may say of each model, checked and then built.
//!
//! ```yaml
//! models:
//!   - name: primary                       # the first one is the primary
//!     kind: openai
//!     base_url: https://api.openai.com/v1
//!     model: gpt-4o-mini
//!     api_key: { env: OPENAI_API_KEY }    # or { file: /run/secrets/openai }
//!     pool: { size: 10, queue: 256, wait: 1s }    # adapts: { least: 2, slow_after: 2s }: it finds its size, up to `size`
//!     deadlines: { connect: 1s, head: 10s, first_token: 10s, between: 10s, whole: 20s }
//!     prices: { prompt: 0.15, cached: 0.075, completion: 0.60 }   # US dollars per million tokens
//!   - name: secondary
//!     kind: bedrock
//!     model: anthropic.claude-3-haiku-20240307-v1:0
//!     region: ap-northeast-1              # role, external_id and endpoint if needed
//!     cache_point: true                   # keep the system prompt in the prompt cache
//!     prompt_cache: { least: 2048, keep_alive: { after: 4m, used_within: 30m, most_per_hour: 12 } }
//! ```

mod pool;
mod raw;
mod validate;

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use super::{
    Deadlines, Model,
    breaker::machine::Settings,
    cascade::{ConfiguredModel, PromptCache},
    openai::{Endpoint, OpenAi},
    pool::Dimensions,
    prices::Prices,
    simulated::{Simulated, Simulation, profile::Profile},
};
use crate::{
    aws,
    clock::Clock,
    config::{document::Document, problem::Problems},
    dice::Dice,
    ids::ModelName,
    knob::catalogue::ModelDefaults,
    resolve::Resolver,
};
use raw::RawModel;

pub use self::pool::RawPool;

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
    /// How its provider's prompt cache is treated.
    pub prompt_cache: PromptCache,
}

/// What answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The built-in model.
    Simulated(Profile),
    /// An OpenAI-compatible endpoint.
    OpenAi(Endpoint),
    /// A model of Bedrock.
    Bedrock(BedrockSettings),
}

/// Which model of Bedrock, and as whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedrockSettings {
    /// The model's id or an inference profile.
    pub model: String,
    /// Region, role and endpoint; what is left out comes from the environment.
    pub aws: aws::settings::Settings,
    /// Whether the system prompt is to be kept in the prompt cache.
    pub cache_point: bool,
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
            prompt_cache: PromptCache::default(),
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
    pub async fn build(self, dice: &Arc<Dice>, resolver: &Resolver, clock: Clock) -> Result<Built, String> {
        let Self { name, kind, pool, deadlines, prices, prompt_cache } = self;
        let (kind, simulation): (Arc<dyn Model>, _) = match kind {
            Kind::Simulated(profile) => {
                let simulation = Arc::new(Simulation::new(profile, dice.clone()));
                (Arc::new(Simulated::new(&*name, simulation.clone(), clock)), Some(simulation))
            }
            Kind::OpenAi(endpoint) => (Arc::new(OpenAi::new(endpoint, &deadlines, resolver, clock)?), None),
            Kind::Bedrock(settings) => (settings.build(deadlines.connect, resolver).await?, None),
        };
        let breaker = Settings::default();
        let model = ConfiguredModel { name, kind, pool, breaker, deadlines, prices, prompt_cache };
        Ok(Built { model, simulation })
    }
}

impl BedrockSettings {
    #[cfg(feature = "aws")]
    async fn build(self, connect: Duration, resolver: &Resolver) -> Result<Arc<dyn Model>, String> {
        let account = aws::account::Account::open(&self.aws, resolver).await;
        Ok(Arc::new(super::bedrock::Bedrock::new(&account, &self.model, self.cache_point, connect)))
    }

    #[cfg(not(feature = "aws"))]
    async fn build(self, _: Duration, _: &Resolver) -> Result<Arc<dyn Model>, String> {
        Err(aws::NOT_BUILT_IN.into())
    }
}

#[cfg(test)]
mod tests;
