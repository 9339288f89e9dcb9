//! An answer from the cache.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    engine::{source::Source, understand::intent::Intent},
    store::Entry,
    units::Ratio,
};

/// An answer from the cache, and how it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What was kept.
    pub entry: Arc<Entry>,
    /// [`Source::Exact`], [`Source::Semantic`] or [`Source::Stale`].
    pub source: Source,
    /// How alike the two questions are; `None` when they are the same.
    pub similarity: Option<Ratio>,
    /// How long ago the answer was kept.
    pub age: Duration,
    /// What must be added to the answer because it is stale; `None` when it is fresh or the intent says nothing.
    pub disclaimer: Option<Arc<str>>,
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Not expired.
    Fresh,
    /// Expired, within the intent's longest staleness.
    Stale,
}

impl Age {
    /// Whether an answer with these ends may be given now.
    pub(super) fn admits(self, intent: &Intent, fresh_until: Timestamp, keep_until: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Fresh => now < fresh_until,
            Self::Stale => now < keep_until && now < fresh_until + intent.max_stale.0,
        }
    }
}

impl Hit {
    pub(super) fn new(entry: Arc<Entry>, similarity: Option<Ratio>, intent: &Intent, now: Timestamp) -> Self {
        let is_stale = entry.fresh_until <= now;
        let source = match similarity {
            _ if is_stale => Source::Stale,
            Some(_) => Source::Semantic,
            None => Source::Exact,
        };
        let disclaimer = intent.disclaimer.clone().filter(|_| is_stale);
        Self { age: now.since(entry.stored_at), entry, source, similarity, disclaimer }
    }
}
