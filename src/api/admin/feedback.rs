//! `POST /v1/feedback`: was this helpful?

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;

use super::{AdminError, Shared};
use crate::engine::recall::feedback::Judged;

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
    let engine = desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    if engine.recall.feedback(&feedback.trace_id, feedback.helpful) != Judged::Unknown {
        return Ok(StatusCode::ACCEPTED);
    }
    let message = format!(
        "no recent answer has the trace id `{}`; feedback is taken for the latest answers only",
        feedback.trace_id
    );
    Err(AdminError::not_found(message))
}
