//! What happens outside: deployments, releases, sales; and invalidations by hand.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{AdminError, Shared};
use crate::{
    clock::Timestamp,
    controller::{event::Event, order::MOST_REMOVED},
    engine::understand::normalise::normalise,
    ids::IntentId,
    store::{CleanUp, Tag},
    telemetry::catalogue,
    units::TimeSpan,
};

/// How many events wait for the controller; more are refused, so that none is lost unseen.
const WAITING: usize = 10_000;

/// An event as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    kind: String,
    subject: String,
    at: Option<Timestamp>,
    #[serde(default)]
    details: BTreeMap<String, String>,
}

/// `POST /v1/events`.
pub(super) async fn receive(State(desk): Shared, Json(sent): Json<Sent>) -> Result<StatusCode, AdminError> {
    if desk.watch.is_none() {
        return Err(AdminError::not_found("no controller runs in this process; send events to the one that does"));
    }
    let event = Event {
        at: sent.at.unwrap_or(desk.clock.now()),
        kind: sent.kind,
        subject: sent.subject,
        details: sent.details,
    };
    if event.kind == "deployment" {
        let part = event.subject.split_whitespace().next().unwrap_or_default();
        let kind = ["prompt", "model", "infrastructure"].into_iter().find(|known| *known == part).unwrap_or("service");
        desk.registry.counter(&catalogue::DEPLOYMENTS, &[kind]).inc();
    }
    let mut events = desk.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if events.len() >= WAITING {
        return Err(AdminError::unavailable("too many events wait for the controller; send this one again later"));
    }
    info!(kind = event.kind, subject = event.subject, "Event received.");
    events.push(event);
    Ok(StatusCode::ACCEPTED)
}

/// What to make void.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Void {
    tags: Vec<String>,
}

/// What was made void.
#[derive(Serialize)]
pub(super) struct Voided {
    tags: Vec<Tag>,
}

/// `POST /api/v1/invalidate`. An empty list is an error, never "everything".
pub(super) async fn invalidate(State(desk): Shared, Json(void): Json<Void>) -> Result<Json<Voided>, AdminError> {
    if void.tags.is_empty() {
        return Err(AdminError::invalid(
            "`tags` is empty: name what to invalidate, such as `title:one piece` or `intent:pricing`",
        ));
    }
    let counted = |result| desk.registry.counter(&catalogue::INVALIDATIONS, &[result]);
    counted("received").inc();
    let tags: Vec<_> = void.tags.iter().map(|tag| canonical(tag)).collect();
    match desk.store.invalidate(&tags).await {
        Ok(()) => {
            counted("applied").inc();
            Ok(Json(Voided { tags }))
        }
        Err(error) => {
            counted("failed").inc();
            Err(AdminError::unavailable(format!("the invalidation did not reach the store ({error}); send it again")))
        }
    }
}

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

/// `POST /api/v1/clean_up`: low-value entries of this process's store.
pub(super) async fn clean_up(State(desk): Shared, Json(wish): Json<Unused>) -> Result<Json<Removed>, AdminError> {
    if wish.most == 0 || wish.most > MOST_REMOVED {
        return Err(AdminError::invalid(format!("`most` is {}: use 1 to {MOST_REMOVED}", wish.most)));
    }
    let plan = CleanUp { intents: wish.intents, unused_for: wish.unused_for.0, most: wish.most };
    let removed = desk.store.clean_up(&plan).await;
    let removed = removed.map_err(|error| AdminError::unavailable(format!("the store was not cleaned up: {error}")))?;
    Ok(Json(Removed { removed }))
}

/// A tag in the form the cache knows it by: the part after the colon is normalised like a question's words.
fn canonical(tag: &str) -> Tag {
    let tag = match tag.split_once(':') {
        Some((kind, value)) => format!("{}:{}", kind.trim().to_ascii_lowercase(), normalise(value)),
        None => normalise(tag),
    };
    Tag(tag.into())
}
