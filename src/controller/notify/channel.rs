//! A way to reach people.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;

use super::outbox::OutboxError;
use crate::{controller::notice::Notice, outbound::Response};

/// Something that delivers notices.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Sends a notice. Returning `Ok` means that the receiver took it, not that anybody read it.
    ///
    /// # Errors
    /// [`NotSent`]: whether to try again, and why it failed.
    async fn send(&self, notice: &Notice) -> Result<(), NotSent>;

    /// How many notices it may send in a minute.
    fn most_per_minute(&self) -> usize {
        60
    }

    /// How long to wait after this many failures in a row (1 for the first).
    fn patience(&self, failures: u32) -> Duration {
        Duration::from_secs(5 << failures.saturating_sub(1).min(7))
    }
}

/// Why a notice was not (surely) delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It may work later, and may even have worked.
    #[error("{0}")]
    Later(String),
    /// The receiver will never take it.
    #[error("{0}")]
    Never(String),
}

impl From<OutboxError> for NotSent {
    fn from(error: OutboxError) -> Self {
        Self::Later(error.to_string())
    }
}

/// Sorts an HTTP receiver's answer: 408, 429 and 5xx pass, other refusals do not.
pub(super) fn judge(receiver: &str, answer: &Response) -> Result<(), NotSent> {
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let body: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
    let passes =
        status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
    if passes {
        Err(NotSent::Later(format!("{receiver} answers {status}: {body}")))
    } else {
        Err(NotSent::Never(format!("{receiver} refuses it for good with {status}: {body}")))
    }
}

/// The first bytes of a text, ending at a whole character.
pub(super) fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
