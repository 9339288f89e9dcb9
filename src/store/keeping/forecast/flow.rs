//! What one intent holds, and what comes in.

use crate::{clock::Timestamp, store::About};

/// What counts as today. Unit: seconds.
pub(super) const DAY: f64 = 86_400.0;
/// What came within less is a burst. Unit: seconds.
const BURST: f64 = 3_600.0;

/// An intent's entries, added up.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store::keeping) struct Flow {
    pub(in crate::store::keeping) entries: u64,
    pub(in crate::store::keeping) bytes: u64,
    /// Entries of the last day that are still there.
    recent: u64,
    /// Their age, added up; and the whole life of all.
    age: f64,
    life: f64,
}

impl Flow {
    pub(in crate::store::keeping) fn add(&mut self, about: &About, now: Timestamp) {
        self.entries += 1;
        self.bytes += about.bytes;
        self.life += about.keep_until.since(about.stored_at).as_secs_f64();
        let age = about.age(now).as_secs_f64();
        if age <= DAY {
            self.recent += 1;
            self.age += age;
        }
    }

    /// The mean life of an entry. Unit: seconds, 1 at least.
    pub(super) fn life(&self) -> f64 {
        (self.life / self.entries.max(1) as f64).max(1.0)
    }

    /// Entries that come in a second. Those that came within the day and live shorter are partly gone: what is there came
    /// within one life. Entries that all came within a short while are a burst, not a rate: they count over twice their mean
    /// age, which is the time they took to come.
    pub(super) fn rate(&self) -> f64 {
        if self.recent == 0 {
            return 0.0;
        }
        let window = self.life().min(DAY).min((2.0 * self.age / self.recent as f64).max(BURST));
        self.recent as f64 / window
    }

    /// The mean size of an entry. Unit: bytes.
    pub(super) fn size(&self) -> f64 {
        self.bytes as f64 / self.entries.max(1) as f64
    }

    /// Entries when as many leave as come.
    pub(super) fn steady(&self) -> f64 {
        self.rate() * self.life()
    }
}
