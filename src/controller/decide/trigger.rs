//! Whether what sets a policy off holds now.

use std::time::Duration;

use super::{Seen, policy::Policy, policy::Trigger, state::Record};
use crate::{clock::Timestamp, controller::alarm::AlarmState, ids::AlarmName};

/// Events and scheduled times older than this are history: a controller that was away does not make up for them.
const FRESH: Duration = Duration::from_secs(600);

/// Whether a trigger holds.
pub(super) enum Holds {
    /// It does.
    Yes(Occurrence),
    /// It does not, since then as far as known.
    No(Timestamp),
    /// Nobody can tell.
    Unknown(AlarmName),
}

/// One time that a trigger holds.
pub(super) struct Occurrence {
    /// Since when: what makes it different from other occurrences.
    pub(super) since: Timestamp,
    /// In words.
    pub(super) words: String,
}

/// Whether the trigger of a policy without an open episode holds.
pub(super) fn holds(policy: &Policy, record: &Record, seen: &Seen<'_>, now: Timestamp) -> Holds {
    let after = record.dealt_with.unwrap_or_default().max(now - FRESH);
    match &policy.when {
        Trigger::Alarm(alarm) => alarm_holds(alarm, seen, now),
        Trigger::Event { kind, about } => {
            let fits = |event: &&super::Event| {
                event.kind == *kind && event.subject.contains(about.as_str()) && event.at > after && event.at <= now
            };
            seen.events.iter().rev().find(fits).map_or(Holds::No(now), |event| {
                Holds::Yes(Occurrence { since: event.at, words: format!("{} of {}", event.kind, event.subject) })
            })
        }
        schedule @ Trigger::Schedule { .. } => schedule
            .scheduled(after, now)
            .map_or(Holds::No(now), |at| Holds::Yes(Occurrence { since: at, words: "its scheduled time came".into() })),
    }
}

/// Whether the trigger of an open episode still holds. What happens once is over as soon as it happened.
pub(super) fn still_holds(policy: &Policy, began: Timestamp, seen: &Seen<'_>, now: Timestamp) -> Holds {
    match &policy.when {
        Trigger::Alarm(alarm) => alarm_holds(alarm, seen, now),
        Trigger::Event { .. } | Trigger::Schedule { .. } => Holds::No(began),
    }
}

fn alarm_holds(alarm: &AlarmName, seen: &Seen<'_>, now: Timestamp) -> Holds {
    let Some(judged) = seen.alarms.get(alarm) else { return Holds::Unknown(alarm.clone()) };
    match judged.state {
        AlarmState::Alarm => {
            Holds::Yes(Occurrence { since: judged.since, words: format!("{alarm}: {}", judged.reason) })
        }
        AlarmState::Ok => Holds::No(judged.since.min(now)),
        AlarmState::InsufficientData => Holds::Unknown(alarm.clone()),
    }
}
