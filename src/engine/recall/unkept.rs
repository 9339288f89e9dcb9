//! Answers that were not kept, and why: counted by reason, and remembered for a while for those who ask.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use super::{meters::Written, recent::Recent};
use crate::{clock::Timestamp, digest::Digest, store::Unfit, units::Bytes};

/// Why an answer was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unkept {
    /// Too many others waited to be written.
    Queue,
    /// What its tags stand at could not be had, so that nobody could tell whether it is outdated.
    NoGenerations,
    /// It has more bytes than one answer may.
    TooLarge {
        /// Its own.
        bytes: u64,
        /// The most.
        most: u64,
    },
    /// Its time to live is nothing.
    NoLife,
    /// One of its tags was invalidated while it was answered.
    Outdated,
    /// The store does not take it.
    Unfit(Unfit),
    /// The store failed.
    Failed(String),
}

impl Unkept {
    /// How the write is counted.
    pub(super) fn written(&self) -> Written {
        match self {
            Self::Queue => Written::Dropped,
            Self::TooLarge { .. } | Self::NoLife | Self::Unfit(_) => Written::Refused,
            Self::Outdated => Written::Stale,
            Self::NoGenerations | Self::Failed(_) => Written::Failed,
        }
    }

    /// The label of a refusal; `None` for what is no refusal.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } | Self::Unfit(Unfit::TooLarge) => Some("too_large"),
            Self::NoLife | Self::Unfit(Unfit::Over) => Some("no_ttl"),
            Self::Unfit(Unfit::Full) => Some("entries"),
            Self::Unfit(Unfit::NoMemory) => Some("memory"),
            Self::Queue | Self::NoGenerations | Self::Outdated | Self::Failed(_) => None,
        }
    }
}

/// The labels of `cache.refused`.
pub(super) const REFUSALS: [&str; 4] = ["too_large", "no_ttl", "entries", "memory"];

impl fmt::Display for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("too many answers waited to be written"),
            Self::NoGenerations => f.write_str("the store did not say what its tags stand at"),
            Self::TooLarge { bytes, most } => {
                write!(f, "it has {bytes} bytes, and one answer may have {}", Bytes(*most))
            }
            Self::NoLife => f.write_str("its time to live is 0"),
            Self::Outdated => f.write_str("one of its tags was invalidated while it was answered"),
            Self::Unfit(Unfit::TooLarge) => f.write_str("it is larger than the store takes"),
            Self::Unfit(Unfit::Full) => f.write_str("the store holds as many entries as it may"),
            Self::Unfit(Unfit::NoMemory) => f.write_str("the store is out of memory"),
            Self::Unfit(Unfit::Over) => f.write_str("it would have been over before it was there"),
            Self::Failed(why) => write!(f, "the store failed: {why}"),
        }
    }
}

/// How many of them are remembered.
const MOST: usize = 10_000;

/// The last of them by key.
#[derive(Debug)]
pub(super) struct Lately(Mutex<Recent<Digest, (Timestamp, Unkept)>>);

impl Default for Lately {
    fn default() -> Self {
        Self(Mutex::new(Recent::of(MOST)))
    }
}

impl Lately {
    pub(super) fn note(&self, key: Digest, why: Unkept, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (now, why));
    }

    pub(super) fn of(&self, key: &Digest) -> Option<(Timestamp, Unkept)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(key).cloned()
    }
}
