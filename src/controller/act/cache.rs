//! The hand on the cache: cleaning up low-value entries, invalidating by tag.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    controller::{
        actuator::{ActError, Actuator, Observed, Replay, Stamp},
        order::{CleanUpOrder, MOST_REMOVED},
    },
    store::{CleanUp, Store, StoreError, Tag},
};

/// Where the last clean-up is noted, for the whole fleet.
const LAST_CLEAN_UP: &str = "controller/last-clean-up";

/// Cleans up. Its claim is written before the work: a crash between the two loses the run rather than doubling it.
pub struct Cleaning(pub Arc<dyn Store>);

#[async_trait]
impl Actuator for Cleaning {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        let last = self.0.document(LAST_CLEAN_UP).await.map_err(unsure)?;
        Ok(last.map_or_else(
            || Observed { value: String::new(), version: Some(0) },
            |last| Observed { value: String::from_utf8_lossy(&last.content).into_owned(), version: Some(last.version) },
        ))
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, _stamp: &Stamp) -> Result<(), ActError> {
        let plan: CleanUpOrder =
            serde_json::from_str(to).map_err(|error| ActError::Refused(format!("not a clean-up: {error}")))?;
        let claimed = self.0.write_document(LAST_CLEAN_UP, expected.version.unwrap_or(0), to.as_bytes()).await;
        if claimed.map_err(unsure)?.is_none() {
            let found = self.observe(target).await?.value;
            return Err(ActError::Moved { target: target.to_owned(), found, expected: expected.value.clone() });
        }
        let plan = CleanUp { intents: plan.intents, unused_for: plan.unused_for.0, most: plan.most.min(MOST_REMOVED) };
        let removed = self.0.clean_up(&plan).await.map_err(unsure)?;
        tracing::info!(removed, most = plan.most, "Cache cleaned up.");
        Ok(())
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

/// The tags that a text stands for, in the form the cache knows: the engine's side knows titles and their aliases.
pub type Fold = Arc<dyn Fn(&str) -> Vec<Tag> + Send + Sync>;

/// Invalidates by tag; the target is a list of tags with commas. Doing it twice is the same as once.
pub struct Invalidating {
    store: Arc<dyn Store>,
    fold: Fold,
}

impl Invalidating {
    /// A hand that takes tags as policies write them.
    pub fn new(store: Arc<dyn Store>, fold: Fold) -> Self {
        Self { store, fold }
    }
}

#[async_trait]
impl Actuator for Invalidating {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, target: &str, _to: &str, _expected: &Observed, _stamp: &Stamp) -> Result<(), ActError> {
        let tags: Vec<_> = target.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.is_empty() {
            return Err(ActError::Refused("no tags: an empty target never means everything".into()));
        }
        let tags: Vec<_> = tags.into_iter().flat_map(|tag| (self.fold)(tag)).collect();
        self.store.invalidate(&tags).await.map_err(unsure)
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

fn unsure(error: StoreError) -> ActError {
    ActError::Unsure(error.to_string())
}
