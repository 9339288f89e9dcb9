//! An OpenAI-compatible `/embeddings` service.

use std::time::Duration;

use async_trait::async_trait;
use http::{Request, StatusCode, Uri, header};
use serde::Deserialize;

use super::{EmbedError, Embedder};
use crate::outbound::{NoResponse, Outbound};

/// Where the service is and what it is asked for.
#[derive(Clone, Debug)]
pub struct Service {
    /// The whole address: `https://api.example.com/v1/embeddings`.
    pub url: Uri,
    /// The model's name there.
    pub model: String,
    /// `Bearer …`, marked sensitive, if the service wants a key.
    pub authorization: Option<header::HeaderValue>,
    /// How many numbers its vectors have.
    pub dimensions: usize,
    /// Whether it is asked for so many: for models that can shorten their vectors.
    pub shorten: bool,
    /// The longest wait; after it the look-up is a miss.
    pub deadline: Duration,
}

/// The embedder.
#[derive(Clone, Debug)]
pub struct Endpoint {
    service: Service,
    name: String,
    outbound: Outbound,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f32>,
}

impl Endpoint {
    /// An embedder that asks this service.
    pub fn new(service: Service, outbound: Outbound) -> Self {
        Self { name: format!("openai/{}-{}", service.model, service.dimensions), service, outbound }
    }

    fn request(&self, text: &str) -> Result<Request<bytes::Bytes>, http::Error> {
        let mut body = serde_json::json!({ "model": self.service.model, "input": text, "encoding_format": "float" });
        if self.service.shorten {
            body["dimensions"] = self.service.dimensions.into();
        }
        let mut request = Request::post(self.service.url.clone()).header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.service.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(body.to_string().into())
    }
}

#[async_trait]
impl Embedder for Endpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.service.dimensions
    }

    fn is_cheap(&self) -> bool {
        false
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let request = self.request(text).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        let answer = match self.outbound.send(request, self.service.deadline).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.body,
            Ok(answer) => {
                return Err(EmbedError::Unreachable(format!("HTTP {} from {}", answer.status, self.service.url)));
            }
            Err(NoResponse::Late { .. }) => return Err(EmbedError::Timeout),
            Err(error) => return Err(EmbedError::Unreachable(error.to_string())),
        };
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        let vector = answer.data.into_iter().next().map(|first| first.embedding).unwrap_or_default();
        super::of_length(vector, self.service.dimensions)
    }
}
