//! The life of a remedy: from a trigger to the moment when nothing of it is left.
//!
//! ```text
//! Proposed ─▶ Acting ─▶ Verifying ─▶ Holding ─▶ Reverting ─▶ Closed
//!    │          │           │           ▲  ▲        │
//!    │          └────┬──────┘           │  └────────┘ the alarm came back
//!    ▼               ▼                  │
//!  Closed       RollingBack ─▶ Escalated ─▶ Reverting (what was left in force)
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    controller::{
        incident::Outcome,
        order::{Order, Purpose, Status},
    },
    ids::PolicyName,
};

/// Kinds of changes that nothing takes back.
pub const NO_WAY_BACK: [&str; 7] =
    ["clean_up", "warm", "invalidate", "roll_back", "ecs_deployment", "cdn_invalidation", "elasticache_node_type"];

/// Where an episode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A person has to say yes.
    Proposed,
    /// Its steps are being carried out.
    Acting,
    /// Did it help?
    Verifying,
    /// In force until the trigger clears.
    Holding,
    /// Being taken back, gradually.
    Reverting,
    /// Being taken back, at once.
    RollingBack,
    /// A person has to look; the policy does nothing more.
    Escalated,
    /// Over.
    Closed,
}

/// What moves an episode on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A person said yes.
    Approved,
    /// A person said no, or it is no longer needed.
    Dismissed,
    /// Every step is carried out.
    Acted,
    /// A step that was left out is needed now.
    Further,
    /// Verification passed, or cannot tell and the policy wants to keep the remedy.
    Kept,
    /// It did not help, could not be carried out, or cannot be trusted: take it back.
    Failed,
    /// A person must look; what is in force stays.
    Handed,
    /// The trigger cleared and stayed clear.
    Cleared,
    /// The trigger is back.
    Returned,
    /// Nothing of it is left.
    Undone,
    /// A person turned the same knob: their decision stands.
    TakenOver,
}

/// A move that the life of an episode does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an episode that is {from:?} cannot take {turn:?}")]
pub struct IllegalTurn {
    /// Where it was.
    pub from: Phase,
    /// What happened.
    pub turn: Turn,
}

impl Phase {
    /// The phase after `turn`.
    ///
    /// # Errors
    /// When the life of an episode has no such move.
    pub fn next(self, turn: Turn) -> Result<Self, IllegalTurn> {
        use Turn::{Acted, Approved, Cleared, Dismissed, Failed, Further, Handed, Kept, Returned, TakenOver, Undone};
        Ok(match (self, turn) {
            (Self::Proposed, Approved) => Self::Acting,
            (Self::Proposed, Dismissed) => Self::Closed,
            (Self::Acting, Acted) => Self::Verifying,
            (Self::Verifying | Self::Holding, Further) => Self::Acting,
            (Self::Verifying, Kept) => Self::Holding,
            (Self::Holding | Self::Escalated, Cleared) => Self::Reverting,
            (Self::Holding | Self::Reverting, Returned) => Self::Acting,
            (Self::Reverting, Undone) => Self::Closed,
            (Self::Acting | Self::Verifying | Self::Holding, Failed) => Self::RollingBack,
            (Self::RollingBack, Undone) => Self::Escalated,
            (Self::Acting | Self::Verifying | Self::Holding | Self::Reverting | Self::RollingBack, Handed) => {
                Self::Escalated
            }
            (Self::Acting | Self::Verifying | Self::Holding | Self::Reverting, TakenOver) => Self::Closed,
            (from, turn) => return Err(IllegalTurn { from, turn }),
        })
    }
}

/// How far one step of the policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Not reached.
    Pending,
    /// An order is written.
    Ordered,
    /// Carried out.
    Done,
    /// Left out: its condition was false or nobody could tell. Looked at again while the trigger holds.
    Skipped,
}

/// A change that is in force because of this episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Which step made it.
    pub step: usize,
    /// Which actuator.
    pub kind: String,
    /// What was changed.
    pub target: String,
    /// What it was before: where it returns to.
    pub from: String,
    /// What it is now, as far as we set it.
    pub to: String,
    /// Until when it holds by itself.
    pub expires: Option<Timestamp>,
    /// The value of the remedy, from which a gradual return starts.
    pub peak: String,
}

/// What verification has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Looks in a row at which the condition was true.
    pub streak: u32,
    /// Looks at which anybody could tell.
    pub known: u32,
    /// The last look that counted.
    pub last: Option<Timestamp>,
}

