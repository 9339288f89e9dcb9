//! `GET /api/v1/crowd`: who asked within the last minute, and why we think so.

use axum::{Json, extract::State};

use super::{AdminError, Shared};
use crate::engine::crowd::verdict::Judgement;

pub(super) async fn judged(State(desk): Shared) -> Result<Json<Judgement>, AdminError> {
    let engine = desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    Ok(Json(engine.crowd.last()))
}
