//! An OpenAI-compatible `/embeddings` service.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Deserialize;

use super::{EmbedError, Embedder};

/// The longest answer read; a vector of 4,096 numbers takes some 90 KB.
const LONGEST: usize = 1 << 20;

/// Where the service is and what it is asked for.
#[derive(Clone, Debug)]
pub struct Service {
    /// The whole address: `https://api.example.com/v1/embeddings`.
    pub url: Uri,
    /// The model's name there.
    pub model: String,
    /// The bearer key, if it wants one; already `Bearer …` and marked sensitive.
    pub authorization: Option<header::HeaderValue>,
    /// How many numbers its vectors have.
    pub dimensions: usize,
    /// The longest wait; after it the look-up is a miss.
    pub deadline: Duration,
}

/// The embedder.
#[derive(Clone, Debug)]
pub struct Endpoint {
    service: Service,
    name: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
    /// An embedder that keeps its connections open.
    ///
    /// # Errors
    /// When the machine's root certificates cannot be read.
    pub fn new(service: Service) -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(connector);
        Ok(Self { name: format!("{}-{}", service.model, service.dimensions), service, client })
    }

    async fn ask(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let (status, body) = self.send(text).await.map_err(|error| EmbedError::Unreachable(error.to_string()))?;
        if status != StatusCode::OK {
            return Err(EmbedError::Unreachable(format!("{} answered HTTP {status}", self.service.url)));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        let first = answer.data.into_iter().next().map(|data| data.embedding);
        first
            .filter(|vector| vector.len() == self.service.dimensions)
            .ok_or_else(|| EmbedError::Unusable(format!("no vector of {} numbers", self.service.dimensions)))
    }

    async fn send(&self, text: &str) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let body = serde_json::json!({ "model": self.service.model, "input": text, "encoding_format": "float" });
        let mut request = Request::post(self.service.url.clone()).header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.service.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = self.client.request(request.body(Full::new(body.to_string().into()))?).await?;
        let status = answer.status();
        Ok((status, Limited::new(answer.into_body(), LONGEST).collect().await?.to_bytes()))
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
        tokio::time::timeout(self.service.deadline, self.ask(text)).await.map_err(|_| EmbedError::Timeout)?
    }
}
