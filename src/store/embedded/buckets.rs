//! Token buckets that nodes lease from. One process is a fleet of one; the same rules hold.

use std::collections::HashMap;

use crate::{clock::Timestamp, store::Lease};

/// How many are kept; full ones are forgotten first, which changes nothing.
const MOST: usize = 50_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// The buckets of this process by name.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<String, Bucket>);

impl Buckets {
    /// Grants up to `want` tokens of a bucket that gets `rate` a second and holds `burst`.
    pub(super) fn lease(&mut self, name: &str, rate: f64, burst: f64, want: u64, now: Timestamp) -> Lease {
        let held = self.0.get(name).copied().unwrap_or(Bucket { tokens: burst, at: now });
        let tokens = (held.tokens + now.since(held.at).as_secs_f64() * rate).min(burst).max(0.0);
        let granted = want.min(tokens as u64);
        let left = tokens - granted as f64;
        if self.0.len() >= MOST && !self.0.contains_key(name) {
            self.0.retain(|_, bucket| bucket.tokens + now.since(bucket.at).as_secs_f64() * rate < burst);
        }
        if self.0.len() < MOST || self.0.contains_key(name) {
            self.0.insert(name.to_owned(), Bucket { tokens: left, at: now });
        }
        Lease { granted, left: left as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_leased_comes_back_at_the_rate_and_never_beyond_the_burst() {
        let mut buckets = Buckets::default();
        let mut lease = |want, at| buckets.lease("a", 10.0, 20.0, want, Timestamp(at));
        assert_eq!(lease(15, 0), Lease { granted: 15, left: 5 });
        assert_eq!(lease(15, 0), Lease { granted: 5, left: 0 });
        assert_eq!(lease(15, 1_000), Lease { granted: 10, left: 0 });
        assert_eq!(lease(0, 60_000), Lease { granted: 0, left: 20 });
    }

    #[test]
    fn the_buckets_are_bounded() {
        let mut buckets = Buckets::default();
        for n in 0..MOST + 100 {
            buckets.lease(&format!("u{n}"), 1.0, 5.0, 1, Timestamp(n as i64));
        }
        assert!(buckets.0.len() <= MOST);
    }
}
