//! A policy that cannot be wrong any more: every name resolved, every value of the right kind and within bounds.

use std::{collections::BTreeSet, time::Duration};

use chrono_tz::Tz;

use crate::{
    clock::Timestamp,
    config::problem::Place,
    controller::{alarm::Severity, expression::Expression},
    ids::{AlarmName, IntentId, KnobName, PolicyName, TreeName},
    knob::{catalogue::Bounds, value::Value},
};

/// What to do when something holds, how to see whether it helped, and how to take it back.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// Where it stands in its file.
    pub place: Place,
    /// How grave its incident is.
    pub severity: Severity,
    /// What sets it off.
    pub when: Trigger,
    /// Alarms during which it does not start.
    pub unless: Vec<AlarmName>,
    /// The decision tree that names the cause.
    pub diagnose: Option<TreeName>,
    /// What must hold besides.
    pub condition: Option<Condition>,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// How long a temporary change holds by itself; renewed at half of that while it is needed.
    pub lasts: Duration,
    /// How far it may go alone.
    pub mode: Mode,
    /// The pause after an episode.
    pub cooldown: Duration,
    /// Episodes an hour, at most.
    pub most_per_hour: usize,
    /// How to see whether it helped; `None` when nothing is changed.
    pub verify: Option<Verify>,
    /// How to take it back.
    pub revert: Revert,
    /// Whether people hear of the incident at once, or only when this policy fails.
    pub tell: TellPeople,
    /// Who goes first when two want the same: the higher.
    pub priority: i64,
    /// Policies that are never in force together with this one.
    pub excludes: BTreeSet<PolicyName>,
    /// What a person should do, in words.
    pub runbook: String,
    /// Where to look.
    pub links: Vec<(String, String)>,
}

/// What sets a policy off.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// An alarm or composite that is on.
    Alarm(AlarmName),
    /// Something happened: an event of this kind whose subject contains the text.
    Event {
        /// `deployment`, `release`, `sale` …
        kind: String,
        /// Part of the subject; empty for any.
        about: String,
    },
    /// The calendar.
    Schedule {
        /// When, in cron's form with seconds; boxed because it is large.
        cron: Box<cron::Schedule>,
        /// Where the calendar hangs.
        zone: Tz,
    },
}

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As written.
    pub text: String,
    /// As understood.
    pub expression: Expression,
}

/// One step of a remedy.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub act: Act,
    /// Only if this holds; looked at again while the trigger holds.
    pub condition: Option<Condition>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Turns a knob.
    Set(SetKnob),
    /// Removes low-value entries from the cache.
    CleanUp {
        /// First what is over its intent's budget.
        budgets: bool,
        /// All entries of these intents.
        intents: Vec<IntentId>,
        /// And entries never hit that are older than this.
        unused_for: Option<Duration>,
        /// At most so many.
        most: u64,
    },
    /// Makes entries with these tags void; never empty.
    Invalidate(Vec<String>),
    /// Changes something outside, through the actuator of this kind.
    Outside {
        /// One of [`OUTSIDE`](super::validate::OUTSIDE).
        kind: String,
        /// What is changed.
        target: String,
        /// To what.
        to: String,
    },
    /// Tells people something.
    Notify(String),
    /// Waits.
    Wait(Duration),
}

/// A knob and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct SetKnob {
    /// Which.
    pub knob: KnobName,
    /// Its value while the remedy is in force.
    pub to: Value,
    /// Its configured value.
    pub default: Value,
    /// The knob's bounds, tightened by the policy's.
    pub bounds: Bounds,
    /// How long until the change shows.
    pub time_to_effect: Duration,
    /// The change is made at a moment within this span, so that fleets side by side do not jump together.
    pub stagger: Duration,
    /// Where it stands in its file.
    pub place: Place,
}

/// How far a policy may go alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It only says what it would do.
    Observe,
    /// A person says yes first.
    Approve,
    /// It acts.
    #[default]
    Auto,
}

/// When people hear of the incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TellPeople {
    /// When it begins.
    #[default]
    AtOnce,
    /// Only if the policy cannot deal with it.
    OnFailure,
}

