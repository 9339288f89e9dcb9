//! `POST /api/v1/invalidate`: making entries void by hand: by tag, intent, section, title, product, key or pattern.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminError, Shared};
use crate::{
    digest::Digest,
    events::sweep::{Over, Plan, Progress},
    store::Tag,
};

/// How many things one request may name.
const MOST: usize = 1_000;

/// What to make void. Something must be named: an empty wish is an error, never "everything".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    intents: Vec<String>,
    #[serde(default)]
    sections: Vec<String>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    products: Vec<String>,
    /// Keys of entries, in hexadecimal digits.
    #[serde(default)]
    keys: Vec<String>,
    pattern: Option<String>,
    #[serde(default)]
    over: Over,
    most: Option<u64>,
    #[serde(default)]
    everything: bool,
}

/// What was made void.
#[derive(Serialize)]
struct Voided {
    tags: Vec<Tag>,
    keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<Progress>,
}

pub(super) async fn invalidate(State(desk): Shared, Json(wish): Json<Wish>) -> Result<Response, AdminError> {
    let named = wish.named();
    if named.is_empty() && wish.keys.is_empty() && wish.pattern.is_none() {
        return Err(AdminError::invalid(
            "nothing is named. Give `tags`, `intents`, `sections`, `titles`, `products`, `keys` or a `pattern`, such as \
             `{\"tags\": [\"title:one piece\"]}`",
        ));
    }
    if named.len() + wish.keys.len() > MOST {
        return Err(AdminError::invalid(format!("more than {MOST} things in one request; send them in several")));
    }
    if let Some(empty) = named.iter().find(|tag| tag.trim().ends_with(':') || tag.trim().is_empty()) {
        return Err(AdminError::invalid(format!("`{empty}` names nothing: an empty tag never means everything")));
    }
    // Everything is looked at before anything is done.
    let keys = wish.keys.iter().map(|key| digest(key)).collect::<Result<Vec<_>, _>>()?;
    let plan = wish.plan().map(Plan::checked).transpose().map_err(AdminError::invalid)?;
    let mut tags: Vec<_> = named.iter().flat_map(|tag| desk.intake.tags(tag)).collect();
    tags.sort();
    tags.dedup();
    let again = |error: crate::store::StoreError| {
        AdminError::unavailable(format!("the invalidation did not reach the store ({error}); send it again"))
    };
    if !tags.is_empty() {
        desk.intake.invalidate(&tags).await.map_err(again)?;
    }
    for key in &keys {
        if let Some(engine) = &desk.engine {
            engine.recall.forget(key);
        }
    }
    if !keys.is_empty() {
        desk.store.remove(&keys).await.map_err(again)?;
    }
    let sweep = plan.map(|plan| desk.sweeps.begin(plan)).transpose().map_err(AdminError::conflict)?;
    let status = if sweep.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(Voided { tags, keys: keys.len(), sweep })).into_response())
}

/// `GET /api/v1/invalidate/{id}`: how far a sweep is.
pub(super) async fn progress(State(desk): Shared, Path(id): Path<u64>) -> Result<Json<Progress>, AdminError> {
    let known = desk.sweeps.progress(id);
    known
        .map(Json)
        .ok_or_else(|| AdminError::not_found(format!("no sweep has the number {id}; the latest 100 are known")))
}

impl Wish {
    fn named(&self) -> Vec<String> {
        let of = |kind: &'static str, names: &[String]| {
            names.iter().map(|name| format!("{kind}:{name}")).collect::<Vec<_>>()
        };
        [
            self.tags.clone(),
            of("intent", &self.intents),
            of("section", &self.sections),
            of("title", &self.titles),
            of("product", &self.products),
        ]
        .concat()
    }

    fn plan(&self) -> Option<Plan> {
        let mut plan = json!({ "pattern": self.pattern.as_ref()?, "over": self.over, "everything": self.everything });
        if let Some(most) = self.most {
            plan["most"] = json!(most);
        }
        serde_json::from_value(plan).ok()
    }
}

fn digest(key: &str) -> Result<Digest, AdminError> {
    key.parse().map_err(AdminError::invalid)
}
