//! An answer as a response: in the shape that was asked for, with where it came from in headers and in the body's
//! `banto` member.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response};

use super::error::ApiError;
use crate::{
    api::{payload::Payload, told::Told},
    engine::{answer::Answer, answer_log::LogReader, dialect::openai, measure::Timer},
    store::Shape,
};

/// How an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// As a stream of events.
    pub stream: bool,
    /// With an event of its own for usage.
    pub include_usage: bool,
}

/// The answer, once it is there (or has begun, for a stream).
///
/// # Errors
/// What a user may know of a failure that came before the first chunk.
pub async fn respond(answer: Answer, wanted: Wanted, timer: Timer) -> Result<Response<Payload>, ApiError> {
    if wanted.stream { events(answer, wanted, timer).await } else { body(answer, timer).await }
}

async fn body(answer: Answer, timer: Timer) -> Result<Response<Payload>, ApiError> {
    let (shape, chunks) = answer.log.whole().await.map_err(|failure| ApiError::from_failure(&failure))?;
    let body = match shape {
        Shape::Body => chunks.into_iter().next(),
        Shape::Events => openai::body_of(&chunks),
    };
    let origin = Told::of(&answer);
    answer.given();
    let body = origin.tell(&body.unwrap_or_default());
    timer.first_byte();
    timer.done(origin.provenance.source);
    let mut response = Response::new(Payload::from(body));
    origin.label(response.headers_mut(), HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn events(answer: Answer, wanted: Wanted, timer: Timer) -> Result<Response<Payload>, ApiError> {
    let shape = answer.log.shape().await.map_err(|failure| ApiError::from_failure(&failure))?;
    let origin = Told::of(&answer);
    answer.given();
    let reader = match shape {
        Shape::Events => answer.log.reader(),
        Shape::Body => {
            let (_, chunks) = answer.log.whole().await.map_err(|failure| ApiError::from_failure(&failure))?;
            let body = chunks.into_iter().next().unwrap_or_default();
            let events = openai::events_of(&body, wanted.include_usage).unwrap_or_else(|| vec![body]);
            crate::engine::answer_log::AnswerLog::sealed(Shape::Events, events).reader()
        }
    };
    timer.first_byte();
    let mut response = Response::new(Payload::Coming(Box::pin(pieces(reader, origin.clone(), wanted, timer))));
    origin.label(response.headers_mut(), HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The events as server-sent events, `[DONE]` after a proper end and an error event after any other.
fn pieces(
    reader: LogReader,
    origin: Told,
    wanted: Wanted,
    timer: Timer,
) -> impl futures_util::Stream<Item = Bytes> + Send {
    let (source, first) = (origin.provenance.source, Some(origin));
    stream::unfold(Some((reader, timer, first)), move |state| async move {
        let (mut reader, timer, mut first) = state?;
        loop {
            match reader.next().await {
                Some(Ok(event)) if !wanted.include_usage && openai::is_usage(&event) => {}
                Some(Ok(event)) => {
                    let piece = match first.take() {
                        Some(origin) => framed(&origin.tell(&event)),
                        None => reader.framed("sse", &event, |event| framed(event)),
                    };
                    return Some((piece, Some((reader, timer, first))));
                }
                None => {
                    timer.done(source);
                    return Some((Bytes::from_static(b"data: [DONE]\n\n"), None));
                }
                Some(Err(failure)) => {
                    let error = ApiError::from_failure(&failure);
                    timer.failed("cut");
                    return Some((framed(error.body().as_bytes()), None));
                }
            }
        }
    })
}

fn framed(event: &[u8]) -> Bytes {
    let mut piece = Vec::with_capacity(event.len() + 8);
    piece.extend_from_slice(b"data: ");
    piece.extend_from_slice(event);
    piece.extend_from_slice(b"\n\n");
    piece.into()
}
