//! `POST /api/v1/clean_up`: low-value entries of this process's store.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::{AdminError, Shared};
use crate::{controller::order::MOST_REMOVED, ids::IntentId, store::CleanUp, units::TimeSpan};

/// What to clean up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unused {
    #[serde(default)]
    intents: Vec<IntentId>,
    unused_for: TimeSpan,
    most: u64,
}

/// How much was cleaned up.
#[derive(Serialize)]
pub(super) struct Removed {
    removed: u64,
}

pub(super) async fn clean_up(State(desk): Shared, Json(wish): Json<Unused>) -> Result<Json<Removed>, AdminError> {
    if wish.most == 0 || wish.most > MOST_REMOVED {
        return Err(AdminError::invalid(format!("`most` is {}: use 1 to {MOST_REMOVED}", wish.most)));
    }
    let plan = CleanUp { intents: wish.intents, unused_for: wish.unused_for.0, most: wish.most };
    let removed = desk.store.clean_up(&plan).await;
    let removed = removed.map_err(|error| AdminError::unavailable(format!("the store was not cleaned up: {error}")))?;
    Ok(Json(Removed { removed }))
}
