//! Waiting with an end: each stage of an answer has its own deadline and its own words for having missed it.

use std::{future::Future, time::Duration};

use super::failure::{Class, Failure};
use crate::units::TimeSpan;

/// What we were waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connection,
    Head,
    FirstToken,
    NextEvent,
    WholeBody,
    Deadline,
}

impl Stage {
    /// The failure's code and what did not come.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Connection => ("no_connection", "no connection to the model"),
            Self::Head => ("no_head", "no response from the model"),
            Self::FirstToken => ("no_first_token", "the model's response began, but no first token came"),
            Self::NextEvent => ("no_next_event", "the model's stream stopped in the middle"),
            Self::WholeBody => ("no_whole_body", "the model's answer was not complete"),
            Self::Deadline => ("request_deadline", "the request's own deadline passed while the model was working"),
        }
    }

    /// The failure of having waited `span` in vain.
    pub(super) fn overdue(self, span: Duration) -> Failure {
        let (code, what) = self.words();
        Failure::new(Class::Timeout, format!("{what}, after {}", TimeSpan(span))).coded(code)
    }
}

/// The outcome of `work`, or the failure of its stage after `span`.
pub(super) async fn within<T>(span: Duration, stage: Stage, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(span, work).await.map_err(|_| stage.overdue(span))
}
