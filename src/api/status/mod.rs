//! `GET /status` and `GET /status.json`: how things stand, for everybody.
//!
//! Both are made from what this process itself knows, without the store, the controller or anything outside: they are right
//! while everything else is down. Nothing on them names a model, a provider or an address of ours.

mod page;
pub(super) mod report;
mod words;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;

use self::report::Report;
use super::{
    openai::{chat::refuse, error::ApiError},
    payload::Payload,
};
use crate::engine::{answer::Engine, degrade::language::Language};

/// The paths that are answered here.
pub const PATHS: [&str; 2] = ["/status", "/status.json"];

/// The page is one file: it loads nothing, runs nothing, and nobody frames it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers for both paths.
pub struct StatusApi {
    /// Whose standing is told.
    pub engine: Arc<Engine>,
}

impl StatusApi {
    /// The page or the JSON; waits for nothing.
    pub fn answer(&self, request: &Request<Incoming>) -> Response<Payload> {
        let path = request.uri().path();
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return refuse(&ApiError::wrong_method(request.method(), path));
        }
        let report = Report::of(&self.engine.cascade.situation());
        let messages = self.engine.messages.load();
        if path == "/status.json" {
            return json(&report.to_json(&messages.page));
        }
        let language = language(request.uri().query(), request.headers());
        html(page::render(&report, &messages.page, language), language)
    }
}

/// As the link on the page says (`?lang=ja`), else as the browser prefers.
fn language(query: Option<&str>, headers: &HeaderMap) -> Language {
    let chosen = query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("lang="));
    let liked = || headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    chosen.and_then(Language::of_code).unwrap_or_else(|| Language::preferred(liked()))
}

fn json(report: &serde_json::Value) -> Response<Payload> {
    let mut response = fresh(Bytes::from(report.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // A shop's own pages show a banner with it.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn html(page: String, language: Language) -> Response<Payload> {
    let mut response = fresh(Bytes::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    response
}

/// For a few seconds one answer does for everybody behind the same cache.
fn fresh(body: Bytes) -> Response<Payload> {
    let mut response = Response::new(Payload::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
