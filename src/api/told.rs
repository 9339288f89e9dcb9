//! Where an answer came from, told with it: in headers, and in the member `banto` of bodies whose readers expect more than
//! they know.

use std::{fmt::Write, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use crate::engine::answer::{Answer, Provenance};

/// What is told about an answer's origin.
#[derive(Clone)]
pub(super) struct Told {
    /// The answer's id.
    pub(super) answer: Arc<str>,
    /// Who gave it.
    pub(super) provenance: Provenance,
    intent: Arc<str>,
    entities: Arc<[Arc<str>]>,
    knobs: u64,
}

impl Told {
    /// What is known once the answer has begun.
    pub(super) fn of(answer: &Answer) -> Self {
        Self {
            answer: answer.id.as_str().into(),
            provenance: answer.provenance(),
            intent: answer.question.intent.id.to_string().into(),
            entities: answer.question.entities.clone().into(),
            knobs: answer.knobs,
        }
    }

    /// The same JSON object with a first member `banto`.
    pub(super) fn tell(&self, object: &Bytes) -> Bytes {
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

    /// What is told, as JSON.
    pub(super) fn json(&self) -> String {
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

    /// The same in headers.
    pub(super) fn label(&self, headers: &mut HeaderMap, content_type: HeaderValue) {
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
        if !provenance.lost.is_nothing() {
            tell("x-banto-lost", &provenance.lost.to_string());
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
