//! An incident from detection to the end, as data: the console, the drills and the post-mortem read the same timeline.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{alarm::Severity, diagnosis::Diagnosis};
use crate::{
    clock::Timestamp,
    ids::{AlarmName, PolicyName},
};

/// How many entries of its timeline an incident keeps; older ones make room.
const TIMELINE: usize = 500;

/// One occurrence of an alarm (or of an event that a policy waits for), until it is over and every remedy is undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// `CacheStampedeDetected@2026-11-20T15:00:12Z`: also the `dedup_key` of its notices.
    pub id: String,
    /// The alarm; `None` when an event or a schedule began it.
    pub alarm: Option<AlarmName>,
    /// How grave.
    pub severity: Severity,
    /// When the alarm went off.
    pub opened: Timestamp,
    /// What the alarm said.
    pub reason: String,
    /// When the alarm cleared; `None` while it is on.
    pub cleared: Option<Timestamp>,
    /// When everything was undone; `None` while something is in force.
    pub closed: Option<Timestamp>,
    /// What was found to be the cause.
    pub diagnosis: Option<Diagnosis>,
    /// Why each policy of this alarm does nothing, in words.
    pub guards: BTreeMap<PolicyName, String>,
    /// Whether people were told, and not yet that it is over.
    pub told: bool,
    /// How many notices were written about it: numbers them.
    pub notices: u32,
    /// Changes made in it.
    pub actions: Vec<Action>,
    /// What happened, oldest first.
    pub timeline: VecDeque<Entry>,
}

/// A change that was made to help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// When it was done.
    pub at: Timestamp,
    /// Whose it was.
    pub policy: PolicyName,
    /// What was changed: `knob retry.max_attempts`.
    pub action: String,
    /// What it was.
    pub from: String,
    /// What it became.
    pub to: String,
    /// What verification said; `None` before.
    pub verdict: Option<Outcome>,
    /// When it was taken back, wholly.
    pub undone: Option<Timestamp>,
}

/// How a remedy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It helped: the condition became true and stayed true.
    Pass,
    /// It did not help, or could not be carried out.
    Fail,
    /// Nobody can tell: too few samples, or a person took over.
    Inconclusive,
}

/// A stage of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stage {
    Detected,
    Diagnosed,
    Proposed,
    Approved,
    Acted,
    Skipped,
    Refused,
    Verified,
    Escalated,
    Cleared,
    Returned,
    Reverted,
    Note,
    Closed,
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub stage: Stage,
    /// Whose doing, if a policy's.
    pub policy: Option<PolicyName>,
    /// In words.
    pub text: String,
}

impl Incident {
    /// An incident that begins.
    pub fn opening(id: String, alarm: Option<AlarmName>, severity: Severity, at: Timestamp, reason: &str) -> Self {
        let mut incident = Self {
            id,
            alarm,
            severity,
            opened: at,
            reason: reason.to_owned(),
            cleared: None,
            closed: None,
            diagnosis: None,
            guards: BTreeMap::new(),
            told: false,
            notices: 0,
            actions: Vec::new(),
            timeline: VecDeque::new(),
        };
        incident.note(at, Stage::Detected, None, reason);
        incident
    }

    /// Adds a line to the timeline.
    pub fn note(&mut self, at: Timestamp, stage: Stage, policy: Option<&PolicyName>, text: impl Into<String>) {
        if self.timeline.len() == TIMELINE {
            self.timeline.pop_front();
        }
        self.timeline.push_back(Entry { at, stage, policy: policy.cloned(), text: text.into() });
    }

    /// When a stage was first reached; `None` if never.
    pub fn first(&self, stage: Stage) -> Option<Timestamp> {
        self.timeline.iter().find(|entry| entry.stage == stage).map(|entry| entry.at)
    }
}
