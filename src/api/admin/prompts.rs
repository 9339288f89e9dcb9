//! Prompts: how they stand, and deploying them by hand.

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{AdminError, Desk, Shared};
use crate::engine::prompt::{
    deploy::Deployment,
    deployer::{Deployer, NotDeployed, Wish},
    status::Status,
};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// With the words of prefixes that change: applications sent them.
    #[serde(default)]
    words: bool,
}

/// A wish to deploy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wished {
    /// `NAME` or `NAME@VERSION`; empty for everything that waits.
    #[serde(default)]
    prompts: Vec<String>,
    #[serde(default)]
    now: bool,
    #[serde(default)]
    keep: bool,
    by: String,
    reason: String,
}

/// `GET /api/v1/prompts`.
pub(super) async fn status(State(desk): Shared, Query(asked): Query<Asked>) -> Result<Json<Status>, AdminError> {
    let deployer = deployer(&desk)?;
    let engine = desk.engine.as_ref().ok_or_else(no_engine)?;
    let (_, past) = deployer.past().await.map_err(|error| AdminError::unavailable(error.to_string()))?;
    let models: Vec<_> = engine.cascade.prompt_caches().map(|(name, cache)| (name.clone(), cache.least)).collect();
    Ok(Json(Status::of(&engine.prompts, &models, past, asked.words, desk.clock.now())))
}

/// `POST /api/v1/prompts/deploy`: comes back once the versions are in force, or are not.
pub(super) async fn deploy(State(desk): Shared, Json(wished): Json<Wished>) -> Result<Json<Deployment>, AdminError> {
    let named = wished.prompts.iter().map(|named| match named.split_once('@') {
        Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
        None => (named.clone(), None),
    });
    let Wished { now, keep, by, reason, .. } = &wished;
    let (by, reason) = (by.clone(), reason.clone());
    let wish = Wish { prompts: named.collect(), now: *now, keep: *keep, by, reason };
    // What is begun is brought to an end, whoever hangs up.
    let (deployer, engine) = (deployer(&desk)?, desk.engine.as_ref().ok_or_else(no_engine)?);
    let (tell, told) = oneshot::channel();
    engine.tasks.spawn_until_stopped(async move {
        let _ = tell.send(deployer.deploy(wish).await);
    });
    let deployed = told.await.map_err(|_| AdminError::unavailable("this node is stopping: ask again, or another"))?;
    deployed.map(Json).map_err(|why| match why {
        NotDeployed::Refused(_) => AdminError::invalid(why.to_string()),
        NotDeployed::NotNow(_) => AdminError::conflict(why.to_string()),
        NotDeployed::Store(_) => AdminError::unavailable(why.to_string()),
    })
}

fn deployer(desk: &Desk) -> Result<Deployer, AdminError> {
    let engine = desk.engine.clone().ok_or_else(no_engine)?;
    Ok(Deployer::new(engine, desk.store.clone(), desk.registry.clone()))
}

fn no_engine() -> AdminError {
    AdminError::not_found("this process answers no questions: ask an engine with `--server`")
}
