//! An answer as Anthropic sends it: a message, or its events with their names.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response};
use serde::Deserialize;

use super::{
    error::{self, AnthropicError},
    identify,
};
use crate::{
    api::{payload::Payload, reading, told::Told},
    engine::{answer::Answer, answer_log::LogReader, measure::Timer, model::failure::Failure},
};

/// The answer, once it is there (or has begun, for a stream).
pub(super) async fn respond(answer: Answer, timer: Timer) -> Result<Response<Payload>, AnthropicError> {
    let failed = |failure: Failure| AnthropicError::from_failure(&failure);
    if answer.question.asked.stream {
        let reader = reading::events(&answer).await.map_err(failed)?;
        return Ok(events(&answer, reader, timer));
    }
    let body = reading::body(&answer).await.map_err(failed)?;
    let told = Told::of(&answer);
    answer.given();
    timer.first_byte();
    timer.done(told.provenance.source);
    let mut response = Response::new(Payload::from(told.tell(&body)));
    told.label(response.headers_mut(), HeaderValue::from_static("application/json"));
    identify(response.headers_mut(), &told.answer);
    Ok(response)
}

fn events(answer: &Answer, reader: LogReader, timer: Timer) -> Response<Payload> {
    let told = Told::of(answer);
    answer.given();
    timer.first_byte();
    let mut response = Response::new(Payload::Coming(Box::pin(pieces(reader, told.clone(), timer))));
    told.label(response.headers_mut(), HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache"));
    identify(response.headers_mut(), &told.answer);
    response
}

/// The events as server-sent events with their names, the first with where they are from; an error event after any end but
/// the proper one.
fn pieces(reader: LogReader, told: Told, timer: Timer) -> impl futures_util::Stream<Item = Bytes> + Send {
    stream::unfold(Some((reader, timer, true)), move |state| {
        let told = told.clone();
        async move {
            let (mut reader, timer, first) = state?;
            match reader.next().await {
                Some(Ok(event)) => {
                    let piece = if first {
                        framed(&told.tell(&event))
                    } else {
                        reader.framed("named sse", &event, |event| framed(event))
                    };
                    Some((piece, Some((reader, timer, false))))
                }
                Some(Err(failure)) => {
                    timer.failed("cut");
                    let event = error::event(&failure, &told.answer).to_string();
                    Some((framed(event.as_bytes()), None))
                }
                None => {
                    timer.done(told.provenance.source);
                    None
                }
            }
        }
    })
}

fn framed(event: &[u8]) -> Bytes {
    #[derive(Deserialize)]
    struct Named {
        r#type: String,
    }
    let name = serde_json::from_slice::<Named>(event).map_or_else(|_| "message".to_owned(), |named| named.r#type);
    // A name that came from a provider ends no line.
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    [b"event: ", name.as_bytes(), b"\ndata: ", event, b"\n\n"].concat().into()
}
