//! `POST /v1/feedback`: was this helpful? And what is known of right and wrong: `GET /api/v1/labels`, `GET /api/v1/recall`.

use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use serde::Deserialize;

use super::{AdminError, Desk, Shared};
use crate::engine::{
    answer::Engine,
    recall::{Known, feedback::Judged},
};

/// A user's verdict on an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feedback {
    /// The answer's `x-banto-trace-id`.
    trace_id: String,
    /// Whether it helped.
    helpful: bool,
}

pub(super) async fn receive(State(desk): Shared, Json(feedback): Json<Feedback>) -> Result<StatusCode, AdminError> {
    let engine = engine(&desk)?;
    if engine.recall.feedback(&feedback.trace_id, feedback.helpful) != Judged::Unknown {
        return Ok(StatusCode::ACCEPTED);
    }
    let message = format!(
        "no recent answer has the trace id `{}`; feedback is taken for the latest answers only",
        feedback.trace_id
    );
    Err(AdminError::not_found(message))
}

/// The labelled pairs of this node, oldest first, one JSON object a line.
pub(super) async fn labels(State(desk): Shared) -> Result<impl IntoResponse, AdminError> {
    let lines = engine(&desk)?.recall.labels().to_jsonl();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines))
}

/// What this node knows of its semantic answers, by intent: how many were wrong, and what the labels advise.
pub(super) async fn known(State(desk): Shared) -> Result<Json<Vec<Known>>, AdminError> {
    Ok(Json(engine(&desk)?.recall.known()))
}

fn engine(desk: &Desk) -> Result<&Arc<Engine>, AdminError> {
    desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))
}
