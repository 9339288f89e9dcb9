//! A token bucket: tokens flow in at a rate and are kept up to the burst.

use std::time::Duration;

use tokio::time::Instant;

use super::Limit;

/// Tokens of one user or network, which refill by themselves.
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

    /// Takes over another limit. What was saved up stays, within the new burst; a larger burst is no gift.
    pub(super) fn set(&mut self, limit: Limit, now: Instant) {
        if self.limit == limit {
            return;
        }
        self.refill(now);
        self.limit = limit;
        self.tokens = self.tokens.min(limit.burst);
    }

    /// Takes a token; without one nothing is taken and the error is how long until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(until(1.0 - self.tokens, self.limit.rate))
    }

    /// Gives a token back that was not used after all.
    pub(super) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.limit.burst);
    }

    /// Takes over what the fleet has `left` of these tokens, less what is still `owed` to it; at most a burst of debt, so
    /// that it is paid off in time.
    pub(super) fn settle(&mut self, left: f64, owed: f64, now: Instant) {
        self.refill(now);
        self.tokens = (self.tokens.min(left) - owed).max(-self.limit.burst);
    }

    /// Whether more than a quarter of the burst is used: worth telling the fleet.
    pub(super) fn is_in_use(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens < self.limit.burst * 0.75
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.limit.rate).min(self.limit.burst);
        self.at = now;
    }
}

/// How long so many tokens take at a rate; a day at most.
pub(super) fn until(tokens: f64, rate: f64) -> Duration {
    const DAY: f64 = 86_400.0;
    let seconds = tokens.max(0.0) / rate.max(f64::MIN_POSITIVE);
    Duration::from_secs_f64(if seconds.is_finite() { seconds.min(DAY) } else { DAY })
}
