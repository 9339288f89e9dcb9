//! What is changed in a body before it goes to Bedrock: as little as can be, by adding or leaving out bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::model::failure::Failure;

/// What Bedrock wants to read instead of a version header.
const VERSION: &str = "\"bedrock-2023-05-31\"";

#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

/// The body with a cache point behind its system prompt. Who has set one anywhere in it knows better.
pub(super) fn with_cache_point(body: &Bytes) -> Bytes {
    const POINT: &[u8] = b",{\"cachePoint\":{\"type\":\"default\"}}";
    if memchr::memmem::find(body, b"\"cachePoint\"").is_some() {
        return body.clone();
    }
    let Ok(Question { system: Some(system) }) = serde_json::from_slice(body) else { return body.clone() };
    let system = system.get();
    let Some(blocks) = system.strip_suffix(']').filter(|blocks| blocks.contains('{')) else { return body.clone() };
    let end = system.as_ptr() as usize - body.as_ptr() as usize + blocks.len();
    [&body[..end], POINT, &body[end..]].concat().into()
}

/// A request for Anthropic's own endpoint as InvokeModel takes it: the model's name and the wish for a stream stand in the
/// path there, and the version in the body. One that came for InvokeModel stays as it is.
pub(super) fn invocation(body: &Bytes) -> Result<Bytes, Failure> {
    let mut members = members(body)?;
    let known = members.contains_key("anthropic_version");
    if known && !members.contains_key("model") && !members.contains_key("stream") {
        return Ok(body.clone());
    }
    for elsewhere in ["model", "stream", "service_tier"] {
        members.remove(elsewhere);
    }
    let version = RawValue::from_string(VERSION.into()).map_err(|error| unreadable(&error))?;
    members.entry("anthropic_version".into()).or_insert(&version);
    serde_json::to_vec(&members).map(Bytes::from).map_err(|error| unreadable(&error))
}

/// What CountTokens takes of a Converse request.
pub(super) fn countable(body: &[u8]) -> Result<BTreeMap<String, &RawValue>, Failure> {
    let mut members = members(body)?;
    members.retain(|name, _| {
        ["messages", "system", "toolConfig", "additionalModelRequestFields"].contains(&name.as_str())
    });
    Ok(members)
}

fn members(body: &[u8]) -> Result<BTreeMap<String, &RawValue>, Failure> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::untranslatable(format!("the request is no JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_point_is_added_where_none_is_and_nothing_else_changes() {
        let body = Bytes::from_static(br#"{"zeta": 1, "system" : [ {"text":"Be ] kind."} ],"messages":[]}"#);
        let added =
            r#"{"zeta": 1, "system" : [ {"text":"Be ] kind."} ,{"cachePoint":{"type":"default"}}],"messages":[]}"#;
        assert_eq!(with_cache_point(&body), added);
        assert_eq!(with_cache_point(&added.into()), added);
        for untouched in [r#"{"messages":[]}"#, r#"{"system":[]}"#, r#"{"system":null}"#, "no json"] {
            assert_eq!(with_cache_point(&untouched.into()), untouched);
        }
    }

    #[test]
    fn a_request_for_anthropics_endpoint_becomes_one_for_bedrock() {
        let there = Bytes::from_static(br#"{"anthropic_version":"bedrock-2023-05-31","messages":[], "z":1}"#);
        assert_eq!(invocation(&there).expect("JSON"), there);
        let here = Bytes::from_static(br#"{"model":"claude","stream":true,"messages":[{"a": 1.50}],"new":{}}"#);
        let expected = r#"{"anthropic_version":"bedrock-2023-05-31","messages":[{"a": 1.50}],"new":{}}"#;
        assert_eq!(invocation(&here).expect("JSON"), expected);
        assert!(invocation(&Bytes::from_static(b"[")).is_err());
    }
}
