//! When an answer is checked: before it is said, while it is said, or afterwards.

use serde::Deserialize;

/// The name of the knob that no intent's mode is stricter than.
pub const CEILING: &str = "guardrails.mode";
/// The names of the intents' own knobs begin so.
pub const OWN: &str = "guardrail.";
/// The ceiling that is none.
pub const BY_INTENT: &str = "by_intent";

/// When an answer is checked, from the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Never.
    Off,
    /// Said first and checked beside it; what turns out wrong is revised.
    #[default]
    Async,
    /// A stream is held until so many tokens of it are checked; a whole body is checked first.
    Chunked,
    /// Nothing is said before all of it is checked.
    Sync,
}

impl Mode {
    /// All of them, the loosest first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Async, Self::Chunked, Self::Sync];

    /// As files and knobs name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Async => "async",
            Self::Chunked => "chunked",
            Self::Sync => "sync",
        }
    }

    /// The mode of that name; `None` for [`BY_INTENT`] and for words that nobody knows.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.label() == word)
    }

    /// This mode under a ceiling, but never looser than `least`.
    pub fn under(self, ceiling: Option<Self>, least: Self) -> Self {
        ceiling.map_or(self, |ceiling| self.min(ceiling)).max(least)
    }

    /// Whether something waits for the check.
    pub fn holds(self) -> bool {
        self >= Self::Chunked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_lowers_what_is_above_it_and_nothing_below_its_least() {
        let async_ = Some(Mode::Async);
        assert_eq!(Mode::Chunked.under(async_, Mode::Off), Mode::Async);
        assert_eq!(Mode::Off.under(async_, Mode::Off), Mode::Off, "a ceiling makes nothing stricter");
        assert_eq!(Mode::Sync.under(async_, Mode::Sync), Mode::Sync, "an order is checked whatever the ceiling");
        assert_eq!(Mode::Sync.under(None, Mode::Off), Mode::Sync);
    }
}
