//! `GET /api/v1/nodes`: the engines that the controller watches elsewhere, and who lags behind the knobs.

use axum::{Json, extract::State};
use serde_json::Value;

use super::{AdminError, Shared, watch::controller};

pub(super) async fn list(State(desk): Shared) -> Result<Json<Value>, AdminError> {
    controller(&desk)?.nodes().await.map(Json).map_err(AdminError::unavailable)
}
