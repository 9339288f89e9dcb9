//! What is known of an entry without reading it: what it takes, how old it is, and whether anybody asks for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, digest::Digest, ids::IntentId};

/// An entry in the store's ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its key.
    pub key: Digest,
    /// What it is about.
    pub intent: IntentId,
    /// What it takes in the store.
    pub bytes: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Until when it is fresh.
    pub fresh_until: Timestamp,
    /// Until when it is kept.
    pub keep_until: Timestamp,
    /// How many answers were served from it, near caches included; those of the entry it replaced count too.
    pub hits: u64,
    /// When the last of them was noted; `None` without any. Some seconds late, because hits are counted in batches.
    pub last_hit: Option<Timestamp>,
}

impl About {
    /// What it is worth keeping: hits for each kilobyte.
    pub fn value(&self) -> f64 {
        self.hits as f64 * 1024.0 / self.bytes.max(1) as f64
    }

    /// How long it is fresh, as it was given to it.
    pub fn ttl(&self) -> Duration {
        self.fresh_until.since(self.stored_at)
    }

    /// How long ago it was stored.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.stored_at)
    }
}
