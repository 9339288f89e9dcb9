//! Looking into the cache: what is kept, why a question hits or does not, what is hot, what is wasted; and cleaning up.
//!
//! Questions are users' words: they are shown behind the operator's token only, and never logged.

pub mod audit;
mod clean_up;
mod entries;
mod explain;
pub mod shown;
mod warm;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::{AdminError, Desk};
use crate::{engine::answer::Engine, store::StoreError};

/// The routes.
pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/api/v1/cache/entries", get(entries::list))
        .route("/api/v1/cache/entries/{key}", get(entries::inspect).delete(entries::remove))
        .route("/api/v1/cache/hot", get(entries::hot))
        .route("/api/v1/cache/explain", post(explain::explain))
        .route("/api/v1/cache/audit", get(audit::audit))
        .route("/api/v1/cache/clean-up", post(clean_up::clean_up))
        .route("/api/v1/cache/warm", post(warm::warm))
}

fn engine(desk: &Desk) -> Result<&Arc<Engine>, AdminError> {
    desk.engine.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions; ask one that does"))
}

fn away(error: StoreError) -> AdminError {
    AdminError::unavailable(format!("the store did not answer ({error}); try again"))
}
