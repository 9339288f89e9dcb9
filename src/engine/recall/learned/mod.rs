//! What was learned about single entries: how alike a question must be to be given their answer.
//!
//! Learning moves nothing but the threshold; gates, scopes and ages hold as ever. It is bounded: the entries labelled
//! first make room. What a node has learned it keeps to itself, and it starts anew with the process.

pub mod posterior;

use std::sync::{Mutex, MutexGuard, PoisonError};

use self::posterior::Observations;
use super::recent::Recent;
use crate::digest::Digest;

/// How many entries are remembered.
const MOST: usize = 10_000;

/// The labels of entries, and the thresholds that follow from them.
#[derive(Debug)]
pub struct Learned(Mutex<Recent<Digest, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    observations: Observations,
    /// The threshold worked out last, for this intent's threshold and bound.
    worked_out: Option<(f64, f64, f64)>,
}

impl Default for Learned {
    fn default() -> Self {
        Self(Mutex::new(Recent::of(MOST)))
    }
}

impl Learned {
    /// Somebody said whether the entry's answer was right for a question that is so much like its own.
    pub fn observe(&self, entry: &Digest, similarity: f64, right: bool) {
        let mut entries = self.entries();
        let entry = entries.get_or_insert(*entry);
        entry.observations.add(similarity, right);
        entry.worked_out = None;
    }

    /// The lowest similarity at which the entry is served: its intent's unless labels say otherwise.
    pub fn threshold(&self, entry: &Digest, intent: f64, bound: f64) -> f64 {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(entry) else { return intent };
        match entry.worked_out {
            Some((of, within, threshold)) if of == intent && within == bound => threshold,
            _ => {
                let threshold = entry.observations.threshold(intent, bound);
                entry.worked_out = Some((intent, bound, threshold));
                threshold
            }
        }
    }

    /// How many entries have labels.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// `true` when none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entries(&self) -> MutexGuard<'_, Recent<Digest, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_learns_for_itself_alone_and_follows_its_intents_threshold() {
        let learned = Learned::default();
        let [one, other] = [&b"one"[..], b"other"].map(|name| Digest::of([name]));
        (0..400).for_each(|_| learned.observe(&one, 0.89, true));
        assert!(learned.threshold(&one, 0.92, 0.005) < 0.89);
        assert_eq!(learned.threshold(&other, 0.92, 0.005), 0.92);
        let stricter = learned.threshold(&one, 0.97, 0.005);
        assert!(stricter > learned.threshold(&one, 0.92, 0.005), "{stricter}");
    }

    #[test]
    fn the_entries_labelled_first_make_room() {
        let learned = Learned::default();
        let name = |n: usize| Digest::of([&n.to_le_bytes()[..]]);
        (0..MOST + 5).for_each(|n| (0..9).for_each(|_| learned.observe(&name(n), 0.95, false)));
        assert_eq!(learned.len(), MOST);
        assert_eq!(learned.threshold(&name(0), 0.92, 0.005), 0.92);
        assert!(learned.threshold(&name(MOST), 0.92, 0.005) > 0.92);
    }
}
