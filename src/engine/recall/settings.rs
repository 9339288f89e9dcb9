//! How much recall may hold and how long it may wait.

use std::time::Duration;

use super::index::Bounds;
use crate::units::Bytes;

/// How much recall may hold and how long it may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Room of the near cache.
    pub near: Bytes,
    /// The largest answer that is kept.
    pub largest: Bytes,
    /// Answers waiting to be written; more are dropped and counted.
    pub queue: usize,
    /// The longest a request waits for a store that is slow for everybody; one that is silent gives up by itself much earlier.
    pub store_deadline: Duration,
    /// Room of the semantic index.
    pub index: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            near: Bytes(64 << 20),
            largest: Bytes(10 << 10),
            queue: 1_024,
            store_deadline: Duration::from_millis(500),
            index: Bounds { partition: 500_000, total: 500_000 },
        }
    }
}
