//! How a model fails, in few words: the class decides about retry, breaker and message; the rest is for the log.

use std::{fmt, sync::Arc, time::Duration};

/// What kind of failure it was. `label` is what metrics show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The model refuses for its own load: 429, ThrottlingException.
    Throttled,
    /// The model says that it is overloaded or unavailable: 503, 529, ServiceUnavailable.
    Overloaded,
    /// Any other 5xx.
    Server,
    /// A deadline of ours passed.
    Timeout,
    /// No connection.
    Connect,
    /// The answer broke off.
    Cut,
    /// The answer cannot be read.
    Garbage,
    /// The request is wrong (400, 422): asking again cannot help.
    Invalid,
    /// Our credentials or the model's name are wrong (401, 403, 404).
    Refused,
    /// An error of a kind never seen before.
    Unknown,
    /// Nothing was sent: pool full, breaker open, attempts or time used up.
    NotSent,
}

impl Class {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Cut => "cut",
            Self::Garbage => "garbage",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
        }
    }

    /// Whether the same request may succeed elsewhere or later.
    pub fn may_pass(self) -> bool {
        !matches!(self, Self::Invalid)
    }
}

/// One failure. Cheap to clone: every reader of an answer may get it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind.
    pub class: Class,
    /// The provider's code, cleaned to letters, digits and `_`, at most 64: for counting new codes.
    pub code: Option<Arc<str>>,
    /// The provider's Retry-After.
    pub retry_after: Option<Duration>,
    /// What happened, for the log; never shown to a user.
    pub detail: Arc<str>,
}

impl Failure {
    /// A failure with its story.
    pub fn new(class: Class, detail: impl Into<Arc<str>>) -> Self {
        Self { class, code: None, retry_after: None, detail: detail.into() }
    }

    /// The writer went away without an end.
    pub fn abandoned() -> Self {
        Self::new(Class::Cut, "the task that was writing the answer ended early")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.label(), self.detail)
    }
}

impl std::error::Error for Failure {}
