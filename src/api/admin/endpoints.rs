//! `GET /api/v1/endpoints`: what this process connects to, and how each endpoint stood at the last look.

use axum::{Json, extract::State};

use super::Shared;
use crate::endpoints::Report;

pub(super) async fn list(State(desk): Shared) -> Json<Report> {
    Json(desk.probes.report())
}
