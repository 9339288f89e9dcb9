//! What happens outside: deployments, releases, sales; and invalidations by hand.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{AdminError, Desk, Shared};
use crate::{
    clock::Timestamp,
    controller::event::Event,
    engine::understand::normalise::normalise,
    store::{
        Tag,
        keeping::release::{self, Release},
    },
    telemetry::catalogue,
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
    if event.kind == "release" {
        announce(&desk, &event).await?;
    }
    let mut events = desk.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if events.len() >= WAITING {
        return Err(AdminError::unavailable("too many events wait for the controller; send this one again later"));
    }
    info!(kind = event.kind, subject = event.subject, "Event received.");
    events.push(event);
    Ok(StatusCode::ACCEPTED)
}

/// A release has the cache warmed for it: `details.at` says when it comes (else the event's own time), `details.volume` which.
async fn announce(desk: &Desk, event: &Event) -> Result<(), AdminError> {
    let at = match event.details.get("at") {
        None => event.at,
        Some(at) => chrono::DateTime::parse_from_rfc3339(at).map(|at| at.to_utc().into()).map_err(|error| {
            AdminError::invalid(format!("`at: {at}` is no time ({error}): write 2026-12-04T00:00:00+09:00"))
        })?,
    };
    let volume = event.details.get("volume").and_then(|volume| volume.parse().ok());
    let release = Release { at, title: event.subject.clone(), volume };
    if !release.is_past(desk.clock.now()) {
        let announced = release::announce(&*desk.store, &release, desk.clock.now()).await;
        if let Err(error) = announced {
            warn!(%error, %release, "A release could not be announced to the fleet; the cache is not warmed for it.");
        }
    }
    Ok(())
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

/// A tag in the form the cache knows it by: the part after the colon is normalised like a question's words.
fn canonical(tag: &str) -> Tag {
    let tag = match tag.split_once(':') {
        Some((kind, value)) => format!("{}:{}", kind.trim().to_ascii_lowercase(), normalise(value)),
        None => normalise(tag),
    };
    Tag(tag.into())
}
