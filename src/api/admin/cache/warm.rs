//! Warming by hand: a release that is wanted warm, now or an hour before it comes.

use axum::{Json, extract::State};
use serde::Deserialize;
use tracing::info;

use super::away;
use crate::{
    api::admin::{AdminError, Shared},
    clock::Timestamp,
    store::keeping::release::{self, Release},
};

/// What comes out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    title: String,
    volume: Option<u32>,
    /// When, as RFC 3339; absent: it is warmed at once.
    at: Option<String>,
}

/// `POST /api/v1/cache/warm`; the release as it was announced to the fleet.
pub(super) async fn warm(State(desk): Shared, Json(wish): Json<Wish>) -> Result<Json<Release>, AdminError> {
    let now = desk.clock.now();
    let at = match &wish.at {
        None => now,
        Some(at) => {
            chrono::DateTime::parse_from_rfc3339(at).map(|at| Timestamp::from(at.to_utc())).map_err(|error| {
                AdminError::invalid(format!("`{at}` is no time ({error}): write 2026-12-04T00:00:00+09:00"))
            })?
        }
    };
    let release = Release { at, title: wish.title, volume: wish.volume };
    if release.title.trim().is_empty() || release.is_past(now) {
        return Err(AdminError::invalid("name a title, and a time that is not past"));
    }
    if !release::announce(&*desk.store, &release, now).await.map_err(away)? {
        return Err(AdminError::conflict("as many releases as may be are announced already; wait until some are past"));
    }
    info!(%release, "A release was announced; the cache is warmed for it.");
    Ok(Json(release))
}
