//! What the store holds, what is wasted, when it will be full, and what was removed lately.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::away;
use crate::{
    api::admin::{AdminError, Shared},
    engine::keeping::enforcement,
    store::keeping::{
        audit::Audit,
        budgets::Standing,
        runs::{self, Run},
    },
};

/// The audit with the budgets and the last runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// What is held.
    #[serde(flatten)]
    pub audit: Audit,
    /// How each budget stands.
    pub budgets: Vec<Standing>,
    /// What was removed and why, newest first.
    pub runs: Vec<Run>,
}

/// `GET /api/v1/cache/audit`.
pub(super) async fn audit(State(desk): Shared) -> Result<Json<Report>, AdminError> {
    let store = &*desk.store;
    let (now, runs) = (desk.clock.now(), runs::past(store).await.map_err(away)?);
    let enforcement = enforcement(&desk.board, &runs, now);
    let audit = Audit::of(store, now, Some(&enforcement)).await.map_err(away)?;
    let usage = store.usage().await.map_err(away)?;
    Ok(Json(Report { audit, budgets: enforcement.shares.standing(&usage), runs }))
}
