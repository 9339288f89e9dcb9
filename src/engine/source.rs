//! Where an answer came from.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::dialect::Lost;

/// The source of an answer, as headers and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The cache, by the same question.
    Exact,
    /// The cache, by a question that means the same.
    Semantic,
    /// Another request for the same answer that was under way.
    Coalesced,
    /// The primary model.
    Primary,
    /// The secondary model.
    Secondary,
    /// An expired entry, because no model answered.
    Stale,
    /// A fixed answer of the intent, because no model answered.
    Static,
    /// A message that says that nobody can answer now.
    Degraded,
    /// What a guardrail has said instead of an answer.
    Guarded,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Exact,
        Self::Semantic,
        Self::Coalesced,
        Self::Primary,
        Self::Secondary,
        Self::Stale,
        Self::Static,
        Self::Degraded,
        Self::Guarded,
    ];

    /// The word that headers and metrics use.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Semantic => "semantic",
            Self::Coalesced => "coalesced",
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Stale => "stale",
            Self::Static => "static",
            Self::Degraded => "degraded",
            Self::Guarded => "guarded",
        }
    }
}

/// Who wrote the answer that is coming in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A model, or what stood in for it.
    pub source: Source,
    /// The model's name; `None` for static, degraded and guarded answers.
    pub model: Option<Arc<str>>,
    /// How old a stale answer is.
    pub age: Option<Duration>,
    /// What of the question or the answer was lost between two wire formats.
    pub lost: Lost,
}

impl Origin {
    /// Somebody who understood every word.
    pub fn of(source: Source, model: Option<Arc<str>>) -> Self {
        Self { source, model, age: None, lost: Lost::default() }
    }
}
