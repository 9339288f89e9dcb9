//! Effects: the hands of the controller. Each actuator observes before it acts, acts conditionally and can be asked again
//! what is there now, so that a replay after a crash is safe.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The present state of the thing to be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Its value, as text: `0.96`, `25`, `normal`.
    pub value: String,
    /// Grows with every change where the service has such a number; compared before writing.
    pub version: Option<u64>,
}

impl Observed {
    /// Whether the present state still is what a plan expected: the version where there is one, else the value.
    ///
    /// # Errors
    /// [`ActError::Moved`] when somebody changed it meanwhile.
    pub fn must_be(&self, target: &str, expected: &Self) -> Result<(), ActError> {
        let same = match (self.version, expected.version) {
            (Some(found), Some(expected)) => found == expected,
            _ => self.value == expected.value,
        };
        let moved = || ActError::Moved {
            target: target.to_owned(),
            found: self.value.clone(),
            expected: expected.value.clone(),
        };
        same.then_some(()).ok_or_else(moved)
    }
}

/// How an effect can be repeated after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// Setting it twice is the same as once.
    Safe,
    /// Look first; repeat only when it is seen undone.
    LookFirst,
    /// Never repeated: a person decides.
    Never,
}

/// Why an effect was not brought about.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Somebody else changed it meanwhile: plan again.
    #[error("{target} is {found} now, not {expected} as planned; somebody else changes it. Look again before acting")]
    Moved {
        /// What was to be changed.
        target: String,
        /// What it is.
        found: String,
        /// What the plan expected.
        expected: String,
    },
    /// The target refuses it for good: bounds, rights, no such thing. The text says what to do.
    #[error("{0}")]
    Refused(String),
    /// No answer, or an overloaded service: it may or may not have happened. Try again later.
    #[error("{0}")]
    Unsure(String),
}

/// Something that can be observed and set.
#[async_trait]
pub trait Actuator: Send + Sync {
    /// What is there now.
    ///
    /// # Errors
    /// [`ActError::Refused`] when there is no such target, [`ActError::Unsure`] when the service does not answer.
    async fn observe(&self, target: &str) -> Result<Observed, ActError>;

    /// Sets `target` to `to` if it still is what `expected` says.
    ///
    /// # Errors
    /// See [`ActError`].
    async fn set(&self, target: &str, to: &str, expected: &Observed, stamp: &Stamp) -> Result<(), ActError>;

    /// How it can be repeated.
    fn replay(&self) -> Replay;
}

/// Who acts and why, for the target's own history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// `policy:calm-a-backoff-storm`.
    pub author: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The incident.
    pub incident: String,
    /// The order's id: the idempotency token where the service takes one.
    pub token: String,
    /// When the change must end by itself, where the target can enforce that.
    pub expires: Option<crate::clock::Timestamp>,
}
