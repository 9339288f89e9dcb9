//! How a call to AWS fails, in the only three ways that matter to whoever made it.

use crate::controller::actuator::ActError;

/// Why a call did not do what it was to do. The text says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// AWS will not do it, however often it is asked: rights, a wrong name, a wrong value.
    #[error("{text}")]
    Refused {
        /// AWS's code: `AccessDenied`, `ResourceNotFoundException`.
        code: String,
        /// What, why, and what to do.
        text: String,
    },
    /// Too many calls: AWS will do it later.
    #[error("{0}")]
    Throttled(String),
    /// No answer, or an error on their side: it may or may not have happened.
    #[error("{0}")]
    Unsure(String),
}

impl Fault {
    /// A refusal of our own, before AWS is asked.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused { code: String::new(), text: text.into() }
    }

    /// Whether AWS says that there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code.contains("NotFound"))
    }
}

impl From<Fault> for ActError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { text, .. } => Self::Refused(text),
            Fault::Throttled(text) | Fault::Unsure(text) => Self::Unsure(text),
        }
    }
}
