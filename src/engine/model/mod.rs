//! Models: what they answer, how they fail, and how the engine falls back from one to the next.

pub mod failure;

use std::{pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use super::asked::Asked;
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
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the response's head.
    pub head: Duration,
    /// Until the first event of a stream, or the end of a body.
    pub first_token: Duration,
    /// Between two events.
    pub between: Duration,
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
}
