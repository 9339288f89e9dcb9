//! How old entries are when they are last asked for: a coarse distribution in constant room.

use std::time::Duration;

/// Ends of the classes double: class `n` ends at 2^n seconds; the last is longer than two years.
const CLASSES: usize = 27;

/// Ages by class.
#[derive(Debug, Default)]
pub(super) struct Ripeness([u64; CLASSES]);

impl Ripeness {
    pub(super) fn add(&mut self, age: Duration) {
        let class = (u64::BITS - age.as_secs().leading_zeros()) as usize;
        self.0[class.min(CLASSES - 1)] += 1;
    }

    /// The age that 95 of 100 do not exceed, to the next power of two; `None` without any.
    pub(super) fn most(&self) -> Option<Duration> {
        let all: u64 = self.0.iter().sum();
        let wanted = (all * 95).div_ceil(100);
        let mut below = 0;
        let class = self.0.iter().position(|count| {
            below += count;
            below >= wanted
        });
        class.filter(|_| all > 0).map(|class| Duration::from_secs(1 << class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_few_oldest_do_not_count() {
        let mut ages = Ripeness::default();
        assert_eq!(ages.most(), None);
        (0..96).for_each(|_| ages.add(Duration::from_secs(100)));
        (0..4).for_each(|_| ages.add(Duration::from_secs(1_000_000)));
        assert_eq!(ages.most(), Some(Duration::from_secs(128)));
    }
}
