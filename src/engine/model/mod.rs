//! Models: what they answer, how they fail, and how the engine falls back from one to the next.
//!
//! A [`Model`] asks once: [`openai`] over HTTP, [`simulated`] in process, `bedrock` through AWS's SDK. The [`cascade`] asks
//! them in order, each behind its [`pool`] and its [`breaker`], under one budget of attempts and one deadline for every
//! request. [`configured`] is what an operator writes about them.

#[cfg(feature = "aws")]
pub mod bedrock;
pub mod breaker;
pub mod cascade;
pub mod codes;
pub mod configured;
mod course;
mod deadline;
mod election;
pub mod failure;
mod lane;
pub mod openai;
pub mod outages;
pub mod pool;
pub mod prices;
pub mod retry;
pub mod simulated;
pub mod sse;
#[cfg(test)]
pub(super) mod testing;
pub mod translated;
pub mod usage;

use std::{pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use super::{asked::Asked, dialect::Dialect};
use failure::Failure;

/// The events of a streamed answer, each its JSON without framing; the stream ends after the provider's proper end and
/// yields an error for anything else.
pub type Events = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

/// A model's answer, in the shape that was asked for.
pub enum Reply {
    /// A whole JSON body.
    Body(Bytes),
    /// A stream of events.
    Events(Events),
}

/// How long to wait for what. Each stage has a deadline of its own; all of them end at the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the head of a streamed response.
    pub head: Duration,
    /// From the head to the first event of a stream.
    pub first_token: Duration,
    /// Between two events.
    pub between: Duration,
    /// Until the end of an answer that comes whole: its head comes only when the answer is done.
    pub whole: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { connect: secs(1), head: secs(10), first_token: secs(10), between: secs(10), whole: secs(20) }
    }
}

/// Something that answers questions: an HTTP endpoint, Bedrock, or the simulated model.
#[async_trait]
pub trait Model: Send + Sync {
    /// Asks once. No retries here: the cascade decides about those.
    ///
    /// # Errors
    /// A [`Failure`] with its class; the provider's own words are for logs only. Safe to drop at any await: dropping the
    /// future or the events ends the upstream request and frees its connection.
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure>;

    /// The format in which it wants to be asked a question that came in `asked`: the same where it speaks it. Its replies
    /// are in the format it was asked in.
    fn speaks(&self, asked: Dialect) -> Dialect {
        let _ = asked;
        Dialect::OpenAi
    }

    /// How many tokens the prompt of a question has; it is not answered.
    ///
    /// # Errors
    /// An untranslatable [`Failure`] from models that do not count for others.
    async fn count(&self, asked: &Asked, deadlines: &Deadlines) -> Result<u64, Failure> {
        let _ = (asked, deadlines);
        Err(Failure::untranslatable("the model behind this request does not count tokens"))
    }
}
