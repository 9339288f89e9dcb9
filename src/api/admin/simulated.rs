//! Breaking and mending the simulated models: how a newcomer sees what Banto does about it.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{AdminError, Desk, Shared};
use crate::{
    engine::model::simulated::{
        Simulation,
        profile::{Fault, FaultKind, Profile},
    },
    units::{Ratio, TimeSpan},
};

/// How many faults a model may have at once.
const MOST: usize = 16;

/// What to do to a simulated model.
#[derive(Deserialize, Serialize, Debug)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Break it.
    Break {
        /// How.
        fault: FaultKind,
        /// Which share of its requests.
        share: Ratio,
        /// For how long; absent until it is healed.
        #[serde(rename = "for")]
        span: Option<TimeSpan>,
    },
    /// Take all faults away.
    Heal,
}

/// `GET /api/v1/simulated/{model}`.
pub(super) async fn show(State(desk): Shared, Path(model): Path<String>) -> Result<Json<Profile>, AdminError> {
    Ok(Json(find(&desk, &model)?.profile()))
}

/// `POST /api/v1/simulated/{model}`.
pub(super) async fn set(
    State(desk): Shared,
    Path(model): Path<String>,
    Json(wish): Json<Wish>,
) -> Result<Json<Profile>, AdminError> {
    let simulation = find(&desk, &model)?;
    warn!(model, ?wish, "A simulated model is told how to behave.");
    match wish {
        Wish::Heal => simulation.heal(),
        Wish::Break { fault, share, span } => {
            if simulation.profile().faults.len() >= MOST {
                return Err(AdminError::conflict(format!("`{model}` has {MOST} faults already; heal it first")));
            }
            let fault = Fault::outage(fault).for_share(share);
            simulation.strike(match span {
                Some(span) => fault.until(desk.clock.now() + span.0),
                None => fault,
            });
        }
    }
    Ok(Json(simulation.profile()))
}

fn find<'a>(desk: &'a Desk, model: &str) -> Result<&'a Simulation, AdminError> {
    let found = desk.simulated.iter().find(|(name, _)| name == model).map(|(_, simulation)| &**simulation);
    found.ok_or_else(|| {
        let known: Vec<_> = desk.simulated.iter().map(|(name, _)| name.to_string()).collect();
        let known = if known.is_empty() { "none is configured".into() } else { known.join(", ") };
        AdminError::not_found(format!("no simulated model is called `{model}`; there are: {known}"))
    })
}
