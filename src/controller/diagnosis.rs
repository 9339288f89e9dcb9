//! What a diagnosis found.

use serde::{Deserialize, Serialize};

use crate::ids::{Cause, TreeName};

/// The cause of an incident, with the way it was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Which tree was walked.
    pub tree: TreeName,
    /// The cause; `None` when the tree ended at a question that nobody could answer.
    pub cause: Option<Cause>,
    /// The cause in words for people.
    pub summary: String,
    /// The questions on the way, with their answers and evidence.
    pub path: Vec<Answered>,
    /// Questions that could not be answered, with the reason.
    pub unanswered: Vec<String>,
}

/// One question on the way to a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// In words.
    pub question: String,
    /// The answer taken.
    pub answer: bool,
    /// What it was read from: `sum model.throttles over 1m = 412`.
    pub evidence: Vec<String>,
}
