//! What a knob can be set to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Ratio, TimeSpan};

/// A knob's value. In files: `0.97`, `25`, `15m`, `cache_only`, `true`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A similarity or a share.
    Ratio(Ratio),
    /// A number of things.
    Count(u64),
    /// A span of time.
    Span(TimeSpan),
    /// One of a few words.
    Choice(String),
    /// On or off.
    Flag(bool),
}

impl Value {
    /// The value on a line of numbers, to compare and to step: seconds, counts, shares. `None` for words and switches.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Ratio(ratio) => Some(ratio.as_f64()),
            Self::Count(count) => Some(*count as f64),
            Self::Span(span) => Some(span.0.as_secs_f64()),
            Self::Choice(_) | Self::Flag(_) => None,
        }
    }

    /// Reads text as a value of the same kind as `self`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse_like(&self, text: &str) -> Result<Self, String> {
        let expected = |what: &str| format!("`{text}` is not {what}");
        match self {
            Self::Ratio(_) => {
                let ratio = text.parse().ok().and_then(Ratio::new);
                ratio.map(Self::Ratio).ok_or_else(|| expected("a number between 0 and 1"))
            }
            Self::Count(_) => text.parse().map(Self::Count).map_err(|_| expected("a whole number")),
            Self::Span(_) => text.parse().map(Self::Span),
            Self::Choice(_) => Ok(Self::Choice(text.to_owned())),
            Self::Flag(_) => text.parse().map(Self::Flag).map_err(|_| expected("true or false")),
        }
    }

    /// A value of this kind from a number on its line, rounded to what the kind can hold; words and switches stay.
    pub fn at_number(&self, number: f64) -> Self {
        match self {
            Self::Ratio(_) => Self::Ratio(Ratio::new(number.clamp(0.0, 1.0)).unwrap_or_default()),
            Self::Count(_) => Self::Count(number.max(0.0).round() as u64),
            Self::Span(_) => Self::Span(TimeSpan::millis((number.max(0.0) * 1e3).round() as u64)),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(ratio) => ratio.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Span(span) => span.fmt(f),
            Self::Choice(word) => word.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}
