//! `GET /api/v1/measurements`: everything measured, without loss, for a controller in another process.

use axum::{extract::State, response::IntoResponse};
use http::header::CONTENT_TYPE;

use super::Shared;
use crate::telemetry::wire::{Knobs, Snapshot};

pub(super) async fn tell(State(desk): Shared) -> impl IntoResponse {
    let document = desk.board.document();
    let knobs = Knobs { version: document.version, digest: document.digest() };
    let snapshot = Snapshot::of(desk.life, knobs, desk.registry.read());
    ([(CONTENT_TYPE, "application/msgpack")], snapshot.to_bytes())
}
