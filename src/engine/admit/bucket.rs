//! A token bucket that may go into debt: whoever takes a token that is not there yet knows when it will be.

use std::time::Duration;

use tokio::time::Instant;

use super::Limit;

/// Tokens flow in at the rate and are kept up to the burst; below zero somebody is waiting.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: Limit,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(limit: Limit, now: Instant) -> Self {
        Self { limit, tokens: limit.burst, at: now }
    }

    pub(super) fn set(&mut self, limit: Limit, now: Instant) {
        self.refill(now);
        let more = (limit.burst - self.limit.burst).max(0.0);
        self.limit = limit;
        self.tokens = (self.tokens + more).min(limit.burst);
    }

    /// Takes a token: how long until it is there, or, beyond `patience`, nothing is taken and the wait is the error.
    pub(super) fn take(&mut self, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        self.refill(now);
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = Duration::from_secs_f64((missing / self.limit.rate).min(86_400.0));
        if wait > patience {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(wait)
    }

    /// The used share of the burst; 1 and above when somebody waits.
    pub(super) fn utilization(&mut self, now: Instant) -> f64 {
        self.refill(now);
        (1.0 - self.tokens / self.limit.burst).clamp(0.0, 1.0)
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.limit.rate).min(self.limit.burst);
        self.at = now;
    }
}
