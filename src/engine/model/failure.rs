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

    /// Every class, for metrics.
    pub const ALL: [Self; 11] = [
        Self::Throttled,
        Self::Overloaded,
        Self::Server,
        Self::Timeout,
        Self::Connect,
        Self::Cut,
        Self::Garbage,
        Self::Invalid,
        Self::Refused,
        Self::Unknown,
        Self::NotSent,
    ];

    /// Whether the same request may succeed elsewhere or later.
    pub fn may_pass(self) -> bool {
        !matches!(self, Self::Invalid)
    }

    /// Whether asking the same model again is safe and may help. Not after a timeout: the patience is used up, another
    /// model is the better bet. Not after an error of an unknown kind: nobody knows what a second one would do.
    pub fn may_retry(self) -> bool {
        use Class::{Connect, Cut, Garbage, Overloaded, Server, Throttled};
        matches!(self, Throttled | Overloaded | Server | Connect | Cut | Garbage)
    }

    /// Whether it speaks against the model's health. A request that is wrong in itself was answered by a healthy model.
    pub fn is_ill_health(self) -> bool {
        !matches!(self, Self::Invalid | Self::NotSent)
    }

    /// Whether the model refused for its own load.
    pub fn is_throttle(self) -> bool {
        matches!(self, Self::Throttled | Self::Overloaded)
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

    /// The same with the provider's code, cleaned to what a log and a count can bear.
    pub fn coded(mut self, code: &str) -> Self {
        self.code = clean(code);
        self
    }

    /// The same with the time that the provider asks us to wait.
    pub fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// This model cannot be asked such a thing, though others may: tools for a model that is asked without them.
    pub fn untranslatable(detail: impl Into<Arc<str>>) -> Self {
        Self::new(Class::Invalid, detail).coded(UNTRANSLATABLE)
    }

    /// Whether it is one of those.
    pub fn is_untranslatable(&self) -> bool {
        self.code.as_deref() == Some(UNTRANSLATABLE)
    }

    /// The writer went away without an end.
    pub fn abandoned() -> Self {
        Self::new(Class::Cut, "the task that was writing the answer ended early")
    }
}

const UNTRANSLATABLE: &str = "untranslatable";

/// Letters, digits and `_`, at most 64; `None` when nothing is left.
fn clean(code: &str) -> Option<Arc<str>> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let cleaned: String = code.trim().chars().take(64).map(letter).collect();
    cleaned.contains(|c: char| c != '_').then(|| cleaned.into())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.label(), self.detail)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_cleaned_before_it_is_counted() {
        let code = |text: &str| Failure::new(Class::Unknown, "x").coded(text).code.map(|code| code.to_string());
        assert_eq!(code("model.notReady-yet\n").as_deref(), Some("model_notReady_yet"));
        assert_eq!(code("{}"), None);
        assert_eq!(code(&"x".repeat(100)).map(|code| code.len()), Some(64));
    }
}
