//! Things that happened around the engine: deployments, releases, calendar entries. Evidence for diagnoses.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What kind: `deployment`, `release`, `sale`, `invalidation`.
    pub kind: String,
    /// What it concerned: `prompt v2.4`, `Jujutsu Kaisen 30`.
    pub subject: String,
    /// More, as the sender told it.
    #[serde(default)]
    pub details: std::collections::BTreeMap<String, String>,
}
