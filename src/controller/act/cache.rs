//! The hand on the cache: cleaning up low-value entries, invalidating by tag.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    clock::Clock,
    controller::{
        actuator::{ActError, Actuator, Observed, Replay, Stamp},
        order::CleanUpOrder,
    },
    knob::{board::Board, budgets},
    store::{
        Store, StoreError, Tag,
        keeping::{
            Removed,
            clean_up::CleanUp,
            release::{self, Release},
            runs::{self, Run, Why},
        },
    },
};

/// Where the last clean-up is noted, for the whole fleet.
const LAST_CLEAN_UP: &str = "controller/last-clean-up";

/// Cleans up. Its claim is written before the work: a crash between the two loses the run rather than doubling it.
pub struct Cleaning {
    store: Arc<dyn Store>,
    board: Arc<Board>,
    clock: Clock,
}

impl Cleaning {
    /// A hand on this store, with the budgets of this board.
    pub fn new(store: Arc<dyn Store>, board: Arc<Board>, clock: Clock) -> Self {
        Self { store, board, clock }
    }

    async fn carry_out(&self, order: CleanUpOrder) -> Result<Removed, StoreError> {
        let budgets = order.budgets.then(|| budgets::shares(&self.board));
        let unused_for = order.unused_for.map(|span| span.0);
        let plan = CleanUp { intents: order.intents, unused_for, most: order.most };
        plan.run_with(budgets.as_ref(), &*self.store, self.clock.now()).await
    }
}

#[async_trait]
impl Actuator for Cleaning {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        let last = self.store.document(LAST_CLEAN_UP).await.map_err(unsure)?;
        Ok(last.map_or_else(
            || Observed { value: String::new(), version: Some(0) },
            |last| Observed { value: String::from_utf8_lossy(&last.content).into_owned(), version: Some(last.version) },
        ))
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        let plan: CleanUpOrder =
            serde_json::from_str(to).map_err(|error| ActError::Refused(format!("not a clean-up: {error}")))?;
        let claimed = self.store.write_document(LAST_CLEAN_UP, expected.version.unwrap_or(0), to.as_bytes()).await;
        if claimed.map_err(unsure)?.is_none() {
            let found = self.observe(target).await?.value;
            return Err(ActError::Moved { target: target.to_owned(), found, expected: expected.value.clone() });
        }
        let removed = self.carry_out(plan).await.map_err(unsure)?;
        tracing::info!(entries = removed.entries, bytes = removed.bytes, "Cache cleaned up.");
        let run = Run { at: self.clock.now(), why: Why::CleanUp, by: stamp.author.clone(), removed };
        // The journal has it too: that it cannot be noted here changes nothing.
        let _ = runs::note(&*self.store, run).await;
        Ok(())
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

/// Has the fleet warm the cache for a release; the target is the title, the value its volume or `now`. Announced twice it
/// is warmed twice, and the second time everything is warm.
pub struct Warming {
    store: Arc<dyn Store>,
    clock: Clock,
}

impl Warming {
    /// A hand on this store.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Actuator for Warming {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        Ok(Observed { value: String::new(), version: None })
    }

    async fn set(&self, target: &str, to: &str, _expected: &Observed, _stamp: &Stamp) -> Result<(), ActError> {
        let (title, volume) = (target.trim().to_owned(), to.parse().ok());
        if title.is_empty() {
            return Err(ActError::Refused("no title to warm for".into()));
        }
        let now = self.clock.now();
        match release::announce(&*self.store, &Release { at: now, title, volume }, now).await.map_err(unsure)? {
            true => Ok(()),
            false => Err(ActError::Refused("as many releases as may be are announced already".into())),
        }
    }

    fn replay(&self) -> Replay {
        Replay::Safe
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