/// One use of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// `calm-a-backoff-storm@2026-11-20T10:22:05Z`.
    pub id: String,
    /// Whose.
    pub policy: PolicyName,
    /// The incident it belongs to.
    pub incident: String,
    /// When it began.
    pub began: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// How far each step is.
    pub steps: Vec<Progress>,
    /// The next step may start then (`wait`).
    pub resume_at: Timestamp,
    /// What is in force, in the order it was made.
    pub applied: Vec<Applied>,
    /// The order under way, if any; one at a time.
    pub order: Option<Order>,
    /// How many orders were written: numbers them.
    pub orders: u32,
    /// Why the last order failed, until that is dealt with.
    pub failure: Option<String>,
    /// What verification has seen.
    pub samples: Samples,
    /// How often the trigger came back while the remedy was being taken back.
    pub returns: u32,
    /// How it ended, as far as known.
    pub outcome: Option<Outcome>,
    /// Who approved it.
    pub approved_by: Option<String>,
}

impl Episode {
    /// An episode that begins now.
    pub fn begin(policy: &PolicyName, incident: &str, steps: usize, phase: Phase, now: Timestamp) -> Self {
        Self {
            id: format!("{policy}@{now}"),
            policy: policy.clone(),
            incident: incident.to_owned(),
            began: now,
            phase,
            since: now,
            steps: vec![Progress::Pending; steps],
            resume_at: now,
            applied: Vec::new(),
            order: None,
            orders: 0,
            failure: None,
            samples: Samples::default(),
            returns: 0,
            outcome: None,
            approved_by: None,
        }
    }

    /// Moves on. A turn that the phase does not have leaves it where it is, which a test shows never to be asked for.
    pub fn turn(&mut self, turn: Turn, now: Timestamp) {
        let next = self.phase.next(turn);
        debug_assert!(next.is_ok(), "{next:?}");
        if let Ok(phase) = next {
            self.phase = phase;
            self.since = now;
            self.samples = Samples::default();
        }
    }

    /// Takes in how the order under way ended.
    pub fn settle(&mut self, ended: &Order) {
        let done = ended.status == Status::Done;
        self.order = None;
        if let Some(step) = self.steps.get_mut(ended.step).filter(|step| **step == Progress::Ordered) {
            *step = if done { Progress::Done } else { Progress::Skipped };
        }
        match (done, ended.purpose) {
            (false, _) => self.failure = Some(ended.error.clone().unwrap_or_else(|| "no reason was given".into())),
            (true, Purpose::Apply) => self.note_applied(ended),
            (true, Purpose::Renew) => {
                if let Some(applied) = self.applied_to(ended) {
                    applied.expires = ended.expires;
                }
            }
            (true, Purpose::Revert | Purpose::RollBack) => self.note_taken_back(ended),
        }
    }

    fn note_applied(&mut self, order: &Order) {
        if NO_WAY_BACK.contains(&order.kind.as_str()) {
            return;
        }
        if order.from.as_deref() == Some(order.to.as_str()) {
            return; // it stood there before us: not ours to take back
        }
        match self.applied_to(order) {
            Some(known) => (known.to, known.expires) = (order.to.clone(), order.expires),
            None => self.applied.push(Applied {
                step: order.step,
                kind: order.kind.clone(),
                target: order.target.clone(),
                from: order.from.clone().unwrap_or_default(),
                to: order.to.clone(),
                expires: order.expires,
                peak: order.to.clone(),
            }),
        }
    }

    fn note_taken_back(&mut self, order: &Order) {
        if let Some(applied) = self.applied_to(order) {
            applied.to.clone_from(&order.to);
            applied.expires = order.expires;
        }
        self.applied.retain(|applied| applied.to != applied.from);
    }

    fn applied_to(&mut self, order: &Order) -> Option<&mut Applied> {
        self.applied.iter_mut().find(|applied| applied.kind == order.kind && applied.target == order.target)
    }

    /// The id of the next order.
    pub fn next_order_id(&mut self) -> String {
        self.orders += 1;
        format!("{}/{}", self.id, self.orders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_episode_stays_closed() {
        use Turn::*;
        let all = [Approved, Dismissed, Acted, Further, Kept, Failed, Handed, Cleared, Returned, Undone, TakenOver];
        assert!(all.iter().all(|turn| Phase::Closed.next(*turn).is_err()));
    }

    #[test]
    fn an_alarm_that_returns_while_a_remedy_is_taken_back_brings_the_remedy_back() {
        assert_eq!(Phase::Reverting.next(Turn::Returned), Ok(Phase::Acting));
    }

    #[test]
    fn what_did_not_help_is_rolled_back_before_a_person_is_called() {
        let rolling = Phase::Verifying.next(Turn::Failed).expect("verification can fail");
        assert_eq!(rolling.next(Turn::Undone), Ok(Phase::Escalated));
    }
}
