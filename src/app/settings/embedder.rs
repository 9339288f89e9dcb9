//! The `embedder:` section of the configuration: how questions become vectors, checked and then built.
//!
//! ```yaml
//! embedder:
//!   kind: hashed                          # the default: no model at all
//! # kind: local                           # a folder made by tools/convert-embedder.py
//! # folder: models/minilm
//! # kind: openai
//! # base_url: https://api.openai.com/v1
//! # model: text-embedding-3-small
//! # api_key: { env: OPENAI_API_KEY }
//! # dimensions: 512
//! # shorten: true                         # the model can be asked for fewer numbers
//! # kind: bedrock
//! # model: amazon.titan-embed-text-v2:0
//! # dimensions: 512
//! # region: ap-northeast-1                # role, external_id and endpoint if needed
//! ```

mod raw;

use std::{sync::Arc, time::Duration};

pub(super) use raw::RawEmbedder;

use super::service;
use crate::{
    aws,
    engine::{
        recall::embed::{
            Embedder,
            endpoint::{Endpoint, Service},
            hashed::Hashed,
            local,
        },
        understand::Words,
    },
    resolve::Resolver,
};

/// How questions become vectors; it cannot be wrong.
#[derive(Clone, Debug)]
pub enum EmbedderSettings {
    /// By their words, without a model.
    Hashed,
    /// By a model in a folder of this machine.
    Local(local::settings::Settings),
    /// By an OpenAI-compatible service.
    OpenAi(Service),
    /// By a model of Bedrock.
    Bedrock(BedrockEmbedding),
}

/// Which embedding model of Bedrock, and as whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedrockEmbedding {
    /// The model's id or an inference profile.
    pub model: String,
    /// How many numbers its vectors have.
    pub dimensions: usize,
    /// The longest wait; after it the look-up is a miss.
    pub deadline: Duration,
    /// Region, role and endpoint; what is left out comes from the environment.
    pub aws: aws::settings::Settings,
}

impl EmbedderSettings {
    /// Makes the embedder. A local model is loaded here; of the others nothing is asked before the first question.
    ///
    /// # Errors
    /// What is missing on this machine, for people.
    pub async fn build(self, words: Words, resolver: &Resolver) -> Result<Arc<dyn Embedder>, String> {
        Ok(match self {
            Self::Hashed => Arc::new(Hashed::new(words)),
            Self::Local(settings) => local::open(settings).await?,
            Self::OpenAi(asked) => Arc::new(Endpoint::new(asked, service::outbound(resolver)?)),
            Self::Bedrock(settings) => settings.build(resolver).await?,
        })
    }
}

/// For the banner.
impl std::fmt::Display for EmbedderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hashed => f.write_str("hashed words, no model"),
            Self::Local(settings) => write!(f, "the model in {}", settings.folder.display()),
            Self::OpenAi(service) => write!(f, "{} (OpenAI-compatible, {} numbers)", service.model, service.dimensions),
            Self::Bedrock(settings) => write!(f, "{} (Bedrock, {} numbers)", settings.model, settings.dimensions),
        }
    }
}

impl BedrockEmbedding {
    #[cfg(feature = "aws")]
    async fn build(self, resolver: &Resolver) -> Result<Arc<dyn Embedder>, String> {
        let account = aws::account::Account::open(&self.aws, resolver).await;
        let Self { model, dimensions, deadline, .. } = self;
        Ok(Arc::new(aws::embedding::BedrockEmbedder::new(&account, &model, dimensions, deadline)))
    }

    #[cfg(not(feature = "aws"))]
    async fn build(self, _: &Resolver) -> Result<Arc<dyn Embedder>, String> {
        Err(aws::NOT_BUILT_IN.into())
    }
}

#[cfg(test)]
mod tests;
