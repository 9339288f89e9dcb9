//! Kept answers that were looked at since they were kept, so that each is looked at once and not on every hit.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{clock::Timestamp, digest::Digest, store::Entry};

/// The most that are remembered; the oldest is looked at again.
const MOST: usize = 4_096;

/// An entry that takes another's place was stored at another time.
type Which = (Digest, Timestamp);

/// What was looked at.
#[derive(Debug, Default)]
pub(super) struct Vetted(Mutex<(HashSet<Which>, VecDeque<Which>)>);

impl Vetted {
    pub(super) fn knows(&self, entry: &Entry) -> bool {
        self.lock().0.contains(&(entry.key, entry.stored_at))
    }

    pub(super) fn note(&self, entry: &Entry) {
        let (known, order) = &mut *self.lock();
        let which = (entry.key, entry.stored_at);
        if !known.insert(which) {
            return;
        }
        order.push_back(which);
        if order.len() > MOST
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }

    pub(super) fn clear(&self) {
        *self.lock() = Default::default();
    }

    fn lock(&self) -> MutexGuard<'_, (HashSet<Which>, VecDeque<Which>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
