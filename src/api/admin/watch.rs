//! The controller's side of the desk: what it sees, what it did, and what people allow it.

use async_trait::async_trait;
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::Value;

use super::{AdminError, Shared};

/// What the desk asks of a controller. Answers are JSON as the console and the command line show it.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Incidents, newest first, with their timeline.
    async fn incidents(&self) -> Result<Value, String>;
    /// Every alarm and composite with its state and reason.
    async fn alarms(&self) -> Result<Value, String>;
    /// Each policy's latest verdict, also for doing nothing.
    async fn decisions(&self) -> Result<Value, String>;
    /// Whether the controller is held, by whom and why.
    async fn held(&self) -> Result<Value, String>;
    /// Holds the controller, taking back what is in force with `revert`, or lets it act again.
    async fn hold(&self, on: bool, revert: bool, by: &str, reason: &str) -> Result<Value, String>;
    /// Approves or rejects a proposal.
    async fn approve(&self, id: &str, approve: bool, by: &str) -> Result<Value, String>;
    /// The engines elsewhere, and how each stands.
    async fn nodes(&self) -> Result<Value, String>;
    /// Lets a policy act again that failed too often.
    async fn unlock(&self, policy: &str) -> Result<Value, String>;
}

type Answer = Result<Json<Value>, AdminError>;

pub(super) fn controller(desk: &super::Desk) -> Result<&dyn Watch, AdminError> {
    desk.watch
        .as_deref()
        .ok_or_else(|| AdminError::not_found("no controller runs in this process; ask the one that does"))
}

fn answer(result: Result<Value, String>) -> Answer {
    result.map(Json).map_err(AdminError::unavailable)
}

pub(super) async fn incidents(State(desk): Shared) -> Answer {
    answer(controller(&desk)?.incidents().await)
}

pub(super) async fn alarms(State(desk): Shared) -> Answer {
    answer(controller(&desk)?.alarms().await)
}

pub(super) async fn decisions(State(desk): Shared) -> Answer {
    answer(controller(&desk)?.decisions().await)
}

pub(super) async fn held(State(desk): Shared) -> Answer {
    answer(controller(&desk)?.held().await)
}

/// A wish to hold or release.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    on: bool,
    #[serde(default)]
    revert: bool,
    by: String,
    reason: String,
}

pub(super) async fn hold(State(desk): Shared, Json(hold): Json<Hold>) -> Answer {
    answer(controller(&desk)?.hold(hold.on, hold.revert, &hold.by, &hold.reason).await)
}

/// A verdict on a proposal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    approve: bool,
    by: String,
}

pub(super) async fn approve(State(desk): Shared, Path(id): Path<String>, Json(approval): Json<Approval>) -> Answer {
    controller(&desk)?.approve(&id, approval.approve, &approval.by).await.map(Json).map_err(AdminError::conflict)
}

pub(super) async fn unlock(State(desk): Shared, Path(policy): Path<String>) -> Answer {
    controller(&desk)?.unlock(&policy).await.map(Json).map_err(AdminError::conflict)
}
