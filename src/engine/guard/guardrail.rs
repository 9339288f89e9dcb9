//! What a guardrail is to the engine: somebody who looks at a passage and says what of it may be said. The local rules are
//! one, Bedrock's guardrails another, a drill's world has a third.

use std::sync::Arc;

use async_trait::async_trait;

use super::words::Texts;

/// Whose words a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A user's.
    Question,
    /// A model's.
    Answer,
}

impl Side {
    /// In a word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Answer => "answer",
        }
    }
}

/// Words to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// Whose.
    pub side: Side,
    /// What they are about.
    pub intent: &'a str,
    /// They.
    pub text: &'a str,
}

/// What was found in a passage; the gravest of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    #[default]
    Clean,
    /// Something that is only counted.
    Noted {
        /// The rule that found it.
        by: Arc<str>,
    },
    /// Something that must be left out.
    Masked {
        /// The rule that found it.
        by: Arc<str>,
        /// The passage without it.
        text: String,
    },
    /// It may not be said.
    Blocked {
        /// The rule that found it.
        by: Arc<str>,
        /// What that rule has said instead; `None` for the usual words.
        says: Option<Arc<Texts>>,
    },
}

/// What somebody saw who looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What was found.
    pub finding: Finding,
    /// How many filters looked, where it is known.
    pub filters: Option<u64>,
}

/// Why nothing can be said about a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsure {
    /// It took too long.
    Late,
    /// Too many passages are looked at already, or the service says so.
    Busy,
    /// The service cannot be reached, refuses, or answers what nobody understands.
    Failed,
}

impl Unsure {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Late => "timeout",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// Somebody who looks at passages.
#[async_trait]
pub trait Guardrail: Send + Sync {
    /// What it is, so that what one has checked is not taken for checked by another: `bedrock/gr-1/3`.
    fn name(&self) -> &str;

    /// Looks at a passage. Safe to drop; whoever asks has a deadline and a bound of its own.
    ///
    /// # Errors
    /// [`Unsure`], never a finding, when it could not look.
    async fn look(&self, passage: Passage<'_>) -> Result<Seen, Unsure>;
}
