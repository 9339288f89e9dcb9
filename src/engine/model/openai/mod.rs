//! Any endpoint that speaks OpenAI's chat completions over HTTP.
//!
//! Bytes in, bytes out: the request's body travels on with only the model's name exchanged, the answer comes back as the
//! provider wrote it. What is read of it is read beside: whether it is an answer at all, and where a stream ends.

mod body;
mod client;
mod events;
pub mod refusal;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderMap, HeaderValue, Request, Response, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{
    Deadlines, Model, Reply,
    deadline::{Stage, within},
    failure::{Class, Failure},
};
use crate::{clock::Clock, engine::asked::Asked, resolve::Resolver};
use client::Client;
use events::EventReader;

/// An API key. Shows itself to nobody but the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Arc<str>);

impl ApiKey {
    /// A key, without the white space that files end in. `None` when nothing is left or it cannot stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

/// Where to ask, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Up to and without `/chat/completions`: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// The key; `None` for an endpoint that asks for none.
    pub key: Option<ApiKey>,
}

impl Endpoint {
    /// The address to post to.
    ///
    /// # Errors
    /// What is wrong with the base URL, for people.
    pub fn uri(&self) -> Result<Uri, String> {
        let url = &self.base_url;
        let uri = format!("{}/chat/completions", url.trim_end_matches('/')).parse::<Uri>().ok();
        let has_host = |uri: &Uri| uri.host().is_some_and(|host| !host.is_empty());
        uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && has_host(uri))
            .ok_or_else(|| format!("`{url}` is not the URL of an endpoint; write it in the form `https://host/v1`"))
    }
}

/// An OpenAI-compatible endpoint as a model.
pub struct OpenAi {
    uri: Uri,
    endpoint: Endpoint,
    headers: HeaderMap,
    client: Client,
    clock: Clock,
}

impl OpenAi {
    /// A client for the endpoint; nothing is connected yet. The connection's deadline is fixed here, because connections
    /// outlive requests.
    ///
    /// # Errors
    /// What is wrong with the endpoint, for people.
    pub fn new(endpoint: Endpoint, deadlines: &Deadlines, resolver: &Resolver, clock: Clock) -> Result<Self, String> {
        let uri = endpoint.uri()?;
        let client = client::build(uri.scheme_str() == Some("https"), deadlines.connect, resolver)?;
        let headers = headers(endpoint.key.as_ref())?;
        Ok(Self { uri, endpoint, headers, client, clock })
    }

    fn request(&self, asked: &Asked) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(asked.body_for(&self.endpoint.model)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        let accept = if asked.stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        request
    }

    async fn whole(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Bytes, Failure> {
        let response = self.client.request(self.request(asked)).await.map_err(|error| client::failure(&error))?;
        let response = self.accepted(response, deadlines).await?;
        let body = body::collect(response.into_body(), body::LARGEST).await?;
        body::check(&body)?;
        Ok(body)
    }

    async fn events(&self, asked: &Asked, deadlines: &Deadlines) -> Result<EventReader, Failure> {
        let response = within(deadlines.head, Stage::Head, self.client.request(self.request(asked))).await?;
        let response = self.accepted(response.map_err(|error| client::failure(&error))?, deadlines).await?;
        if !is_json(&response) {
            return Ok(EventReader::new(response.into_body(), *deadlines));
        }
        let body = within(deadlines.first_token, Stage::FirstToken, body::collect(response.into_body(), body::LARGEST));
        body::check(&body.await??)?;
        Err(Failure::new(Class::Garbage, "the model answered with a whole body where a stream was asked for"))
    }

    /// The response, if it is an answer; the failure that it tells of, if not.
    async fn accepted(&self, response: Response<Incoming>, limits: &Deadlines) -> Result<Response<Incoming>, Failure> {
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let told = tokio::time::timeout(limits.between, body::collect(body, body::LARGEST_REFUSAL)).await;
        let told = told.ok().and_then(Result::ok).unwrap_or_default();
        let retry_after = refusal::retry_after(&head.headers, self.clock.now());
        let failure = refusal::classify(Some(head.status), &told).after(retry_after);
        Err(self.without_key(failure))
    }

    /// Some endpoints repeat the key that they refuse.
    fn without_key(&self, mut failure: Failure) -> Failure {
        if let Some(ApiKey(key)) = &self.endpoint.key
            && failure.detail.contains(&**key)
        {
            failure.detail = failure.detail.replace(&**key, "[key]").into();
        }
        failure
    }
}

#[async_trait]
impl Model for OpenAi {
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
        if !asked.stream {
            let body = within(deadlines.whole, Stage::WholeBody, self.whole(asked, deadlines)).await??;
            return Ok(Reply::Body(body));
        }
        let reader = Box::new(self.events(asked, deadlines).await?);
        let events = stream::unfold(reader, |mut reader| async { Some((reader.next().await?, reader)) });
        Ok(Reply::Events(Box::pin(events)))
    }
}

fn headers(key: Option<&ApiKey>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("banto/", env!("CARGO_PKG_VERSION"))));
    if let Some(ApiKey(key)) = key {
        let bearer = HeaderValue::try_from(format!("Bearer {key}"));
        let mut bearer = bearer.map_err(|_| "the API key has characters that no header can carry")?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

fn is_json(response: &Response<Incoming>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().starts_with("application/json"))
}
