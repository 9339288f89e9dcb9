//! Hands on the caches of nodes that share no store: each node is asked, and all of them have to do it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;

use super::{Roster, client::NodeError};
use crate::controller::{
    actuator::{ActError, Actuator, Observed, Replay, Stamp},
    order::{CleanUpOrder, MOST_REMOVED},
};

/// Invalidates by tag on every node. Doing it twice is the same as once.
pub struct InvalidatingAll(pub Arc<Roster>);

/// Cleans up on every node. Doing it twice removes what has become unused meanwhile, and no more.
pub struct CleaningAll(pub Arc<Roster>);

/// Has every node warm its cache for a release. Done twice, everything is warm the second time.
pub struct WarmingAll(pub Arc<Roster>);

#[async_trait]
impl Actuator for InvalidatingAll {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, target: &str, _to: &str, _expected: &Observed, _stamp: &Stamp) -> Result<(), ActError> {
        let tags: Vec<_> = target.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.is_empty() {
            return Err(ActError::Refused("no tags: an empty target never means everything".into()));
        }
        on_each(&self.0, "/api/v1/invalidate", &json!({ "tags": tags })).await
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

#[async_trait]
impl Actuator for CleaningAll {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, _target: &str, to: &str, _expected: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        let plan: CleanUpOrder =
            serde_json::from_str(to).map_err(|error| ActError::Refused(format!("not a clean-up: {error}")))?;
        let most = plan.most.min(MOST_REMOVED);
        let wish = json!({
            "budgets": plan.budgets, "intents": plan.intents, "unused_for": plan.unused_for, "most": most, "by": stamp.author,
        });
        on_each(&self.0, "/api/v1/cache/clean-up", &wish).await
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

#[async_trait]
impl Actuator for WarmingAll {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, target: &str, to: &str, _expected: &Observed, _stamp: &Stamp) -> Result<(), ActError> {
        let wish = json!({ "title": target, "volume": to.parse::<u32>().ok() });
        on_each(&self.0, "/api/v1/cache/warm", &wish).await
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

/// Asks every node at once. A node that refuses fails the order for good; one that is silent has it tried again.
async fn on_each(roster: &Roster, path: &str, wish: &(impl Serialize + Sync)) -> Result<(), ActError> {
    let clients = roster.clients();
    if clients.is_empty() {
        return Err(ActError::Refused(
            "no nodes: an empty target never means everything. Name them in `nodes:`".into(),
        ));
    }
    let asked = clients.iter().map(|client| client.post(path, wish));
    let failed: Vec<_> = futures_util::future::join_all(asked).await.into_iter().filter_map(Result::err).collect();
    let words = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match failed.iter().any(|error| matches!(error, NodeError::Refused { .. })) {
        _ if failed.is_empty() => Ok(()),
        true => Err(ActError::Refused(words)),
        false => Err(ActError::Unsure(words)),
    }
}
