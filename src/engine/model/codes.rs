//! Which error codes the providers have sent, how often, and which of them are new.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tracing::warn;

use super::failure::{Class, Failure};
use crate::{clock::Timestamp, ids::ModelName};

/// So many different codes are kept apart; later ones count as `other`.
const MOST: usize = 200;

/// One code of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Whose.
    pub model: ModelName,
    /// The cleaned code.
    pub code: String,
    /// What it was taken for the last time.
    pub class: Class,
    /// How often it came.
    pub count: u64,
    /// When it came first.
    pub first: Timestamp,
}

/// The codes of all models.
#[derive(Debug, Default)]
pub struct Codes(Mutex<BTreeMap<(ModelName, String), Seen>>);

impl Codes {
    /// Counts a failure's code, if it has one.
    pub fn count(&self, model: &ModelName, failure: &Failure, now: Timestamp) {
        let Some(code) = failure.code.as_deref() else { return };
        let mut seen = self.seen();
        let is_new = !seen.contains_key(&(model.clone(), code.to_owned()));
        let code = if is_new && seen.len() >= MOST { "other" } else { code };
        let first = || Seen { model: model.clone(), code: code.to_owned(), class: failure.class, count: 0, first: now };
        let entry = seen.entry((model.clone(), code.to_owned())).or_insert_with(first);
        entry.count += 1;
        entry.class = failure.class;
        drop(seen);
        if is_new && failure.class == Class::Unknown {
            warn!(%model, code, detail = &*failure.detail, "A model sent an error code never seen before.");
        }
    }

    /// All of them, by model and code.
    pub fn list(&self) -> Vec<Seen> {
        self.seen().values().cloned().collect()
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<(ModelName, String), Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_counted_and_their_number_is_bounded() {
        let codes = Codes::default();
        for n in 0..300 {
            let failure = Failure::new(Class::Unknown, "x").coded(&format!("code{n}"));
            codes.count(&"primary".into(), &failure, Timestamp(0));
        }
        let list = codes.list();
        let other = list.iter().find(|seen| seen.code == "other").map(|seen| seen.count);
        assert_eq!((list.len(), other), (MOST + 1, Some(100)));
    }
}
