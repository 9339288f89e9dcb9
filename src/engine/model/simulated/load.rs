//! How many requests a second come in, by a memory of one second that fades.

use std::time::Duration;

use crate::clock::Timestamp;

const MEMORY: Duration = Duration::from_secs(1);

/// The offered load. Pure.
#[derive(Debug, Default)]
pub(super) struct Load {
    per_second: f64,
    last: Timestamp,
}

impl Load {
    /// Counts an arrival; requests a second with it.
    pub(super) fn arrive(&mut self, now: Timestamp) -> f64 {
        let passed = now.since(self.last).as_secs_f64() / MEMORY.as_secs_f64();
        self.per_second = self.per_second * (-passed).exp() + 1.0 / MEMORY.as_secs_f64();
        self.last = now;
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_settles_at_the_rate_of_arrivals() {
        let mut load = Load::default();
        let settled = (0..500).map(|n| load.arrive(Timestamp(n * 10))).last().expect("arrivals");
        assert!((settled - 100.0).abs() < 1.0, "{settled}");
    }
}
