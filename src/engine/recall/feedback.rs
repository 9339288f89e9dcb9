//! Which answers were given lately, and which of them must not be given again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{labels::Pair, recent::Recent};
use crate::{digest::Digest, engine::source::Source};

/// An answer that was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) source: Source,
    /// The intent's place.
    pub(super) intent: usize,
    /// For an answer found by similarity: the two questions, by key and in words.
    pub(super) matched: Option<(Pairing, Pair)>,
}

/// A question and the entry whose answer it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pairing {
    pub(super) question: Digest,
    pub(super) entry: Digest,
}

/// What became of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The answer is not known here: too old, another node's, or judged already.
    Unknown,
    /// It was counted for answers of this source.
    Counted(Source),
    /// A semantic answer was wrong: it will not be given to that question again.
    Barred,
}

/// The answers given lately, by id, and the pairings that must not be served again.
#[derive(Debug)]
pub(super) struct Answers {
    given: Mutex<Recent<Arc<str>, Given>>,
    barred: Mutex<Recent<Pairing, ()>>,
}

/// How many answers are remembered for feedback, and how many pairings are barred.
const MOST: usize = 10_000;

impl Default for Answers {
    fn default() -> Self {
        Self { given: Mutex::new(Recent::of(MOST)), barred: Mutex::new(Recent::of(MOST)) }
    }
}

impl Answers {
    pub(super) fn note(&self, id: Arc<str>, given: Given) {
        lock(&self.given).insert(id, given);
    }

    /// The answer with this id, once.
    pub(super) fn take(&self, id: &str) -> Option<Given> {
        lock(&self.given).take(id)
    }

    pub(super) fn bar(&self, pairing: Pairing) {
        lock(&self.barred).insert(pairing, ());
    }

    pub(super) fn is_barred(&self, pairing: &Pairing) -> bool {
        lock(&self.barred).contains(pairing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
