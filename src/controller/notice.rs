//! What people are told.

use serde::{Deserialize, Serialize};

use super::alarm::Severity;
use crate::clock::Timestamp;

/// One thing to tell people. Written to the outbox with the state change that it reports, delivered at least once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable over retries and restarts; receivers may drop repeats by it.
    pub id: String,
    /// The same for every notice of one alarm episode: PagerDuty's `dedup_key`. At most 255 bytes.
    pub dedup_key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// How grave.
    pub severity: Severity,
    /// When it was written.
    pub at: Timestamp,
    /// One line: what happened to what. At most 1,024 bytes.
    pub summary: String,
    /// What happened, evidence, what was done, what to do next: text for people.
    pub body: String,
    /// Where to look: dashboards, runbooks.
    pub links: Vec<(String, String)>,
}

/// What a notice does at the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// An incident began, got worse, or needs somebody.
    Trigger,
    /// Somebody (or the controller) has it in hand.
    Acknowledge,
    /// It is over. An obligation: what was triggered is resolved, whatever happens between.
    Resolve,
    /// A remedy was applied or taken back; never wakes anybody.
    Change,
}
