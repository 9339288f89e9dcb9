//! What is said of a delivery: how it came, what to do with it, what became of it.

use std::sync::Arc;

use serde::Serialize;

use crate::store::Tag;

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// By HTTP, with the operator's token.
    Http,
    /// By HTTP, signed by SNS.
    Sns,
    /// From a queue.
    Sqs,
}

impl Channel {
    pub(in crate::events) const ALL: [Self; 3] = [Self::Http, Self::Sns, Self::Sqs];

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What it makes void is void, and the controller was told.
    Applied,
    /// It means nothing here.
    Ignored,
    /// It was applied before.
    Duplicate,
    /// It could not be applied, and waits in the dead-letter store.
    Kept,
    /// It could not be applied, and its carrier has it still.
    Failed,
}

/// What became of an event, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The event's identity.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The mappings that matched.
    pub mappings: Vec<Arc<str>>,
    /// What became void.
    pub tags: Vec<Tag>,
    /// Why, or what else is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why a delivery was not taken; its sender has it still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody can make an event of it.
    #[error("{0}")]
    Unreadable(String),
    /// It is for a controller, and none runs here.
    #[error("no controller runs in this process; send events to the one that does")]
    Elsewhere,
    /// It could be neither applied nor kept.
    #[error("{0}")]
    Full(String),
}

/// What to do with an event that cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Keep it here: its carrier forgets it.
    Keep,
    /// Say so: its carrier brings it again.
    Leave,
}
