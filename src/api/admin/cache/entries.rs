//! Entries: listed, inspected, removed, the hottest.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    away,
    shown::{Inspected, Listed, TagShown, words},
};
use crate::{
    api::admin::{AdminError, Desk, Shared},
    digest::Digest,
    engine::understand::normalise::normalise,
    store::{Entry, Tag, keeping::budgets},
    telemetry::catalogue,
};

/// Entries in one answer at most, about.
const MOST: usize = 1_000;
/// Entries looked at for one answer; the next cursor goes on from there.
const LOOKED_AT: usize = 10_000;
/// Entries read at once.
const PAGE: usize = 200;

/// Which entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    intent: Option<String>,
    tenant: Option<String>,
    tag: Option<String>,
    /// Part of the question, in any spelling.
    text: Option<String>,
    cursor: Option<u64>,
    #[serde(default = "usual")]
    most: usize,
}

fn usual() -> usize {
    50
}

/// A page of entries.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    entries: Vec<Listed>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// `GET /api/v1/cache/entries`.
pub(super) async fn list(State(desk): Shared, Query(wanted): Query<Wanted>) -> Result<Json<Page>, AdminError> {
    if !(1..=MOST).contains(&wanted.most) {
        return Err(AdminError::invalid(format!("`most` is {}: ask for 1 to {MOST}", wanted.most)));
    }
    let filter = Filter::of(&desk, &wanted);
    let (mut found, mut cursor, mut looked_at) = (Vec::new(), wanted.cursor, 0);
    loop {
        let page = PAGE.min(wanted.most);
        let (entries, next) = desk.store.page(cursor, page).await.map_err(away)?;
        looked_at += page;
        found.extend(entries.into_iter().filter(|entry| filter.admits(entry)));
        cursor = next;
        if cursor.is_none() || found.len() >= wanted.most || looked_at >= LOOKED_AT {
            break;
        }
    }
    Ok(Json(Page { entries: listed(&desk, &found).await?, next: cursor }))
}

async fn listed(desk: &Desk, entries: &[Arc<Entry>]) -> Result<Vec<Listed>, AdminError> {
    let keys: Vec<_> = entries.iter().map(|entry| entry.key).collect();
    let about = desk.store.about(&keys).await.map_err(away)?;
    Ok(entries.iter().zip(about).map(|(entry, about)| Listed::of(entry, about.as_ref())).collect())
}

struct Filter<'a> {
    wanted: &'a Wanted,
    tag: Option<Tag>,
    text: Option<String>,
}

impl<'a> Filter<'a> {
    fn of(desk: &Desk, wanted: &'a Wanted) -> Self {
        let understanding = desk.engine.as_ref().map(|engine| &engine.understanding);
        let tag = |tag: &String| understanding.map_or_else(|| Tag(tag.as_str().into()), |known| known.load().tag(tag));
        Self { wanted, tag: wanted.tag.as_ref().map(tag), text: wanted.text.as_deref().map(normalise) }
    }

    fn admits(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.wanted.intent, &entry.intent)
            && is(&self.wanted.tenant, &entry.tenant)
            && self.tag.as_ref().is_none_or(|wanted| entry.tags.iter().any(|(tag, _)| tag == wanted))
            && self.text.as_ref().is_none_or(|wanted| normalise(&entry.question).contains(wanted.as_str()))
    }
}

/// `GET /api/v1/cache/entries/{key}`.
pub(super) async fn inspect(State(desk): Shared, Path(key): Path<String>) -> Result<Json<Inspected>, AdminError> {
    let key: Digest = key.parse().map_err(AdminError::invalid)?;
    let entry = desk.store.get(&key).await.map_err(away)?.ok_or_else(|| gone(&key))?;
    let about = desk.store.about(&[key]).await.map_err(away)?.pop().flatten();
    let names: Vec<_> = entry.tags.iter().map(|(tag, _)| tag.clone()).collect();
    let now = desk.store.generations(&names).await.map_err(away)?;
    let tags = entry.tags.iter().zip(now);
    Ok(Json(Inspected {
        answer: words(&entry),
        semantic: entry.frame.is_some(),
        value: about.as_ref().map_or(0.0, |about| about.value()),
        tags: tags.map(|((tag, then), now)| TagShown { tag: tag.0.clone(), then: *then, now }).collect(),
        entry: Listed::of(&entry, about.as_ref()),
    }))
}

/// `DELETE /api/v1/cache/entries/{key}`: on all nodes.
pub(super) async fn remove(State(desk): Shared, Path(key): Path<String>) -> Result<StatusCode, AdminError> {
    let key: Digest = key.parse().map_err(AdminError::invalid)?;
    match desk.store.remove(&[key]).await.map_err(away)? {
        0 => Err(gone(&key)),
        removed => {
            desk.registry.counter(&catalogue::REMOVED, &["operator"]).add(removed);
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

fn gone(key: &Digest) -> AdminError {
    AdminError::not_found(format!("no entry has the key {key}: it is over, invalidated, removed, or never was"))
}

/// How many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HowMany {
    #[serde(default = "usual")]
    most: usize,
}

/// `GET /api/v1/cache/hot`: the most hit entries, most first.
pub(super) async fn hot(State(desk): Shared, Query(how): Query<HowMany>) -> Result<Json<Vec<Listed>>, AdminError> {
    let hottest = budgets::hottest(&*desk.store, how.most.clamp(1, MOST)).await.map_err(away)?;
    let mut shown = Vec::with_capacity(hottest.len());
    for about in &hottest {
        // One that went meanwhile is left out.
        if let Some(entry) = desk.store.get(&about.key).await.map_err(away)? {
            shown.push(Listed::of(&entry, Some(about)));
        }
    }
    Ok(Json(shown))
}
