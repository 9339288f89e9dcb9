//! An answer as Bedrock sends it: a body, or frames of an event stream.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response};
use serde_json::{json, value::RawValue};

use super::{
    error::{self, BedrockError},
    identify, json as body_of,
    metrics::Metrics,
    operation::Operation,
};
use crate::{
    api::{payload::Payload, reading, told::Told},
    aws::event_stream::{BadFrame, Frame},
    engine::{answer::Answer, answer_log::LogReader, measure::Timer, model::failure::Failure, model::usage::Usage},
};

const EVENTS: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// The answer, once it is there (or has begun, for a stream).
pub(super) async fn respond(
    answer: Answer,
    operation: Operation,
    timer: Timer,
) -> Result<Response<Payload>, BedrockError> {
    let failed = |failure: Failure| BedrockError::from_failure(&failure);
    if operation.is_stream() {
        let reader = reading::events(&answer).await.map_err(failed)?;
        return Ok(frames(&answer, reader, operation, timer));
    }
    let body = reading::body(&answer).await.map_err(failed)?;
    let told = Told::of(&answer);
    answer.given();
    timer.first_byte();
    timer.done(told.provenance.source);
    let usage = Usage::find(&body).filter(|_| operation.is_invoke());
    let mut response = body_of(body, &told.answer);
    told.label(response.headers_mut(), HeaderValue::from_static("application/json"));
    if let Some(usage) = usage {
        count(response.headers_mut(), &usage);
    }
    Ok(response)
}

/// InvokeModel tells the tokens in headers, whatever the body's format.
fn count(headers: &mut HeaderMap, usage: &Usage) {
    headers.insert("x-amzn-bedrock-input-token-count", usage.prompt.into());
    headers.insert("x-amzn-bedrock-output-token-count", usage.completion.into());
}

fn frames(answer: &Answer, reader: LogReader, operation: Operation, timer: Timer) -> Response<Payload> {
    let told = Told::of(answer);
    answer.given();
    timer.first_byte();
    let pieces = Box::pin(pieces(reader, told.clone(), operation, timer));
    let mut response = Response::new(Payload::Coming(pieces));
    told.label(response.headers_mut(), EVENTS);
    identify(response.headers_mut(), &told.answer);
    if operation.is_invoke() {
        response.headers_mut().insert("x-amzn-bedrock-content-type", HeaderValue::from_static("application/json"));
    }
    response
}

/// The events in frames, and an exception after any end but the proper one.
fn pieces(
    reader: LogReader,
    told: Told,
    operation: Operation,
    timer: Timer,
) -> impl futures_util::Stream<Item = Bytes> + Send {
    stream::unfold(Some((reader, timer, Metrics::default())), move |state| {
        let source = told.provenance.source;
        async move {
            let (mut reader, timer, mut metrics) = state?;
            let frame = match reader.next().await {
                Some(Ok(event)) => match operation.is_invoke().then(|| metrics.add(&event, &timer)).flatten() {
                    Some(own) => framed(&own, operation),
                    None => reader.try_framed(operation.form(), &event, |event| framed(event, operation)),
                },
                Some(Err(failure)) => {
                    timer.failed("cut");
                    return error::exception(&failure).encode().ok().map(|frame| (frame, None));
                }
                None => {
                    timer.done(source);
                    return None;
                }
            };
            match frame {
                Ok(frame) => Some((frame, Some((reader, timer, metrics)))),
                Err(_) => {
                    timer.failed("cut");
                    error::exception(&Failure::abandoned()).encode().ok().map(|frame| (frame, None))
                }
            }
        }
    })
}

/// An event of Converse's is called by its only member; what a model itself sends goes into a chunk as it is.
fn framed(event: &Bytes, operation: Operation) -> Result<Bytes, BadFrame> {
    if operation.is_invoke() {
        let payload = json!({ "bytes": BASE64_STANDARD.encode(event) }).to_string();
        return Frame::Event { kind: "chunk".into(), payload: payload.into() }.encode();
    }
    let named: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_slice(event).map_err(|error| BadFrame::Damaged(error.to_string()))?;
    let (kind, payload) = named.into_iter().next().unwrap_or_else(|| (String::new(), RawValue::NULL));
    let payload = event.slice_ref(payload_of(event, payload));
    Frame::Event { kind, payload }.encode()
}

/// The payload where it lies in the event.
fn payload_of<'a>(event: &'a Bytes, payload: &'a RawValue) -> &'a [u8] {
    let payload = payload.get().as_bytes();
    let within = event.as_ptr_range();
    if within.contains(&payload.as_ptr()) { payload } else { &event[..0] }
}
