//! `POST /api/v1/revisions`: an answer is wrong after all, and whoever got it over a WebSocket should know.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AdminError, Shared};
use crate::api::socket::Revision;

/// The longest text that a client is sent. Unit: bytes.
const LONGEST: usize = 16 << 10;

/// What to say of which answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    trace_id: Arc<str>,
    text: Arc<str>,
}

pub(super) async fn revise(State(desk): Shared, Json(wish): Json<Wish>) -> Result<Json<Value>, AdminError> {
    let hub = desk.hub.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    if wish.text.trim().is_empty() || wish.text.len() > LONGEST {
        return Err(AdminError::invalid(format!("a revision has a `text` of 1 to {LONGEST} bytes")));
    }
    let listening = hub.revise(Revision { trace_id: wish.trace_id, text: wish.text });
    Ok(Json(json!({ "listening": listening })))
}
