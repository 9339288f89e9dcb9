//! Embedding models on Bedrock: Amazon's Titan and Cohere's, which are asked and answer in different words.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::{Client, primitives::Blob};
use aws_smithy_types::error::display::DisplayErrorContext;
use serde_json::{Value, json};

use super::account::Account;
use crate::engine::recall::embed::{EmbedError, Embedder, of_length};

/// Whose words a model understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// `amazon.titan-embed-text-v1`: always 1,536 numbers.
    TitanV1,
    /// `amazon.titan-embed-text-v2:0`: 256, 512 or 1,024 numbers.
    TitanV2,
    /// `cohere.embed-…`.
    Cohere,
}

impl Family {
    /// By the model's id, an inference profile's id or an ARN.
    fn of(model: &str) -> Self {
        match model {
            _ if model.contains("cohere.") => Self::Cohere,
            _ if model.contains("titan-embed-text-v1") => Self::TitanV1,
            _ => Self::TitanV2,
        }
    }

    fn request(self, text: &str, dimensions: usize) -> Value {
        match self {
            Self::TitanV1 => json!({ "inputText": text }),
            Self::TitanV2 => json!({ "inputText": text, "dimensions": dimensions, "normalize": true }),
            // Questions are compared with questions: both sides are asked for in the same way.
            Self::Cohere => json!({
                "texts": [text], "input_type": "clustering", "truncate": "END", "embedding_types": ["float"],
            }),
        }
    }

    fn vector(self, answer: &Value) -> Option<Vec<f32>> {
        let numbers = match self {
            Self::TitanV1 | Self::TitanV2 => answer.pointer("/embedding"),
            Self::Cohere => answer.pointer("/embeddings/float/0").or(answer.pointer("/embeddings/0")),
        };
        numbers?.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
    }
}

/// An embedding model on Bedrock.
#[derive(Clone, Debug)]
pub struct BedrockEmbedder {
    client: Client,
    model: String,
    name: String,
    dimensions: usize,
    deadline: Duration,
}

impl BedrockEmbedder {
    /// A model by its id, whose vectors have so many numbers. A call that takes longer than `deadline` is a miss; it is
    /// not made twice.
    pub fn new(account: &Account, model: &str, dimensions: usize, deadline: Duration) -> Self {
        let once = aws_config::retry::RetryConfig::disabled();
        let config = aws_sdk_bedrockruntime::config::Builder::from(account.config()).retry_config(once).build();
        let name = format!("bedrock/{model}-{dimensions}");
        Self { client: Client::from_conf(config), model: model.into(), name, dimensions, deadline }
    }

    async fn ask(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let family = Family::of(&self.model);
        let body = family.request(text, self.dimensions).to_string();
        let call = self.client.invoke_model().model_id(&self.model).content_type("application/json");
        let answer = call.accept("application/json").body(Blob::new(body)).send().await;
        let answer = answer.map_err(|error| EmbedError::Unreachable(DisplayErrorContext(&error).to_string()))?;
        let answer: Value =
            serde_json::from_slice(answer.body().as_ref()).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        of_length(family.vector(&answer).unwrap_or_default(), self.dimensions)
    }
}

#[async_trait]
impl Embedder for BedrockEmbedder {
    fn name(&self) -> &str {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn is_cheap(&self) -> bool {
        false
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        tokio::time::timeout(self.deadline, self.ask(text)).await.map_err(|_| EmbedError::Timeout)?
    }
}
