//! An answer in the shape that was asked for, whichever shape it is written down in.

use bytes::Bytes;

use crate::{
    engine::{
        answer::Answer,
        answer_log::{AnswerLog, LogReader},
        model::failure::{Class, Failure},
    },
    store::Shape,
};

/// The answer's events, from the first one on; resolves when the answer has begun.
///
/// # Errors
/// The failure, when it came before the first chunk. Safe to drop.
pub(super) async fn events(answer: &Answer) -> Result<LogReader, Failure> {
    if answer.log.shape().await? == Shape::Events {
        return Ok(answer.log.reader());
    }
    let (_, chunks) = answer.log.whole().await?;
    let body = chunks.into_iter().next().unwrap_or_default();
    let events = answer.question.asked.dialect.events_of(&body).ok_or_else(unreadable)?;
    Ok(AnswerLog::sealed(Shape::Events, events).reader())
}

/// The whole answer as one body.
///
/// # Errors
/// The failure of one that will never be whole. Safe to drop.
pub(super) async fn body(answer: &Answer) -> Result<Bytes, Failure> {
    let (shape, chunks) = answer.log.whole().await?;
    let body = match shape {
        Shape::Body => chunks.into_iter().next(),
        Shape::Events => answer.question.asked.dialect.body_of(&chunks),
    };
    body.ok_or_else(unreadable)
}

fn unreadable() -> Failure {
    Failure::new(Class::Garbage, "what was written down is no answer of its format").coded("not_an_answer")
}
