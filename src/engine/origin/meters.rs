//! What is measured of one origin.

use std::sync::Arc;

use crate::telemetry::{
    catalogue::{ORIGIN_FILLS, ORIGIN_GET, ORIGIN_LIVE, ORIGIN_READS, ORIGIN_REFRESHES},
    metric::{Counter, Distribution},
    registry::Registry,
};

/// How a value was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// It was kept and fresh.
    Hit,
    /// It was fetched now.
    Miss,
    /// It was kept, had expired, and the service did not answer.
    Stale,
}

impl Via {
    /// The word in headers and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }
}

#[derive(Debug)]
pub(super) struct Meters {
    reads: [Arc<Counter>; 3],
    pub(super) failed: Arc<Counter>,
    pub(super) get: Arc<Distribution>,
    pub(super) stored: Arc<Counter>,
    pub(super) outdated: Arc<Counter>,
    pub(super) refused: Arc<Counter>,
    pub(super) unstored: Arc<Counter>,
    pub(super) merged: Arc<Counter>,
    pub(super) absent: Arc<Counter>,
    pub(super) refreshes: Arc<Counter>,
}

impl Meters {
    pub(super) fn new(origin: &str, registry: &Registry) -> Self {
        let reads = |result| registry.counter(&ORIGIN_READS, &[origin, result]);
        let fills = |result| registry.counter(&ORIGIN_FILLS, &[origin, result]);
        let live = |result| registry.counter(&ORIGIN_LIVE, &[origin, result]);
        Self {
            reads: [Via::Hit, Via::Miss, Via::Stale].map(|via| reads(via.label())),
            failed: reads("failed"),
            get: registry.distribution(&ORIGIN_GET, &[origin]),
            stored: fills("stored"),
            outdated: fills("outdated"),
            refused: fills("refused"),
            unstored: fills("failed"),
            merged: live("merged"),
            absent: live("absent"),
            refreshes: registry.counter(&ORIGIN_REFRESHES, &[origin]),
        }
    }

    pub(super) fn read(&self, via: Via) {
        self.reads[via as usize].inc();
    }
}
