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

/// `GET /readyz`: requests are served; 503 while starting and stopping.
pub(super) async fn ready(State(desk): Shared) -> impl IntoResponse {
    if desk.ready.load(Relaxed) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(State(desk): Shared) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus::render(&desk.registry.read()))
}
