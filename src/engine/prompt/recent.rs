//! What came of the calls of the last minutes: how many there were, and how many found their prefix. Pure.

use std::{collections::VecDeque, time::Duration};

use serde::Serialize;

use crate::{clock::Timestamp, engine::model::usage::Usage};

const SLOT: Duration = Duration::from_secs(10);
/// Ten minutes.
const SLOTS: usize = 60;

/// Calls and their tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Calls whose usage is known.
    pub calls: u64,
    /// Those that read from the provider's cache.
    pub hits: u64,
    /// Tokens read from it.
    pub read: u64,
    /// Tokens written to it.
    pub written: u64,
    /// All prompt tokens.
    pub prompt: u64,
}

impl Count {
    /// Of one call.
    pub fn of(usage: &Usage) -> Self {
        Self {
            calls: 1,
            hits: u64::from(usage.cache_read > 0),
            read: usage.cache_read,
            written: usage.cache_write,
            prompt: usage.prompt,
        }
    }

    /// The share of calls that hit; `None` without calls.
    pub fn hit_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.hits as f64 / self.calls as f64)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            hits: self.hits + other.hits,
            read: self.read + other.read,
            written: self.written + other.written,
            prompt: self.prompt + other.prompt,
        }
    }
}

/// The last ten minutes.
#[derive(Clone, Debug, Default)]
pub struct Recent(VecDeque<(Timestamp, Count)>);

impl Recent {
    /// One more call.
    pub fn note(&mut self, usage: &Usage, now: Timestamp) {
        let slot = now.floor(SLOT);
        match self.0.back_mut() {
            Some((at, count)) if *at == slot => *count = count.and(Count::of(usage)),
            _ => self.0.push_back((slot, Count::of(usage))),
        }
        while self.0.len() > SLOTS {
            self.0.pop_front();
        }
    }

    /// What came since then.
    pub fn since(&self, then: Timestamp) -> Count {
        self.0.iter().filter(|(at, _)| *at >= then).fold(Count::default(), |sum, (_, count)| sum.and(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut recent = Recent::default();
        let hit = Usage { prompt: 100, completion: 1, cache_read: 90, cache_write: 0 };
        let miss = Usage { cache_read: 0, cache_write: 90, ..hit };
        (0..60).for_each(|second| recent.note(&miss, Timestamp(second * 1_000)));
        (60..120).for_each(|second| recent.note(&hit, Timestamp(second * 1_000)));
        assert_eq!(recent.since(Timestamp(0)).hit_rate(), Some(0.5));
        assert_eq!(
            recent.since(Timestamp(60_000)),
            Count { calls: 60, hits: 60, read: 5_400, written: 0, prompt: 6_000 }
        );
        assert_eq!(recent.since(Timestamp(120_000)).hit_rate(), None);
    }
}
