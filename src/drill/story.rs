//! What happened in a run, by time: what the world did, what the controller saw, said and did.

use super::{offset::Offset, watched::Watched};
use crate::controller::alarm::AlarmState;

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// In words, by time.
    pub notes: Vec<Note>,
    /// How alarms turned.
    pub alarms: Vec<AlarmTurn>,
    /// How knobs were turned.
    pub knobs: Vec<KnobTurn>,
    /// The time within which 95 % of the last day's writes were kept. Unit: milliseconds. `None`: no writes, or no time.
    pub write_ms: Option<f64>,
    /// Answers that were told although they say what may not be said, and those of them that were never revised. `None`: the
    /// world has no guardrail.
    pub forbidden: Option<(u64, u64)>,
    /// The highest limit that was in force. Unit: requests a second.
    pub highest_limit: Option<f64>,
    /// The controller's own times and actions; `None` in a run without it.
    pub watched: Option<Watched>,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Offset,
    /// Who speaks.
    pub of: NoteOf,
    /// What happened, in a sentence.
    pub text: String,
}

/// Who a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteOf {
    /// The world broke or mended something.
    World,
    /// An alarm turned.
    Alarm,
    /// A cause was found.
    Diagnosis,
    /// Something was done or taken back.
    Action,
    /// Something was looked at, weighed or left alone.
    Check,
}

impl NoteOf {
    /// The word for it in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Alarm => "alarm",
            Self::Diagnosis => "cause",
            Self::Action => "action",
            Self::Check => "check",
        }
    }
}

/// An alarm that changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmTurn {
    /// When.
    pub at: Offset,
    /// Which.
    pub alarm: String,
    /// What it says from now on.
    pub to: AlarmState,
}

/// A knob that was turned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnobTurn {
    /// When.
    pub at: Offset,
    /// Which.
    pub knob: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
    /// By whom.
    pub author: String,
    /// Whether it stands at its configured value now.
    pub home: bool,
}
