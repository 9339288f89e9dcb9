//! `GET /api/v1/messages/rates`: how users take each wording of the degradation messages.

use axum::{Json, extract::State};

use super::{AdminError, Shared};
use crate::engine::degrade::reception::Rates;

pub(super) async fn rates(State(desk): Shared) -> Result<Json<Vec<Rates>>, AdminError> {
    let engine = desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    Ok(Json(engine.reception.rates()))
}