/// How to see whether a remedy helped.
#[derive(Clone, Debug)]
pub struct Verify {
    /// What must become true, and stay so.
    pub that: Condition,
    /// By when, counted from the last step.
    pub within: Duration,
    /// For how many looks in a row (one a second) it must be true; also the fewest looks at which anybody must be able to
    /// tell before the end counts as a failure rather than as unknown.
    pub at_least: u32,
    /// What to do when nobody can tell.
    pub on_unknown: OnUnknown,
    /// What to do when it did not help.
    pub otherwise: Otherwise,
}

/// What to do when nobody can tell whether a remedy helped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Take it back and call a person.
    Rollback,
    /// Keep it, and say so.
    #[default]
    Hold,
    /// Keep it, as if it had helped.
    Continue,
}

/// What to do when a remedy did not help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Take it back and call a person.
    #[default]
    RollbackAndEscalate,
    /// Keep it and call a person.
    Escalate,
}

/// How a remedy is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revert {
    /// How long the trigger must be clear first.
    pub clear_for: Duration,
    /// How long the way back takes for numbers; words and switches return at its end.
    pub over: Duration,
    /// In how many steps.
    pub steps: u32,
    /// The last change first.
    pub reverse: bool,
}

impl Policy {
    /// Everything it may change: `knob retry.max_attempts`.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| match &step.act {
            Act::Set(set) => Some(("knob", &*set.knob)),
            Act::Outside { kind, target, .. } => Some((kind.as_str(), target.as_str())),
            Act::CleanUp { .. } => Some(("clean_up", "cache")),
            Act::Invalidate(_) | Act::Notify(_) | Act::Wait(_) => None,
        })
    }

    /// The knob of a step, if it turns one.
    pub fn knob(&self, step: usize) -> Option<&SetKnob> {
        match &self.steps.get(step)?.act {
            Act::Set(set) => Some(set),
            _ => None,
        }
    }

    /// How long until its changes show: the slowest of them.
    pub fn time_to_effect(&self) -> Duration {
        self.steps.iter().map(|step| step.act.time_to_effect()).max().unwrap_or_default()
    }

    /// What it would do, in a line.
    pub fn words(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(Step::words).collect();
        steps.join(", then ")
    }
}

impl Act {
    /// How long until what it does shows.
    pub fn time_to_effect(&self) -> Duration {
        match self {
            Self::Set(set) => set.time_to_effect,
            Self::Outside { kind, .. } => match kind.as_str() {
                // AWS brings up the new nodes, copies, and fails over.
                "elasticache_node_type" => Duration::from_secs(900),
                "elasticache_parameter" | "cdn_invalidation" => Duration::from_secs(60),
                _ => Duration::ZERO,
            },
            _ => Duration::ZERO,
        }
    }
}

impl Step {
    /// In words: `set retry.max_attempts to 0`.
    pub fn words(&self) -> String {
        let act = match &self.act {
            Act::Set(set) => format!("set {} to {}", set.knob, set.to),
            Act::CleanUp { most, .. } => format!("remove at most {most} low-value entries from the cache"),
            Act::Invalidate(tags) => format!("invalidate {}", tags.join(", ")),
            Act::Outside { kind, target, to } => format!("set {kind} {target} to {to}"),
            Act::Notify(text) => format!("tell people \u{201c}{text}\u{201d}"),
            Act::Wait(span) => format!("wait {}", crate::units::TimeSpan(*span)),
        };
        match &self.condition {
            Some(condition) => format!("{act} if {}", condition.text),
            None => act,
        }
    }
}

impl Trigger {
    /// The newest scheduled time in `(after, until]`; `None` for other triggers or when there is none.
    pub fn scheduled(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let Self::Schedule { cron, zone } = self else { return None };
        let times = cron.after(&after.to_utc().with_timezone(zone)).take_while(|at| at.timestamp_millis() <= until.0);
        times.take(1_000).last().map(|at| Timestamp(at.timestamp_millis()))
    }

    /// The next scheduled time; `None` for other triggers.
    pub fn next_time(&self, after: Timestamp) -> Option<Timestamp> {
        let Self::Schedule { cron, zone } = self else { return None };
        cron.after(&after.to_utc().with_timezone(zone)).next().map(|at| Timestamp(at.timestamp_millis()))
    }
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Alarm(alarm) => write!(f, "alarm {alarm}"),
            Self::Event { kind, about } if about.is_empty() => write!(f, "event {kind}"),
            Self::Event { kind, about } => write!(f, "event {kind} about {about}"),
            Self::Schedule { cron, zone } => write!(f, "schedule {cron} ({zone})"),
        }
    }
}
