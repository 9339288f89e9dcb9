//! The one place that reads wall time.
//!
//! A `Clock` remembers one moment of wall time and the tokio instant that went with it; from then on both hands move
//! together. Under a paused runtime a three-week drift takes seconds, and every drill starts at the time its file says.

pub mod follow;

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::follow::Correction;

/// A moment of wall time. Unit: milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time that passed since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Whole seconds since 1970 UTC.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The start of the period of this length that the moment lies in, as CloudWatch aligns its points.
    pub fn floor(self, period: Duration) -> Self {
        let period = (period.as_millis() as i64).max(1);
        Self(self.0.div_euclid(period) * period)
    }

    /// As calendar time; the epoch for what no calendar can show.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// Tells the time; cheap to copy. It goes on evenly whatever becomes of the machine's clock, which [`follow`] makes up for.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    started: Instant,
    correction: Option<&'static Correction>,
}

impl Clock {
    /// A clock that shows the machine's time.
    pub fn system() -> Self {
        Self { wall: Utc::now().into(), started: Instant::now(), correction: None }
    }

    /// A clock that shows `wall` now; with a paused runtime, virtual time.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { wall, started: Instant::now(), correction: None }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let even = self.wall + self.started.elapsed();
        self.correction.map_or(even, |correction| Timestamp(even.0 + correction.millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_and_tokio_time_move_together() {
        let clock = Clock::starting_at(Timestamp(1_000));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), Timestamp(61_000));
    }
}
