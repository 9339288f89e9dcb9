//! Chance, from a seed: the same seed gives the same jitter, so that a drill repeats byte for byte.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// A shared source of random numbers.
#[derive(Debug)]
pub struct Dice(Mutex<SmallRng>);

impl Dice {
    /// Seeded by the operating system.
    pub fn fair() -> Self {
        Self(Mutex::new(SmallRng::from_os_rng()))
    }

    /// Seeded by a number, for drills and tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// A number from 0 up to, not including, 1.
    pub fn roll(&self) -> f64 {
        self.rng().random()
    }

    /// 64 random bits.
    pub fn bits(&self) -> u64 {
        self.rng().random()
    }

    /// A span between the two, evenly; `from` when the range is empty.
    pub fn between(&self, from: Duration, to: Duration) -> Duration {
        if to <= from { from } else { from + (to - from).mul_f64(self.roll()) }
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, SmallRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
