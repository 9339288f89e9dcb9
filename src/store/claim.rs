//! A piece of background work that one node of the fleet does: who holds its claim, until when.
//!
//! A claim keeps others from doing the same at the same time; it does not fence. Work under a claim must be right, if
//! wasteful, when two do it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::clock::Timestamp;

/// A claim on some work, as one node sees it.
#[derive(Clone, Debug)]
pub struct Claim {
    document: Arc<str>,
    me: Arc<str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    by: String,
    until: Timestamp,
}

impl Claim {
    /// A claim on the work called `work`; `me` is a name no other node has.
    pub fn new(work: &str, me: impl Into<Arc<str>>) -> Self {
        Self { document: format!("claim/{work}").into(), me: me.into() }
    }

    /// Takes or renews the claim for so long; whether it is ours.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hold(&self, store: &dyn Store, now: Timestamp, lasts: Duration) -> Result<bool, StoreError> {
        let found = store.document(&self.document).await?;
        let version = found.as_ref().map_or(0, |document| document.version);
        let held: Option<Held> = found.and_then(|document| serde_json::from_slice(&document.content).ok());
        if held.is_some_and(|held| held.by != *self.me && held.until > now) {
            return Ok(false);
        }
        let mine = Held { by: self.me.to_string(), until: now + lasts };
        let content = serde_json::to_vec(&mine).unwrap_or_default();
        Ok(store.write_document(&self.document, version, &content).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::embedded::{Embedded, Limits},
    };

    #[tokio::test]
    async fn one_holds_it_until_it_falls_silent() {
        let store = Embedded::in_memory(Limits::default(), Clock::system());
        let (one, two) = (Claim::new("sweep", "one"), Claim::new("sweep", "two"));
        let minute = Duration::from_secs(60);
        let hold = async |claim: &Claim, at: i64| claim.hold(&store, Timestamp(at), minute).await.expect("answers");
        assert!(hold(&one, 0).await && !hold(&two, 59_999).await && hold(&one, 59_999).await);
        assert!(!hold(&two, 60_000).await, "it was renewed");
        assert!(hold(&two, 119_999).await && !hold(&one, 120_000).await);
    }
}
