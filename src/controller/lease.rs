//! Of two controllers one acts: a lease in the shared store, with a term that only grows.
//!
//! Whoever holds the lease renews it long before it ends; who cannot renew stops acting when it ends, whatever it
//! believes. The term is the fencing token: it changes whenever the lease changes hands, and every order is checked
//! against it before it acts. A controller without a store to share has nobody to share with and always holds.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, Timestamp},
    store::{Store, StoreError},
};

/// The shared document that holds the lease.
const DOCUMENT: &str = "controller/lease";
/// How long a lease lasts without renewal: how long the fleet is without a controller after one died.
pub const LASTS: Duration = Duration::from_secs(15);
/// The holder stops acting this long before the lease ends, so that clocks may differ by as much.
const MARGIN: Duration = Duration::from_secs(3);

/// Whether this controller may act.
#[async_trait]
pub trait Fence: Send + Sync {
    /// Asked before every act.
    async fn holds(&self) -> bool;
}

/// The lease as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    by: String,
    term: u64,
    until: Timestamp,
}

/// One controller's view of the lease.
pub struct Lease {
    store: Arc<dyn Store>,
    clock: Clock,
    me: String,
    mine: Mutex<Option<Held>>,
}

impl Lease {
    /// A candidate under the name `me`, which no other running controller may have.
    pub fn new(store: Arc<dyn Store>, clock: Clock, me: String) -> Self {
        Self { store, clock, me, mine: Mutex::new(None) }
    }

    /// Takes the lease if it is free, renews it if it is ours and a third of it is gone; the term while it is ours.
    ///
    /// # Errors
    /// When the store does not answer: what is held lasts until it ends.
    pub async fn keep(&self) -> Result<Option<u64>, StoreError> {
        let now = self.clock.now();
        if let Some(held) = self.held(now).filter(|held| held.until.since(now) > LASTS * 2 / 3) {
            return Ok(Some(held.term));
        }
        let found = self.store.document(DOCUMENT).await?;
        let version = found.as_ref().map_or(0, |document| document.version);
        let present: Option<Held> = found.and_then(|document| serde_json::from_slice(&document.content).ok());
        let term = match &present {
            Some(held) if held.by == self.me => held.term,
            Some(held) if held.until > now => return Ok(self.lost()),
            Some(held) => held.term + 1,
            None => 1,
        };
        let next = Held { by: self.me.clone(), term, until: now + LASTS };
        let content = serde_json::to_vec(&next).unwrap_or_default();
        if self.store.write_document(DOCUMENT, version, &content).await?.is_none() {
            return Ok(self.lost());
        }
        *self.mine.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(Some(term))
    }

    /// Gives it back, so that another need not wait for its end.
    ///
    /// # Errors
    /// When the store does not answer; the lease then ends by itself.
    pub async fn give_back(&self) -> Result<(), StoreError> {
        let Some(held) = self.held(self.clock.now()) else { return Ok(()) };
        self.lost();
        let Some(found) = self.store.document(DOCUMENT).await? else { return Ok(()) };
        let ended = Held { until: Timestamp(0), ..held };
        let content = serde_json::to_vec(&ended).unwrap_or_default();
        let ours = serde_json::from_slice::<Held>(&found.content).is_ok_and(|held| held.by == self.me);
        if ours {
            self.store.write_document(DOCUMENT, found.version, &content).await?;
        }
        Ok(())
    }

    fn held(&self, now: Timestamp) -> Option<Held> {
        let mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        mine.clone().filter(|held| held.until > now + MARGIN)
    }

    fn lost(&self) -> Option<u64> {
        *self.mine.lock().unwrap_or_else(PoisonError::into_inner) = None;
        None
    }
}

#[async_trait]
impl Fence for Lease {
    async fn holds(&self) -> bool {
        let Some(held) = self.held(self.clock.now()) else { return false };
        let found = self.store.document(DOCUMENT).await;
        let Ok(Some(found)) = found else { return false };
        serde_json::from_slice::<Held>(&found.content).is_ok_and(|now| now.by == self.me && now.term == held.term)
    }
}

/// A controller without others: it always may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

#[async_trait]
impl Fence for Alone {
    async fn holds(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::{Embedded, Limits};

    fn two() -> (Lease, Lease) {
        let clock = Clock::starting_at(Timestamp(1_000_000));
        let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(Limits::default(), clock));
        (Lease::new(store.clone(), clock, "one".into()), Lease::new(store, clock, "two".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_controllers_one_holds_the_lease() {
        let (one, two) = two();
        assert_eq!(one.keep().await.expect("an answer"), Some(1));
        assert_eq!(two.keep().await.expect("an answer"), None);
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(one.keep().await.expect("an answer"), Some(1), "renewing does not change the term");
            assert_eq!(two.keep().await.expect("an answer"), None);
        }
        assert!(one.holds().await && !two.holds().await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_falls_silent_is_replaced_and_its_orders_are_fenced_off() {
        let (one, two) = two();
        one.keep().await.expect("an answer");
        tokio::time::sleep(LASTS - MARGIN).await;
        assert!(!one.holds().await, "it stops before its lease ends");
        assert_eq!(two.keep().await.expect("an answer"), None, "and the other waits until it has ended");
        tokio::time::sleep(MARGIN).await;
        assert_eq!(two.keep().await.expect("an answer"), Some(2));
        assert_eq!(one.keep().await.expect("an answer"), None);
        assert!(two.holds().await && !one.holds().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_given_back_is_free_at_once() {
        let (one, two) = two();
        one.keep().await.expect("an answer");
        one.give_back().await.expect("an answer");
        assert!(!one.holds().await);
        assert_eq!(two.keep().await.expect("an answer"), Some(2));
    }
}
