//! Keeping a store worth its memory, whichever store it is: clean-ups, budgets, the audit.
//!
//! All of it reads the store's ledger page by page and removes in small batches with a rest between them, so that nobody
//! who asks for an answer waits for it.

pub mod audit;
pub mod budgets;
pub mod clean_up;
pub mod forecast;
pub mod release;
mod ripe;
pub mod runs;
mod walk;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::About;
use crate::ids::IntentId;

/// The most entries that one run removes.
pub const MOST_REMOVED: u64 = 50_000;

/// What a run removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// How many entries.
    pub entries: u64,
    /// And their bytes.
    pub bytes: u64,
    /// Entries and bytes of each intent.
    pub by_intent: BTreeMap<IntentId, (u64, u64)>,
}

impl Removed {
    /// Adds what another run removed.
    pub fn extend(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
        for (intent, (entries, bytes)) in other.by_intent {
            let sum = self.by_intent.entry(intent).or_default();
            *sum = (sum.0 + entries, sum.1 + bytes);
        }
    }

    fn add(&mut self, about: &About) {
        self.entries += 1;
        self.bytes += about.bytes;
        let (entries, bytes) = self.by_intent.entry(about.intent.clone()).or_default();
        *entries += 1;
        *bytes += about.bytes;
    }
}
