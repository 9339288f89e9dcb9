//! `POST /api/v1/revisions`: an answer is wrong after all, and whoever got it over a WebSocket should know.
//! `GET /api/v1/revisions`: what the guardrails of this node revised of late, for those who got their answer over HTTP.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
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

/// Which revisions are wanted; all of them without a word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    trace_id: Option<String>,
    user: Option<String>,
}

pub(super) async fn list(State(desk): Shared, Query(which): Query<Which>) -> Result<Json<Value>, AdminError> {
    let engine = desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    let mut revised = engine.guard.revisions.recent();
    revised.retain(|revised| {
        which.trace_id.as_ref().is_none_or(|id| **id == *revised.trace_id)
            && which.user.as_deref().is_none_or(|user| revised.user.as_deref() == Some(user))
    });
    Ok(Json(json!({ "revisions": revised })))
}
