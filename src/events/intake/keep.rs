//! What could not be applied is kept on this node's disk until it can be.

use std::time::Duration;

use tracing::warn;

use super::{Channel, Intake, Refused};
use crate::{
    clock::Timestamp,
    events::{
        dead_letters::{DeadLetters, DeadLettersError, Letter},
        envelope::Arrived,
    },
};

/// The pause before an event is tried again: doubling from the first to the longest, shortened by chance.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

impl Intake {
    /// What waits to be applied.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn letters(&self, most: usize) -> Result<Vec<Letter>, DeadLettersError> {
        self.on_disk(move |letters| letters.list(most)).await
    }

    pub(super) fn letter(&self, id: &str, event: &Arrived, channel: Channel, received: Timestamp, why: &str) -> Letter {
        Letter {
            id: id.to_owned(),
            channel: channel.label().to_owned(),
            received,
            at: event.at,
            why: why.to_owned(),
            attempts: 1,
            due: Some(self.next_try(1)),
            shape: Some(event.shape),
            text: event.body.to_string(),
        }
    }

    /// Keeps a text that nobody can read, for people to look at.
    ///
    /// # Errors
    /// [`Refused::Full`] when there is no room; then its carrier keeps it.
    pub async fn keep_unreadable(&self, id: &str, text: &str, channel: Channel, why: &str) -> Result<(), Refused> {
        self.meters.received(channel);
        self.keep(Letter {
            id: id.to_owned(),
            channel: channel.label().to_owned(),
            received: self.clock.now(),
            at: None,
            why: why.to_owned(),
            attempts: 1,
            due: None,
            shape: None,
            text: text.to_owned(),
        })
        .await
    }

    pub(super) async fn keep(&self, letter: Letter) -> Result<(), Refused> {
        let (id, why) = (letter.id.clone(), letter.why.clone());
        match self.on_disk(move |letters| letters.keep(&letter)).await {
            Ok(is_new) => {
                // One that waited already is owed already.
                if is_new {
                    self.meters.failed()
                } else {
                    self.meters.settled()
                }
                warn!(id, why, "An event could not be applied; it waits in the dead-letter store.");
                self.count_letters().await;
                Ok(())
            }
            Err(error) => {
                self.meters.full();
                self.meters.settled();
                Err(Refused::Full(format!(
                    "the event `{id}` could not be applied ({why}), and could not be kept: {error}"
                )))
            }
        }
    }

    /// What was applied waits no longer.
    pub(super) async fn forget(&self, id: &str) {
        if self.meters.no_letters() {
            return;
        }
        let id = id.to_owned();
        if let Ok(true) = self.on_disk(move |letters| letters.remove(&id)).await {
            self.meters.settled();
            self.count_letters().await;
        }
    }

    pub(super) async fn count_letters(&self) {
        if let Ok(waiting) = self.on_disk(DeadLetters::count).await {
            self.meters.letters(waiting);
        }
    }

    pub(super) fn next_try(&self, attempts: u32) -> Timestamp {
        let pause = LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << attempts.min(16).saturating_sub(1)));
        self.clock.now() + self.dice.between(pause / 2, pause)
    }

    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DeadLetters) -> Result<T, DeadLettersError> + Send + 'static,
    ) -> Result<T, DeadLettersError> {
        if !self.letters.waits_for_a_disk() {
            return work(&self.letters);
        }
        let letters = self.letters.clone();
        match tokio::task::spawn_blocking(move || work(&letters)).await {
            Ok(done) => done,
            Err(_) => Err(DeadLettersError::Io(rusqlite::Error::InvalidQuery)),
        }
    }
}
