//! Why a question hits or does not.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::engine;
use crate::{
    api::{
        admin::{AdminError, Shared},
        openai::request,
    },
    engine::{
        asked::{Caller, Hints, Tier},
        recall::explain::Explanation,
    },
    ids::{IntentId, TenantId},
};

/// A question, as short as it can be or as the application sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The question alone: as if it were asked without a system prompt or earlier turns.
    question: Option<String>,
    /// The whole chat-completions request: what is kept depends on all of it.
    request: Option<Value>,
    /// The model name that the question alone is asked for.
    model: Option<String>,
    tenant: Option<TenantId>,
    user: Option<String>,
    intent: Option<IntentId>,
    entities: Option<Vec<String>>,
    #[serde(default)]
    no_cache: bool,
    #[serde(default)]
    no_store: bool,
}

/// `POST /api/v1/cache/explain`. Nothing is counted, asked or kept.
pub(super) async fn explain(State(desk): Shared, Json(wanted): Json<Wanted>) -> Result<Json<Explanation>, AdminError> {
    let engine = engine(&desk)?;
    let Wanted { question, request, model, tenant, user, intent, entities, no_cache, no_store } = wanted;
    let model = model.unwrap_or_else(|| "banto".into());
    let request = match (question, request) {
        (Some(question), None) => json!({ "model": model, "messages": [{ "role": "user", "content": question }] }),
        (None, Some(request)) => request,
        _ => {
            return Err(AdminError::invalid("give either `question` or `request`, the whole chat-completions request"));
        }
    };
    let model = request["model"].as_str().unwrap_or_default().to_owned();
    let caller = Caller {
        tenant: tenant.unwrap_or_else(|| "default".into()),
        user: user.map(Into::into),
        tier: Tier::Registered,
        address: None,
    };
    let no_cache = no_cache || no_store;
    let hints = Hints { intent, entities, no_cache, no_store, ..Hints::default() };
    let asked = request::read(request.to_string().into(), caller, hints, &[model]);
    let asked = asked.map_err(|error| AdminError::invalid(error.message))?;
    let question = engine.understanding.load().question(asked);
    Ok(Json(engine.recall.explain(&question).await))
}
