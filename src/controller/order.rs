//! An order: one change to one thing, written down before it is made.
//!
//! Its status is a state machine that survives a crash: what was [`Status::Running`] when the process died is
//! [`Status::Unknown`] afterwards, and is looked at before anything is done again.

use serde::{Deserialize, Serialize};

use super::{actuator::Observed, alarm::Severity};
use crate::{
    clock::Timestamp,
    ids::{IntentId, PolicyName},
    units::TimeSpan,
};

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Written down, not begun.
    Planned,
    /// The call is under way.
    Running,
    /// It may or may not have happened: look.
    Unknown,
    /// It happened.
    Done,
    /// It did not, and will not.
    Failed,
}

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The call begins.
    Started,
    /// The call came back well.
    Succeeded,
    /// The target refused for good.
    Refused,
    /// No answer: it may have happened.
    Unanswered,
    /// The process died during the call.
    Restarted,
    /// Looked: it is as ordered.
    SeenDone,
    /// Looked: it is as before.
    SeenUndone,
    /// Nobody needs it any more, or nobody knows and nobody may repeat it.
    GivenUp,
}

/// A move that the state machine does not have: a bug, not an operator's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from:?} cannot take {event:?}")]
pub struct IllegalMove {
    /// Where it was.
    pub from: Status,
    /// What happened.
    pub event: Happened,
}

impl Status {
    /// The status after `event`.
    ///
    /// # Errors
    /// When the state machine has no such move.
    pub fn next(self, event: Happened) -> Result<Self, IllegalMove> {
        use Happened::{GivenUp, Refused, Restarted, SeenDone, SeenUndone, Started, Succeeded, Unanswered};
        Ok(match (self, event) {
            (Self::Planned, Started) => Self::Running,
            (Self::Planned, SeenDone) => Self::Done,
            (Self::Planned, Refused) => Self::Failed,
            (Self::Running, Succeeded) => Self::Done,
            (Self::Running, Refused) => Self::Failed,
            (Self::Running, Restarted | Unanswered) => Self::Unknown,
            (Self::Unknown, SeenDone) => Self::Done,
            (Self::Unknown, SeenUndone) => Self::Planned,
            (Self::Planned | Self::Unknown, GivenUp) => Self::Failed,
            (from, event) => return Err(IllegalMove { from, event }),
        })
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Why an order was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A step of a remedy.
    Apply,
    /// The remedy is still needed: a later deadline for the same value.
    Renew,
    /// The incident is over: back, perhaps only part of the way.
    Revert,
    /// The remedy did not help: back at once.
    RollBack,
}

/// The most entries that one clean-up may remove.
pub const MOST_REMOVED: u64 = crate::store::keeping::MOST_REMOVED;

/// A clean-up as an order has it: `run` makes each one different from the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanUpOrder {
    /// The episode it is done for.
    pub run: String,
    /// First what is over its intent's budget.
    #[serde(default)]
    pub budgets: bool,
    /// All entries of these intents.
    pub intents: Vec<IntentId>,
    /// And entries never hit that are older than this.
    pub unused_for: Option<TimeSpan>,
    /// At most so many.
    pub most: u64,
}

/// One change to one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Stable over restarts: `calm-a-backoff-storm@2026-11-20T10:22:05Z/1`. The idempotency token.
    pub id: String,
    /// The episode it belongs to.
    pub episode: String,
    /// The incident it belongs to.
    pub incident: String,
    /// Whose order it is.
    pub policy: PolicyName,
    /// How grave the incident is: who is told when it fails.
    pub severity: Severity,
    /// Why it was written.
    pub purpose: Purpose,
    /// Which step of the policy it carries out, from 0.
    pub step: usize,
    /// Which actuator: `knob`, `clean_up`, `invalidate`, `ssm`, `ecs` …
    pub kind: String,
    /// What is changed.
    pub target: String,
    /// To what.
    pub to: String,
    /// What the plan saw; `None` when it did not look, then the actuator looks first.
    pub expect: Option<Observed>,
    /// What it was just before the call; `None` before that.
    pub from: Option<String>,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// When the change must end by itself, where the target can enforce that.
    pub expires: Option<Timestamp>,
    /// Why, in a sentence.
    pub reason: String,
    /// How far it is.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was written.
    pub written: Timestamp,
}

impl Order {
    /// In a few words: `knob retry.max_attempts to 0`.
    pub fn words(&self) -> String {
        match self.kind.as_str() {
            "knob" => format!("set {} to {}", self.target, self.to),
            "clean_up" => "clean up low-value entries".to_owned(),
            "invalidate" => format!("invalidate {}", self.target),
            "warm" => format!("warm the cache for {}", self.target),
            "roll_back" => format!("take {} back to the version before", self.target),
            kind => format!("set {kind} {} to {}", self.target, self.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [Status; 5] = [Status::Planned, Status::Running, Status::Unknown, Status::Done, Status::Failed];

    #[test]
    fn what_was_under_way_at_a_crash_is_unknown_until_somebody_looks() {
        assert_eq!(Status::Running.next(Happened::Restarted), Ok(Status::Unknown));
        assert_eq!(Status::Unknown.next(Happened::SeenUndone), Ok(Status::Planned));
        assert!(Status::Unknown.next(Happened::Started).is_err(), "never act before looking");
    }

    #[test]
    fn a_finished_order_never_moves_again() {
        use Happened::*;
        let all = [Started, Succeeded, Refused, Unanswered, Restarted, SeenDone, SeenUndone, GivenUp];
        for status in STATES.into_iter().filter(|s| s.is_final()) {
            assert!(all.iter().all(|event| status.next(*event).is_err()));
        }
    }
}
