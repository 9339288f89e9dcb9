//! Embedding models of services behind us: asked byte for byte as the client asked, answered byte for byte as the service did.
//!
//! Nothing stands in for a vector, and one of another model is a wrong one: so there is no cascade, only one retry where
//! that may help, and an error in our words.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    clock::Clock,
    dice::Dice,
    engine::model::{
        failure::{Class, Failure},
        openai::refusal,
        retry::Backoff,
    },
    outbound::{NoResponse, Outbound},
    telemetry::{
        catalogue,
        metric::{Counter, Distribution},
        registry::Registry,
    },
};

/// 2,048 texts with 3,072 numbers each, as JSON.
const LARGEST: usize = 128 << 20;
/// Attempts for one request.
const ATTEMPTS: u32 = 2;

/// A model of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingModel {
    /// What clients call it, and the service too.
    pub name: String,
    /// The whole address: `https://api.openai.com/v1/embeddings`.
    pub url: Uri,
    /// `Bearer …`, marked sensitive, if the service wants a key.
    pub authorization: Option<HeaderValue>,
    /// How long a request may take over all attempts.
    pub deadline: Duration,
}

/// All of them.
pub struct EmbeddingModels {
    models: Vec<(EmbeddingModel, Meters)>,
    outbound: Outbound,
    clock: Clock,
    dice: Arc<Dice>,
}

struct Meters {
    answered: Arc<Counter>,
    failed: Arc<Counter>,
    latency: Arc<Distribution>,
}

impl EmbeddingModels {
    /// These models; nothing is asked of them yet.
    pub fn new(
        models: Vec<EmbeddingModel>,
        outbound: Outbound,
        registry: &Registry,
        clock: Clock,
        dice: Arc<Dice>,
    ) -> Self {
        let count = |name: &str, result| registry.counter(&catalogue::EMBEDDINGS, &[name, result]);
        let meters = |name: &str| Meters {
            answered: count(name, "answered"),
            failed: count(name, "failed"),
            latency: registry.distribution(&catalogue::EMBEDDINGS_LATENCY, &[name]),
        };
        let models = models.into_iter().map(|model| {
            let meters = meters(&model.name);
            (model, meters)
        });
        Self { models: models.collect(), outbound, clock, dice }
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|(model, _)| &*model.name)
    }

    /// The service's answer to a client's request for a model; `None` for a model that is none of these.
    pub async fn ask(&self, name: &str, body: &Bytes) -> Option<Result<Bytes, Failure>> {
        let (model, meters) = self.models.iter().find(|(model, _)| model.name == name)?;
        let begun = Instant::now();
        let answer = self.insist(model, body, begun + model.deadline).await;
        meters.latency.record_time(begun.elapsed());
        match &answer {
            Ok(_) => meters.answered.inc(),
            Err(failure) => {
                meters.failed.inc();
                warn!(model = %name, %failure, "Embeddings were asked for and there are none.");
            }
        }
        Some(answer)
    }

    async fn insist(&self, model: &EmbeddingModel, body: &Bytes, deadline: Instant) -> Result<Bytes, Failure> {
        let (mut backoff, mut attempts) = (Backoff::default(), 0);
        loop {
            attempts += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match self.attempt(model, body.clone(), left).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = backoff.next(&self.dice).max(failure.retry_after.unwrap_or_default());
            let has_time = Instant::now() + wait < deadline;
            if attempts >= ATTEMPTS || !failure.class.may_retry() || !has_time {
                return Err(failure);
            }
            sleep(wait).await;
        }
    }

    async fn attempt(&self, model: &EmbeddingModel, body: Bytes, within: Duration) -> Result<Bytes, Failure> {
        let answer = self.outbound.send_up_to(LARGEST, request(model, body), within).await.map_err(no_response)?;
        if answer.status != StatusCode::OK {
            let wait = refusal::retry_after(&answer.headers, self.clock.now());
            return Err(refusal::classify(Some(answer.status), &answer.body).after(wait));
        }
        match answer.body.trim_ascii_start().first() {
            Some(b'{') => Ok(answer.body),
            _ => Err(Failure::new(Class::Garbage, "the service's answer is not a JSON object")),
        }
    }
}

fn request(model: &EmbeddingModel, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = model.url.clone();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(authorization) = &model.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    request
}

fn no_response(error: NoResponse) -> Failure {
    let class = match error {
        NoResponse::Late { .. } => Class::Timeout,
        NoResponse::Broken { .. } => Class::Connect,
    };
    Failure::new(class, error.to_string())
}
