//! What is said on a WebSocket: JSON objects with a `type`, one in each text frame.
//!
//! ```text
//! client  {"type":"ask","id":"1","text":"Is volume 12 out?"}           or with "request": a chat-completions body
//! server  {"type":"queued","id":"1","estimate_s":3}                    only when it has to wait for its turn
//! server  {"type":"begin","id":"1","banto":{"source":"primary",…}}
//! server  {"type":"token","id":"1","text":"Volume"}
//! server  {"type":"end","id":"1","finish_reason":"stop","trace_id":"…"}  or {"type":"error","id":"1","error":{…}}
//! server  {"type":"revision","id":"1","trace_id":"…","text":"…"}        later, when the answer turns out wrong
//! server  {"type":"status","status":"outage","message":{…},"estimated_recovery_s":120}
//! server  {"type":"back","ids":["1"],"message":{…}}                      those questions can be answered now
//! client  {"type":"cancel","id":"1"}      client  {"type":"ping"}  →  server  {"type":"pong"}
//! ```

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    api::{openai::error::ApiError, status::report::Report},
    engine::degrade::{language::Language, page::Page},
};

/// The longest id of a question. Unit: bytes.
const LONGEST_ID: usize = 128;

/// What a client says.
#[derive(Debug)]
pub(super) enum Said {
    /// A question: a chat-completions body.
    Ask { id: String, body: String },
    /// Never mind.
    Cancel { id: String },
    /// Are you there?
    Ping,
}

/// What names a question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    #[serde(rename = "type")]
    _kind: String,
    id: String,
}

impl Said {
    /// Reads a text frame.
    ///
    /// # Errors
    /// What cannot be understood, for the client.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow, rename = "type")]
            kind: std::borrow::Cow<'a, str>,
        }
        let kind = serde_json::from_str::<Kind<'_>>(text).map_err(|error| format!("not a message: {error}"))?;
        match &*kind.kind {
            "ask" => Ask::read(text),
            "cancel" => serde_json::from_str(text)
                .map(|Cancel { id, .. }| Self::Cancel { id })
                .map_err(|error| error.to_string()),
            "ping" => Ok(Self::Ping),
            other => Err(format!(
                "there is no message `{}`; say ask, cancel or ping",
                other.chars().take(40).collect::<String>()
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(rename = "type")]
    _kind: String,
    id: String,
    text: Option<String>,
    request: Option<Box<RawValue>>,
}

impl Ask {
    fn read(text: &str) -> Result<Said, String> {
        let Self { id, text, request, .. } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(format!("a question needs an `id` of 1 to {LONGEST_ID} bytes"));
        }
        let body = match (text, request) {
            (Some(text), None) => {
                json!({ "model": "banto", "stream": true, "messages": [{ "role": "user", "content": text }] })
                    .to_string()
            }
            (None, Some(request)) => request.get().to_owned(),
            _ => return Err("a question has either `text` or `request`".into()),
        };
        Ok(Said::Ask { id, body })
    }
}

/// What a server says, as JSON.
pub(super) fn welcome(report: &Report, page: &Page) -> Value {
    json!({ "type": "welcome", "status": brief(report, page) })
}

pub(super) fn status(report: &Report, page: &Page) -> Value {
    let mut message = brief(report, page);
    message["type"] = "status".into();
    message
}

/// The status API's answer without its history.
fn brief(report: &Report, page: &Page) -> Value {
    let mut whole = report.to_json(page);
    if let Some(whole) = whole.as_object_mut() {
        whole.retain(|name, _| !["incidents", "components"].contains(&name.as_str()));
    }
    whole
}

pub(super) fn queued(id: &str, seconds: u64) -> Value {
    json!({ "type": "queued", "id": id, "estimate_s": seconds })
}

pub(super) fn error(id: Option<&str>, error: &ApiError) -> Value {
    let body: Value = serde_json::from_str(&error.body()).unwrap_or_default();
    json!({ "type": "error", "id": id, "error": body["error"], "retry_after_s": error.retry_after.map(|wait| wait.as_secs().max(1)) })
}

pub(super) fn revision(id: &str, trace_id: &str, text: &str) -> Value {
    json!({ "type": "revision", "id": id, "trace_id": trace_id, "text": text })
}

pub(super) fn back(ids: &[String]) -> Value {
    let words = |language| match language {
        Language::En => "The assistant is back. Your question can be answered now.",
        Language::Ja => "アシスタントが復旧しました。先ほどのご質問にお答えできます。",
    };
    let message: serde_json::Map<_, _> =
        Language::ALL.map(|language| (language.code().to_owned(), words(language).into())).into_iter().collect();
    json!({ "type": "back", "ids": ids, "message": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_bytes_and_a_text_becomes_one() {
        let body = r#"{"model":"banto",  "messages":[]}"#;
        let Ok(Said::Ask { id, body: read }) = Said::read(&format!(r#"{{"type":"ask","id":"7","request":{body}}}"#))
        else {
            panic!("not a question")
        };
        assert_eq!((id.as_str(), read.as_str()), ("7", body));
        let Ok(Said::Ask { body, .. }) = Said::read(r#"{"id":"7","text":"hi","type":"ask"}"#) else {
            panic!("not a question")
        };
        assert!(body.contains(r#""content":"hi""#), "{body}");
    }

    #[test]
    fn what_cannot_be_meant_is_said_back() {
        for (text, told) in [
            ("", "not a message"),
            ("[]", "not a message"),
            (r#"{"type":"shout"}"#, "there is no message `shout`"),
            (r#"{"type":"ask","id":"","text":"x"}"#, "needs an `id`"),
            (r#"{"type":"ask","id":"1"}"#, "either `text` or `request`"),
            (r#"{"type":"ask","id":"1","text":"x","request":{}}"#, "either `text` or `request`"),
            (r#"{"type":"cancel","id":"1","x":1}"#, "unknown field"),
        ] {
            let said = Said::read(text).expect_err(text);
            assert!(said.contains(told), "{text}: {said}");
        }
        assert!(matches!(Said::read(r#"{"type":"ping"}"#), Ok(Said::Ping)));
    }
}
