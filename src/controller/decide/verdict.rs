//! What a policy wants, and why: also when it wants nothing. Logs, pages, the console and the tests read the same values.

use std::fmt;

use super::{episode::Episode, state::Record};
use crate::{
    clock::Timestamp,
    controller::{
        incident::{Action, Stage},
        order::Order,
    },
    ids::{AlarmName, PolicyName},
};

/// What a policy wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing, for this reason.
    Hold(Why),
    /// Something changes, for this reason.
    Move(Box<Move>, Why),
}

/// A change of an episode, with everything that must be written down together with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The episode as it will be.
    pub episode: Episode,
    /// An order to carry out.
    pub order: Option<Order>,
    /// Lines for the incident's timeline.
    pub notes: Vec<(Stage, String)>,
    /// What people must hear beyond the incident itself.
    pub tell: Option<Tell>,
    /// The policy's record, if it changes.
    pub record: Option<Record>,
}

impl Move {
    /// Nothing changed yet.
    pub fn of(episode: &Episode) -> Self {
        Self { episode: episode.clone(), order: None, notes: Vec::new(), tell: None, record: None }
    }

    /// Adds a line to the incident's timeline.
    pub fn note(&mut self, stage: Stage, text: impl Into<String>) {
        self.notes.push((stage, text.into()));
    }

    /// What it is, with its reason.
    pub fn because(self, why: Why) -> Verdict {
        Verdict::Move(Box::new(self), why)
    }
}

/// What people must hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Somebody has to look; the reason.
    Page(String),
    /// The remedy works; it stays until the alarm clears.
    InHand,
    /// A remedy was applied or taken back.
    Change(String),
}

