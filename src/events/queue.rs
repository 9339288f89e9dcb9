//! Events from a queue: asked for, applied, and only then deleted from it.
//!
//! Several nodes may ask the same queue: each message goes to one of them, and comes back to any when that one dies. A message
//! that cannot be applied is put back and tried again later; after some times it is kept here and leaves the queue, so
//! that it stands in nobody's way. A queue that fails or throttles is left alone for a growing while, and shows.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use tracing::{info, warn};

use super::{
    envelope::Carried,
    intake::{Channel, Intake, OnFailure, Outcome, Refused},
};
use crate::{
    aws::fault::Fault,
    clock::Timestamp,
    dice::Dice,
    telemetry::{catalogue::QUEUE_UP, metric::Gauge, registry::Registry},
};

/// Messages asked for at once: as many as SQS gives.
const AT_ONCE: usize = 10;
/// How often a message may come before it is kept here instead.
const TRIES: u32 = 3;
/// How long a message that could not be applied stays out of sight: doubling with each try.
const OUT_OF_SIGHT: Duration = Duration::from_secs(5);
/// The pause after a failure of the queue itself, doubling from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What it is deleted and put back by, this time.
    pub receipt: String,
    /// What is in it.
    pub body: String,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How often it has come, this time included.
    pub receives: u32,
}

/// A queue.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Waits up to `wait` for messages; at most `most`.
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, Fault>;
    /// Deletes messages; those that could not be deleted come again.
    async fn delete(&self, messages: &[&Message]) -> Result<(), Fault>;
    /// Keeps a message out of sight for this long, then lets it come again.
    async fn put_back(&self, message: &Message, after: Duration) -> Result<(), Fault>;
}

/// One queue being emptied.
pub struct Source {
    name: String,
    queue: Box<dyn Queue>,
    wait: Duration,
    intake: Arc<Intake>,
    dice: Arc<Dice>,
    up: Arc<Gauge>,
}

impl Source {
    /// A source that shows under this name.
    pub fn new(
        name: &str,
        queue: Box<dyn Queue>,
        wait: Duration,
        intake: Arc<Intake>,
        dice: Arc<Dice>,
        registry: &Registry,
    ) -> Self {
        let up = registry.gauge(&QUEUE_UP, &[name]);
        up.set(1.0);
        Self { name: name.to_owned(), queue, wait, intake, dice, up }
    }

    /// Empties the queue, for ever. Safe to drop at any await: what was not deleted comes again.
    pub async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.round().await {
                Ok(()) => {
                    if self.up.get() < 1.0 {
                        info!(queue = self.name, "The queue of events answers again.");
                    }
                    self.up.set(1.0);
                    pause = FIRST_PAUSE;
                }
                Err(fault) => {
                    if self.up.get() > 0.0 {
                        warn!(queue = self.name, %fault, "The queue of events does not answer; it is tried again with growing pauses.");
                    }
                    self.up.set(0.0);
                    tokio::time::sleep(self.dice.between(pause / 2, pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Asks once, and does with each message what its turn is.
    ///
    /// # Errors
    /// The queue's. What was applied and could not be deleted comes again and is a duplicate then.
    pub async fn round(&self) -> Result<(), Fault> {
        let messages = self.queue.receive(AT_ONCE, self.wait).await?;
        let done = join_all(messages.iter().map(|message| self.take(message))).await;
        let (finished, rest): (Vec<_>, Vec<_>) = messages.iter().zip(done).partition(|(_, done)| *done);
        let finished: Vec<_> = finished.into_iter().map(|(message, _)| message).collect();
        if !finished.is_empty() {
            self.queue.delete(&finished).await?;
        }
        for (message, _) in rest {
            self.queue.put_back(message, OUT_OF_SIGHT * (1 << message.receives.min(6))).await?;
        }
        Ok(())
    }

    /// Whether a message is done with.
    async fn take(&self, message: &Message) -> bool {
        let is_last = message.receives >= TRIES;
        let on_failure = if is_last { OnFailure::Keep } else { OnFailure::Leave };
        let carried = Carried { id: Some(message.id.clone()), at: message.sent };
        match self.intake.receive(&message.body, &carried, Channel::Sqs, on_failure).await {
            Ok(verdicts) => verdicts.iter().all(|verdict| verdict.outcome != Outcome::Failed),
            Err(refused @ (Refused::Unreadable(_) | Refused::Elsewhere)) if is_last => {
                let why = refused.to_string();
                self.intake.keep_unreadable(&message.id, &message.body, Channel::Sqs, &why).await.is_ok()
            }
            Err(Refused::Unreadable(_) | Refused::Elsewhere | Refused::Full(_)) => false,
        }
    }
}
