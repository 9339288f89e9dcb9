//! What is still to be told, and to whom: the seam to the journal, which keeps it over restarts.
//!
//! A notice enters the outbox in the same transaction as the state change that it reports, and leaves it when every
//! channel has it, or has refused it for good. A trigger stays until its episode is resolved, so that a reminder and the
//! duty to resolve both survive a restart.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    controller::{
        alarm::Severity,
        notice::{Notice, NoticeKind},
    },
};

/// Where notices wait for their delivery. `put` and the state change it reports are one transaction.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds a notice, due at once. A notice whose id is known already changes nothing.
    ///
    /// # Errors
    /// [`OutboxError`] when it could not be written down.
    async fn put(&self, notice: &Notice) -> Result<(), OutboxError>;

    /// The open notices whose time has come, oldest first (`at`, then id), at most `most`.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox cannot be read.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Open>, OutboxError>;

    /// The newest trigger or resolve of an episode that was sent, or may have been sent, on a channel; `None` when
    /// nothing was. Deliveries that were skipped or given up do not count.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox cannot be read.
    async fn told(&self, channel: &str, dedup_key: &str) -> Result<Option<Told>, OutboxError>;

    /// Writes down what became of a notice on a channel, in place of what was there for the two.
    ///
    /// # Errors
    /// [`OutboxError`] when it could not be written down; the delivery is then made again.
    async fn record(&self, notice: &str, channel: &str, delivery: &Delivery) -> Result<(), OutboxError>;

    /// Nothing to do for this notice until then.
    ///
    /// # Errors
    /// [`OutboxError`] when it could not be written down.
    async fn rest(&self, notice: &str, until: Timestamp) -> Result<(), OutboxError>;

    /// This notice is done with. Closing a resolve closes every earlier notice of its episode.
    ///
    /// # Errors
    /// [`OutboxError`] when it could not be written down.
    async fn close(&self, notice: &str) -> Result<(), OutboxError>;
}

/// The outbox cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the outbox does not answer: {0}. Notices wait until it does; look at the disk that holds the journal")]
pub struct OutboxError(pub String);

/// A notice that is not done with.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// What to tell.
    pub notice: Notice,
    /// What became of it so far, by channel.
    pub deliveries: BTreeMap<String, Delivery>,
}

/// What became of a notice on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// How it stands.
    pub state: DeliveryState,
    /// When that was.
    pub at: Timestamp,
    /// How often it was sent, successfully or not.
    pub attempts: u32,
    /// The receiver's or our reason, in a sentence.
    pub reason: String,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It failed, perhaps after its effect; it is tried again at this time.
    Retry(Timestamp),
    /// The receiver took it.
    Sent,
    /// There was no need to send it; the reason says why.
    Skipped,
    /// The receiver refused it for good, or it failed for too long.
    GivenUp,
}

/// What a channel heard last of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The notice it heard.
    pub notice: String,
    /// Trigger or resolve.
    pub kind: NoticeKind,
    /// How grave that was.
    pub severity: Severity,
    /// When it was written (the notice's `at`).
    pub written: Timestamp,
    /// When it was sent, or last tried.
    pub at: Timestamp,
}
