//! Events that could not be applied: what they are and why, another try, giving them up.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{AdminError, Shared};
use crate::events::{
    dead_letters::{DeadLettersError, Letter},
    intake::Which,
};

/// Letters shown at once.
const SHOWN: usize = 1_000;

fn unavailable(error: DeadLettersError) -> AdminError {
    AdminError::unavailable(error.to_string())
}

fn which(id: String) -> Which {
    if id == "all" { Which::All } else { Which::One(id) }
}

fn unknown(id: &str) -> AdminError {
    AdminError::not_found(format!("no dead letter is called `{id}`. `banto events dead-letters list` shows them"))
}

/// `GET /api/v1/events/dead-letters`, the oldest first.
pub(super) async fn list(State(desk): Shared) -> Result<Json<Vec<Letter>>, AdminError> {
    desk.intake.letters(SHOWN).await.map(Json).map_err(unavailable)
}

/// `POST /api/v1/events/dead-letters/{id}/replay`; `all` for all of them.
pub(super) async fn replay(State(desk): Shared, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let verdicts = desk.intake.replay(which(id.clone())).await.map_err(unavailable)?;
    match verdicts.is_empty() && id != "all" {
        true => Err(unknown(&id)),
        false => Ok(Json(json!({ "events": verdicts }))),
    }
}

/// `DELETE /api/v1/events/dead-letters/{id}`; `all` for all of them.
pub(super) async fn remove(State(desk): Shared, Path(id): Path<String>) -> Result<Json<Value>, AdminError> {
    let dropped = desk.intake.drop_letters(which(id.clone())).await.map_err(unavailable)?;
    match dropped == 0 && id != "all" {
        true => Err(unknown(&id)),
        false => Ok(Json(json!({ "dropped": dropped }))),
    }
}