/// Why a policy does what it does, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its trigger does not hold.
    NotTriggered,
    /// Nobody can tell whether its trigger holds: silence is not health, and no reason to act either.
    Blind {
        /// The alarm without data.
        alarm: AlarmName,
    },
    /// An alarm that rules this policy out holds, or nobody can tell.
    RuledOut {
        /// Which.
        alarm: AlarmName,
    },
    /// A suppressor holds back the alarm's actions.
    Suppressed {
        /// Which alarm.
        alarm: AlarmName,
        /// Why, in a sentence.
        why: String,
    },
    /// Its condition is false.
    ConditionFalse {
        /// The condition.
        condition: String,
        /// What the diagnosis says, if there is one.
        cause: Option<String>,
    },
    /// Nobody can tell whether its condition holds.
    ConditionUnknown {
        /// The condition.
        condition: String,
        /// What is missing.
        missing: String,
    },
    /// Somebody holds the controller.
    Held {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It acted a short while ago.
    CoolingDown {
        /// Until when.
        until: Timestamp,
    },
    /// Somebody else has the knob.
    HeldBy {
        /// What both want.
        target: String,
        /// Who has it.
        writer: String,
    },
    /// Its file says to watch only.
    ObserveOnly {
        /// What it would do.
        would: String,
    },
    /// A person has to say yes.
    AwaitingApproval {
        /// What to approve.
        episode: String,
    },
    /// Too many changes in a short time.
    BudgetSpent {
        /// Whose budget: the policy's or everybody's.
        whose: &'static str,
        /// When there is room again.
        until: Timestamp,
    },
    /// Everything stands as the policy wants it.
    AlreadyThere,
    /// It has dealt with this occurrence before, or was told not to.
    DealtWith,
    /// It failed several times in a row.
    LockedAfterFailures {
        /// How often.
        failures: u32,
    },
    /// An order is under way.
    CarryingOut {
        /// What.
        order: String,
        /// When to look again.
        until: Option<Timestamp>,
    },
    /// A `wait` step, or a pause between two steps back.
    Waiting {
        /// Until when.
        until: Timestamp,
    },
    /// It acted, and it is too early to tell.
    Verifying {
        /// When it must be clear.
        until: Timestamp,
    },
    /// Not every node has taken over the knobs: what is seen now proves nothing.
    Converging {
        /// Who lags, in words.
        nodes: String,
        /// When it must be clear whether the remedy helps.
        until: Timestamp,
    },
    /// The remedy is in force and still needed.
    InForce,
    /// The trigger cleared a moment ago: not yet believed.
    StayingClear {
        /// When it is.
        until: Timestamp,
    },
    /// A person has to look.
    Escalated,
    /// Its trigger holds and nothing stands in the way.
    Triggered {
        /// What happened.
        by: String,
    },
    /// Its episode goes on.
    Goes(&'static str),
}

impl Why {
    /// A short name for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotTriggered => "not_triggered",
            Self::Blind { .. } => "blind",
            Self::RuledOut { .. } => "ruled_out",
            Self::Suppressed { .. } => "suppressed",
            Self::ConditionFalse { .. } => "condition_false",
            Self::ConditionUnknown { .. } => "condition_unknown",
            Self::Held { .. } => "held",
            Self::CoolingDown { .. } => "cooling_down",
            Self::HeldBy { .. } => "held_by",
            Self::ObserveOnly { .. } => "observe_only",
            Self::AwaitingApproval { .. } => "awaiting_approval",
            Self::BudgetSpent { .. } => "budget_spent",
            Self::AlreadyThere => "already_there",
            Self::DealtWith => "dealt_with",
            Self::LockedAfterFailures { .. } => "locked_after_failures",
            Self::CarryingOut { .. } => "carrying_out",
            Self::Waiting { .. } => "waiting",
            Self::Verifying { .. } => "verifying",
            Self::Converging { .. } => "converging",
            Self::InForce => "in_force",
            Self::StayingClear { .. } => "staying_clear",
            Self::Escalated => "escalated",
            Self::Triggered { .. } => "triggered",
            Self::Goes(step) => step,
        }
    }

    /// When the reason may be gone by itself, to look again then.
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::CoolingDown { until }
            | Self::BudgetSpent { until, .. }
            | Self::Waiting { until }
            | Self::Verifying { until }
            | Self::Converging { until, .. }
            | Self::StayingClear { until } => Some(*until),
            Self::CarryingOut { until, .. } => *until,
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTriggered => f.write_str("its trigger does not hold"),
            Self::Blind { alarm } => write!(f, "{alarm} has no data: nobody can tell whether to act"),
            Self::RuledOut { alarm } => write!(f, "{alarm} rules it out"),
            Self::Suppressed { alarm, why } => write!(f, "the actions of {alarm} are held back: {why}"),
            Self::ConditionFalse { condition, cause: Some(cause) } => {
                write!(f, "`{condition}` is false: the cause is {cause}")
            }
            Self::ConditionFalse { condition, cause: None } => write!(f, "`{condition}` is false"),
            Self::ConditionUnknown { condition, missing } => write!(f, "`{condition}` cannot be told: {missing}"),
            Self::Held { by, reason } => write!(f, "{by} holds the controller: {reason}"),
            Self::CoolingDown { until } => write!(f, "it acted a short while ago and cools down until {until}"),
            Self::HeldBy { target, writer } => write!(f, "{writer} has {target}"),
            Self::ObserveOnly { would } => write!(f, "it only observes; it would {would}"),
            Self::AwaitingApproval { episode } => write!(f, "it waits for `banto approve {episode}`"),
            Self::BudgetSpent { whose, until } => write!(f, "{whose} budget of changes is used up until {until}"),
            Self::AlreadyThere => f.write_str("everything stands as it wants already"),
            Self::DealtWith => f.write_str("it has had its turn in this incident"),
            Self::LockedAfterFailures { failures } => {
                write!(f, "it failed {failures} times in a row and is locked; unlock it with `banto approve --unlock`")
            }
            Self::CarryingOut { order, .. } => write!(f, "under way: {order}"),
            Self::Waiting { until } => write!(f, "it waits until {until}"),
            Self::Verifying { until } => write!(f, "it acted; whether that helped shows by {until}"),
            Self::Converging { nodes, .. } => write!(f, "it acted; not every node follows yet: {nodes}"),
            Self::InForce => f.write_str("its remedy is in force and still needed"),
            Self::StayingClear { until } => write!(f, "clear; believed if it stays so until {until}"),
            Self::Escalated => f.write_str("it did what it may; a person has to look"),
            Self::Triggered { by } => write!(f, "{by}"),
            Self::Goes(step) => f.write_str(step),
        }
    }
}

/// What all policies want at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Each policy's verdict, with its reason.
    pub verdicts: std::collections::BTreeMap<PolicyName, Verdict>,
    /// When to decide again at the latest; `None`: when something changes.
    pub wake_at: Option<Timestamp>,
}

impl Verdict {
    /// Why.
    pub fn why(&self) -> &Why {
        match self {
            Self::Hold(why) | Self::Move(_, why) => why,
        }
    }
}

impl Action {
    /// What was changed, in the words of a person: `knob retry.max_attempts: 2 → 0`.
    pub fn words(&self) -> String {
        if self.from.is_empty() {
            self.action.clone()
        } else {
            format!("{}: {} → {}", self.action, self.from, self.to)
        }
    }
}
