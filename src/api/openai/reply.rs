//! An answer as a response: in the shape that was asked for, with where it came from in headers and in the body's
//! `banto` member.

use std::{fmt::Write, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};

use super::{error::ApiError, shapes};
use crate::{
    api::payload::Payload,
    engine::{
        answer::{Answer, Provenance},
        answer_log::LogReader,
        measure::Timer,
    },
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
        Shape::Events => shapes::body_of(&chunks),
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
            let events = shapes::events_of(&body, wanted.include_usage).unwrap_or_else(|| vec![body]);
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
    let start = Some((reader, timer, true));
    stream::unfold(start, move |state| {
        let origin = origin.clone();
        async move {
            let (mut reader, timer, mut first) = state?;
            loop {
                match reader.next().await {
                    Some(Ok(event)) if !wanted.include_usage && shapes::is_usage(&event) => {}
                    Some(Ok(event)) => {
                        let event = if std::mem::take(&mut first) { origin.tell(&event) } else { event };
                        return Some((framed(&event), Some((reader, timer, first))));
                    }
                    None => {
                        timer.done(origin.provenance.source);
                        return Some((Bytes::from_static(b"data: [DONE]\n\n"), None));
                    }
                    Some(Err(failure)) => {
                        let error = ApiError::from_failure(&failure);
                        timer.failed("cut");
                        return Some((framed(error.body().as_bytes()), None));
                    }
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

/// What is told about an answer's origin.
#[derive(Clone)]
struct Told {
    answer: Arc<str>,
    provenance: Provenance,
    intent: Arc<str>,
    entities: Arc<[Arc<str>]>,
    knobs: u64,
}

impl Told {
    fn of(answer: &Answer) -> Self {
        Self {
            answer: answer.id.as_str().into(),
            provenance: answer.provenance(),
            intent: answer.question.intent.id.to_string().into(),
            entities: answer.question.entities.clone().into(),
            knobs: answer.knobs,
        }
    }

    /// The same JSON object with a first member `banto`.
    fn tell(&self, object: &Bytes) -> Bytes {
        let Some(rest) = object.strip_prefix(b"{") else { return object.clone() };
        let mut told = Vec::with_capacity(object.len() + 256);
        told.extend_from_slice(b"{\"banto\":");
        told.extend_from_slice(self.json().as_bytes());
        if !rest.starts_with(b"}") {
            told.push(b',');
        }
        told.extend_from_slice(rest);
        told.into()
    }

    fn json(&self) -> String {
        let mut json = String::with_capacity(224);
        let provenance = &self.provenance;
        let _ = write!(json, "{{\"source\":\"{}\",\"intent\":{}", provenance.source.label(), quoted(&self.intent));
        if let Some(model) = &provenance.model {
            let _ = write!(json, ",\"model\":{}", quoted(model));
        }
        if let Some(similarity) = provenance.similarity {
            let _ = write!(json, ",\"similarity\":{similarity}");
        }
        if let Some(age) = provenance.age {
            let _ = write!(json, ",\"age_s\":{}", age.as_secs());
        }
        json.push_str(",\"entities\":[");
        for (at, entity) in self.entities.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(json, "{comma}{}", quoted(entity));
        }
        let _ = write!(json, "],\"knobs\":{},\"trace_id\":\"{}\"}}", self.knobs, self.answer);
        json
    }

    fn label(&self, headers: &mut HeaderMap, content_type: HeaderValue) {
        headers.reserve(10);
        headers.insert(CONTENT_TYPE, content_type);
        let provenance = &self.provenance;
        headers.insert(name("x-banto-source"), HeaderValue::from_static(provenance.source.label()));
        let mut tell = |key: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name(key), value);
            }
        };
        tell("x-banto-intent", &self.intent);
        tell("x-banto-trace-id", &self.answer);
        tell("x-banto-knobs", itoa(self.knobs).as_str());
        if let Some(model) = &provenance.model {
            tell("x-banto-model", model);
        }
        if let Some(similarity) = provenance.similarity {
            tell("x-banto-similarity", &similarity.to_string());
        }
        if let Some(age) = provenance.age {
            tell("x-banto-age", itoa(age.as_secs()).as_str());
        }
        if !self.entities.is_empty() {
            tell("x-banto-entities", &self.entities.iter().map(|entity| percent(entity)).collect::<Vec<_>>().join(","));
        }
    }
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn itoa(number: u64) -> String {
    number.to_string()
}

/// A JSON string; most names need no escapes.
fn quoted(text: &str) -> String {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        format!("\"{text}\"")
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// Percent-encoded UTF-8, for headers.
fn percent(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b" -_.:".contains(&byte) {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
