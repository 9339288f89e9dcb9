//! `POST /v1/chat/completions`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::body::Incoming;

use super::{
    embeddings::upstream::EmbeddingModels,
    error::ApiError,
    reply::{self, Wanted},
    request,
};
use crate::{
    api::{address::Peer, body, hints, keys::Keys, payload::Payload},
    engine::{
        answer::Engine,
        asked::{Caller, Hints},
        measure::Timer,
        recall::embed::Embedder,
    },
};

/// What the chat endpoint needs.
pub struct Chat {
    /// Answers.
    pub engine: Arc<Engine>,
    /// Who may ask.
    pub keys: Keys,
    /// The model names that are served: the cascade answers to all of them.
    pub models: Vec<String>,
    /// The largest request in bytes.
    pub largest: u64,
    /// The embedding model that clients may ask, too; `None` where questions become vectors without one.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Embedding models of services behind us; `None` where there are none (drills).
    pub embeddings: Option<EmbeddingModels>,
}

impl Chat {
    /// Answers one request, in OpenAI's form whatever happens.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Payload> {
        match self.read(request).await {
            Ok((caller, hints, body)) => self.converse(caller, hints, body).await,
            Err(error) => self.refuse(&error),
        }
    }

    /// Answers a request that was read already, whoever brought it: the listener, or a drill.
    pub async fn converse(&self, caller: Caller, hints: Hints, body: Bytes) -> Response<Payload> {
        self.try_converse(caller, hints, body).await.unwrap_or_else(|error| self.refuse(&error))
    }

    async fn read(&self, request: Request<Incoming>) -> Result<(Caller, Hints, Bytes), ApiError> {
        let (head, body) = request.into_parts();
        let caller = self.keys.caller_from(&head).map_err(|unknown| ApiError::unauthorized(unknown.given))?;
        let hints = hints::read(&head.headers)?;
        Ok((caller, hints, body::read(body, self.largest).await?))
    }

    async fn try_converse(&self, caller: Caller, hints: Hints, body: Bytes) -> Result<Response<Payload>, ApiError> {
        let timer = Timer::start(self.engine.measures.clone());
        let asked = request::read(body, caller, hints, &self.models)?;
        let wanted = Wanted { stream: asked.stream, include_usage: asked.include_usage };
        let answer = self.engine.begun(self.engine.answer(asked).await?).await;
        reply::respond(answer, wanted, timer).await
    }

    /// An id for what has no answer that could have one.
    pub fn new_id(&self) -> String {
        format!("{:016x}{:016x}", self.engine.dice.bits(), self.engine.dice.bits())
    }

    /// The caller with this key, or with that of the headers; the user may stand in the query, because browsers send no
    /// headers of their own when they open a WebSocket.
    ///
    /// # Errors
    /// 401 when keys are configured and none of them was given.
    pub fn caller_by(&self, key: Option<&str>, request: &Request<Incoming>) -> Result<Caller, ApiError> {
        let headers = request.headers();
        let caller = self.keys.holder_of(key, headers);
        let caller = caller.map_err(|unknown| ApiError::unauthorized(unknown.given))?;
        let named = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        let named = named.filter_map(|pair| pair.strip_prefix("user=")).find_map(|user| hints::decode(user.as_bytes()));
        let named = named.filter(|user| !user.is_empty()).map(Arc::from);
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        Ok(Caller { user: caller.user.clone().or(named), address: self.keys.address(peer, headers), ..caller })
    }

    pub(in crate::api) fn refuse(&self, error: &ApiError) -> Response<Payload> {
        self.engine.measures.error(error.label());
        refuse(error)
    }

    /// `GET /v1/models`.
    pub fn list(&self, headers: &HeaderMap) -> Response<Payload> {
        if let Err(unknown) = self.keys.caller(headers) {
            return self.refuse(&ApiError::unauthorized(unknown.given));
        }
        let data: Vec<_> = self.served().map(model).collect();
        json(&serde_json::json!({ "object": "list", "data": data }))
    }

    /// `GET /v1/models/{name}`.
    pub fn show(&self, name: &str, headers: &HeaderMap) -> Response<Payload> {
        if let Err(unknown) = self.keys.caller(headers) {
            return self.refuse(&ApiError::unauthorized(unknown.given));
        }
        match self.served().find(|known| *known == name) {
            Some(known) => json(&model(known)),
            None => refuse(&ApiError::unknown_model(name, &self.served().collect::<Vec<_>>().join(", "))),
        }
    }

    /// What clients may name: models to talk to, and those that make vectors.
    fn served(&self) -> impl Iterator<Item = &str> {
        let vectors = self.embeddings.iter().flat_map(EmbeddingModels::names);
        self.models.iter().map(String::as_str).chain(vectors)
    }
}

fn model(name: &str) -> serde_json::Value {
    serde_json::json!({ "id": name, "object": "model", "created": 0, "owned_by": "banto" })
}

pub(super) fn json(value: &serde_json::Value) -> Response<Payload> {
    as_json(value.to_string().into())
}

pub(super) fn as_json(body: Bytes) -> Response<Payload> {
    let mut response = Response::new(Payload::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error as a response.
pub fn refuse(error: &ApiError) -> Response<Payload> {
    let mut response = Response::new(Payload::from(bytes::Bytes::from(error.body())));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = error.retry_after {
        // Never earlier than it helps.
        headers.insert(header::RETRY_AFTER, (wait.as_secs_f64().ceil() as u64).max(1).into());
    }
    // The stock clients retry 429 and 5xx by themselves; where that would only make things worse they are told not to.
    if error.status.as_u16() == 502 || error.status.as_u16() == 504 {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    response
}
