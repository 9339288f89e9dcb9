//! When the actions of a composite are held back: its suppressor, with a wait and an extension period.
//!
//! After a transition the composite waits for its suppressor to alarm. If that happens its actions are held back, and go
//! on being held back for the extension period after the suppressor has cleared. When a period ends, the actions of the
//! state of *that* moment are due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::AlarmName};

/// Who may hold back a composite's actions, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressor {
    /// The alarm that holds them back while it is in ALARM.
    pub alarm: AlarmName,
    /// How long to wait for it to alarm after a transition.
    pub wait: Duration,
    /// How long to go on after it has cleared.
    pub extension: Duration,
}

/// Whether a composite's actions may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// They may.
    #[default]
    Open,
    /// The suppressor may still alarm.
    Waiting {
        /// Until when it is waited for.
        until: Timestamp,
    },
    /// The suppressor is in ALARM.
    Suppressed,
    /// The suppressor has cleared a short while ago.
    Extending {
        /// Until when actions are still held back.
        until: Timestamp,
    },
}

impl Gate {
    /// The gate after one look. `transitioned`: the composite changed its state at this look; `alarming`: the suppressor
    /// is in ALARM.
    pub fn after(self, suppressor: &Suppressor, transitioned: bool, alarming: bool, now: Timestamp) -> Self {
        let wait = |span: Duration| if span.is_zero() { Self::Open } else { Self::Waiting { until: now + span } };
        let extend = |span: Duration| if span.is_zero() { Self::Open } else { Self::Extending { until: now + span } };
        match self {
            Self::Open if !transitioned => Self::Open,
            _ if alarming => Self::Suppressed,
            Self::Open => wait(suppressor.wait),
            Self::Waiting { .. } if transitioned => wait(suppressor.wait),
            Self::Suppressed => extend(suppressor.extension),
            Self::Waiting { until } | Self::Extending { until } if now >= until => Self::Open,
            held => held,
        }
    }

    /// Why actions are held back, in a sentence; `None` when they may run.
    pub fn reason(self, suppressor: &Suppressor) -> Option<String> {
        let alarm = &suppressor.alarm;
        match self {
            Self::Open => None,
            Self::Waiting { until } => Some(format!("waiting until {until} whether {alarm} explains this")),
            Self::Suppressed => Some(format!("held back while {alarm} is in ALARM")),
            Self::Extending { until } => Some(format!("held back until {until}, after {alarm} has cleared")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through looks (second, transitioned, suppressor alarming) and tells at which seconds actions may run.
    fn open_at(looks: &[(i64, bool, bool)]) -> Vec<i64> {
        let suppressor = Suppressor {
            alarm: "Maintenance".into(),
            wait: Duration::from_secs(60),
            extension: Duration::from_secs(30),
        };
        let mut gate = Gate::Open;
        let mut open = Vec::new();
        for (second, transitioned, alarming) in looks {
            gate = gate.after(&suppressor, *transitioned, *alarming, Timestamp(second * 1_000));
            if gate == Gate::Open {
                open.push(*second);
            }
        }
        open
    }

    #[test]
    fn without_its_suppressor_a_composite_acts_when_the_wait_is_over() {
        assert_eq!(open_at(&[(0, true, false), (59, false, false), (60, false, false)]), [60]);
    }

    #[test]
    fn a_suppressor_that_alarms_in_time_holds_actions_back_until_its_extension_is_over() {
        let looks = [(0, true, false), (30, false, true), (300, false, true), (301, false, false), (331, false, false)];
        assert_eq!(open_at(&looks), [331]);
    }

    #[test]
    fn a_new_transition_restarts_the_wait() {
        assert_eq!(open_at(&[(0, true, false), (50, true, false), (60, false, false), (110, false, false)]), [110]);
    }

    #[test]
    fn a_suppressor_that_alarms_later_holds_nothing_back_that_was_free() {
        assert_eq!(open_at(&[(0, false, false), (1, false, true)]), [0, 1]);
    }

    #[test]
    fn a_suppressor_that_returns_during_the_extension_goes_on() {
        let looks = [(0, true, true), (10, false, false), (20, false, true), (45, false, true), (46, false, false)];
        assert_eq!(open_at(&looks), Vec::<i64>::new());
    }
}
