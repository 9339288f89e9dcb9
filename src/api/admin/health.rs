//! Alive, ready, and what is measured.

use std::sync::atomic::Ordering::Relaxed;

use axum::{extract::State, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};

use super::Shared;
use crate::telemetry::prometheus;

/// `GET /healthz`: the process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: questions should come here; 503 while starting and stopping, and while this node's resolver fails and the
/// knob `ready.needs_resolver` is on.
pub(super) async fn ready(State(desk): Shared) -> impl IntoResponse {
    let is_fit = desk.engine.as_ref().is_none_or(|engine| engine.readiness.is_fit());
    match (desk.ready.load(Relaxed), is_fit) {
        (true, true) => (StatusCode::OK, "ready\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the resolver of this node's zone fails\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(State(desk): Shared) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus::render(&desk.registry.read()))
}
