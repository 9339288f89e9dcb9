//! What an alarm can say.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::AlarmName};

/// The state of an alarm, as CloudWatch has it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// The rule does not hold.
    Ok,
    /// The rule holds.
    Alarm,
    /// Nobody can tell.
    #[default]
    InsufficientData,
}

impl std::fmt::Display for AlarmState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        })
    }
}

/// How grave an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Severity {
    /// Wake somebody now.
    P1,
    /// Soon.
    P2,
    /// In working hours.
    P3,
}

/// How an alarm or composite stands, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Which.
    pub alarm: AlarmName,
    /// How it stands.
    pub state: AlarmState,
    /// Since when.
    pub since: Timestamp,
    /// Why, in a sentence with numbers: `3 of 3 points above 100: 120, 131, 140`.
    pub reason: String,
    /// The points it was decided on, oldest first.
    pub points: Vec<Option<f64>>,
    /// Why the rule cannot be evaluated properly (source failing, error in the rule), if so.
    pub impaired: Option<String>,
    /// Whether it ever had a point: a rule that never had data is probably wrong.
    pub ever_had_data: bool,
}
