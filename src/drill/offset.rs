//! Moments of a drill: spans before or after its start, written `-5m`, `0s`, `45s`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::{clock::Timestamp, units::TimeSpan};

/// A moment relative to the drill's start. Unit: milliseconds; negative during the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// So long after the start.
    pub fn after(span: Duration) -> Self {
        Self(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
    }

    /// How far `at` lies from `start`.
    pub fn between(start: Timestamp, at: Timestamp) -> Self {
        Self(at.0.saturating_sub(start.0))
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

impl FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (sign, span) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        Ok(Self(sign * Self::after(span.parse::<TimeSpan>()?.0).0))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", TimeSpan::millis(self.0.unsigned_abs()))
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_the_start_are_negative() {
        let moments = ["-5m", "0s", "45s"].map(|text| text.parse::<Offset>().expect("a moment"));
        assert_eq!(moments, [Offset(-300_000), Offset(0), Offset(45_000)]);
        assert_eq!(moments.map(|at| at.to_string()), ["-5m", "0ms", "45s"]);
    }
}
