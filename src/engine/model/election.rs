//! Which node of a fleet finds out whether a model is back.
//!
//! Every node has its own breakers. Without an agreement a model that is down would get a probe from each of them, and a
//! fleet of fifty would keep it down. Whoever wants to probe first takes the model's lease in the store; a probe that failed
//! keeps the lease for as long as its own breaker stays open, one that was answered gives it back, and each of the others
//! then finds out for itself.

use std::{sync::Arc, time::Duration};

use tracing::debug;

use super::breaker::Breaker;
use crate::{
    digest::Digest,
    ids::ModelName,
    store::{Fence, Lead, Store},
};

/// For how long nobody else probes, should this node die while it does.
const LEASE: Duration = Duration::from_secs(15);
/// A lease ends by so much before the breaker of whoever holds it may probe again.
const LEEWAY: Duration = Duration::from_millis(500);

/// Whether this node may probe.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vote {
    /// It does so for the fleet.
    Elected(Fence),
    /// The store cannot be asked: each node for itself.
    Alone,
    /// Another node is at it, or has just found the model down.
    Outvoted,
}

/// The election of one model's probe.
pub(super) struct Election {
    store: Arc<dyn Store>,
    key: Digest,
}

impl Election {
    pub(super) fn new(model: &ModelName, store: Arc<dyn Store>) -> Self {
        Self { store, key: Digest::of([b"probe".as_slice(), model.as_bytes()]) }
    }

    /// Asks to probe for the fleet.
    pub(super) async fn stand(&self) -> Vote {
        match self.store.lead(&self.key, LEASE).await {
            Ok(Lead::Granted(fence)) => Vote::Elected(fence),
            Ok(Lead::Taken) => Vote::Outvoted,
            Err(error) => {
                debug!(%error, "Probing without the fleet.");
                Vote::Alone
            }
        }
    }

    /// Tells the fleet what the probe found, as the breaker has taken it.
    pub(super) async fn tell(&self, fence: &Fence, breaker: &Breaker) {
        let told = match breaker.refuses_for() {
            Some(time) => self.store.renew(fence, time.saturating_sub(LEEWAY)).await.map(|_| ()),
            None => self.store.release(fence).await,
        };
        told.unwrap_or_else(|error| debug!(%error, "The fleet learns by time what a probe found."));
    }
}
