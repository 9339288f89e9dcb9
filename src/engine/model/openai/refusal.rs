//! What a provider's error means, whatever form it has.
//!
//! Providers, their gateways and the proxies before them disagree about errors, and change their minds. So the body is
//! read defensively: a few places where a code or a type may stand, known words in them, then the status. What is left is
//! [`Class::Unknown`], counted by its code. None of it is ever shown to a user.

use std::time::Duration;

use chrono::DateTime;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    engine::model::failure::{Class, Failure},
};

/// As much of a provider's message as goes into the log, in characters.
const MESSAGE: usize = 300;

/// The failure that a response tells of; without a status it came with a 200 or within a stream.
pub fn classify(status: Option<StatusCode>, body: &[u8]) -> Failure {
    let words = Words::read(body);
    let class = words.class().filter(|class| agrees(*class, status)).or_else(|| by_status(status?, words.is_silent()));
    let status = status.map_or_else(|| "an error in its answer".to_owned(), |status| format!("status {status}"));
    let failure = Failure::new(class.unwrap_or(Class::Unknown), format!("the model sent {status}{}", words.message()));
    match words.codes.first() {
        Some(code) => failure.coded(code),
        None => failure,
    }
}

/// How long the provider asks us to wait: `retry-after-ms`, or Retry-After in seconds or as a date.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1e3).ok();
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from(date.to_utc()).since(now))
}

/// What a body says about itself.
#[derive(Debug, Default)]
struct Words {
    /// Codes and types, the most telling first.
    codes: Vec<String>,
    message: Option<String>,
}

impl Words {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            return Self { codes: Vec::new(), message: Some(text.trim().to_owned()).filter(|text| !text.is_empty()) };
        };
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
        let error = value.get("error").filter(|error| error.is_object()).unwrap_or(value);
        let text = |value: &Value, key: &str| match value.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let places = ["code", "type", "status", "__type", "Code", "reason"];
        let mut codes: Vec<_> = places.iter().filter_map(|key| text(error, key)).collect();
        codes.sort_by_key(|code| code.parse::<u32>().is_ok());
        let message = ["message", "Message", "detail", "error"].iter().find_map(|key| text(error, key));
        Self { codes, message }
    }

    /// What the known words in it mean; `None` when there are none.
    fn class(&self) -> Option<Class> {
        self.codes.iter().find_map(|code| meaning(code))
    }

    fn is_silent(&self) -> bool {
        self.codes.iter().all(|code| code.parse::<u32>().is_ok())
    }

    fn message(&self) -> String {
        let Some(message) = &self.message else { return String::new() };
        let one_line = message.chars().map(|c| if c.is_control() { ' ' } else { c });
        format!(": {}", one_line.take(MESSAGE).collect::<String>())
    }
}

/// Words that mean the same wherever they stand; the first that fits counts.
const MEANINGS: &[(&str, Class)] = &[
    ("insufficientquota", Class::Refused),
    ("throttl", Class::Throttled),
    ("ratelimit", Class::Throttled),
    ("toomanyrequests", Class::Throttled),
    ("resourceexhausted", Class::Throttled),
    ("quota", Class::Throttled),
    ("overload", Class::Overloaded),
    ("unavailable", Class::Overloaded),
    ("notready", Class::Overloaded),
    ("capacity", Class::Overloaded),
    ("timeout", Class::Timeout),
    ("timedout", Class::Timeout),
    ("deadlineexceeded", Class::Timeout),
    ("servererror", Class::Server),
    ("internal", Class::Server),
    ("authentication", Class::Refused),
    ("unauthorized", Class::Refused),
    ("unauthenticated", Class::Refused),
    ("apikey", Class::Refused),
    ("accessdenied", Class::Refused),
    ("permission", Class::Refused),
    ("forbidden", Class::Refused),
    ("notfound", Class::Refused),
    ("expiredtoken", Class::Refused),
    ("billing", Class::Refused),
    ("invalidrequest", Class::Invalid),
    ("invalidargument", Class::Invalid),
    ("validation", Class::Invalid),
    ("contextlength", Class::Invalid),
    ("badrequest", Class::Invalid),
    ("unsupported", Class::Invalid),
    ("contentpolicy", Class::Invalid),
    ("contentfilter", Class::Invalid),
];

fn meaning(code: &str) -> Option<Class> {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    MEANINGS.iter().find(|(word, _)| letters.contains(word)).map(|(_, class)| *class)
}

/// A server error is the server's, whatever the body says about the request; and a 429 is a throttle unless money is out.
fn agrees(class: Class, status: Option<StatusCode>) -> bool {
    match status {
        Some(status) if status.is_server_error() => !matches!(class, Class::Invalid | Class::Refused),
        Some(StatusCode::TOO_MANY_REQUESTS) => matches!(class, Class::Throttled | Class::Overloaded | Class::Refused),
        _ => true,
    }
}

/// What the status alone means. A 400 with a code that nobody knows may be the provider's trouble, not the request's.
fn by_status(status: StatusCode, silent: bool) -> Option<Class> {
    Some(match status.as_u16() {
        400 | 413 | 415 | 422 if silent => Class::Invalid,
        401..=405 | 407 | 410 => Class::Refused,
        408 => Class::Timeout,
        425 | 429 => Class::Throttled,
        503 | 529 => Class::Overloaded,
        500..=599 => Class::Server,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> Class {
        classify(StatusCode::from_u16(status).ok(), body.as_bytes()).class
    }

    #[test]
    fn errors_of_every_form_find_their_class() {
        for (status, body, expected) in [
            (
                429,
                r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
                Class::Throttled,
            ),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, Class::Refused),
            (429, "busy", Class::Throttled),
            (400, r#"{"__type":"com.amazon.coral#ThrottlingException"}"#, Class::Throttled),
            (529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Class::Overloaded),
            (503, "<html>", Class::Overloaded),
            (500, r#"{"error":{"type":"invalid_request_error"}}"#, Class::Server),
            (502, "", Class::Server),
            (400, r#"{"error":{"type":"invalid_request_error","code":"unknown_parameter"}}"#, Class::Invalid),
            (422, r#"{"detail":[{"loc":["body"]}]}"#, Class::Invalid),
            (400, r#"{"error":{"code":"flux_capacitor_misaligned"}}"#, Class::Unknown),
            (418, "I'm a teapot", Class::Unknown),
            (401, r#"{"error":"nope"}"#, Class::Refused),
            (404, r#"{"error":{"code":"model_not_found"}}"#, Class::Refused),
            (408, "", Class::Timeout),
            (302, "", Class::Unknown),
            (400, r#"[{"error":{"code":400,"status":"RESOURCE_EXHAUSTED"}}]"#, Class::Throttled),
        ] {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_error_without_a_status_goes_by_its_words() {
        let failure = classify(None, br#"{"error":{"message":"The server had an error","type":"server_error"}}"#);
        assert_eq!((failure.class, failure.code.as_deref()), (Class::Server, Some("server_error")));
        assert_eq!(classify(None, br#"{"error":{"code":"new-thing"}}"#).code.as_deref(), Some("new_thing"));
    }

    #[test]
    fn a_message_is_cut_and_cleaned_for_the_log() {
        let body = format!(r#"{{"error":{{"message":"a\u0000\n{}"}}}}"#, "x".repeat(1_000));
        let detail = classify(Some(StatusCode::BAD_GATEWAY), body.as_bytes()).detail;
        assert!(detail.chars().count() < 400 && !detail.contains(char::is_control), "{detail}");
    }

    #[test]
    fn a_wait_is_read_as_seconds_milliseconds_or_a_date() {
        let wait = |name: &'static str, value: &'static str| {
            let headers =
                HeaderMap::from_iter([(http::HeaderName::from_static(name), http::HeaderValue::from_static(value))]);
            retry_after(&headers, Timestamp(784_111_767_000))
        };
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("retry-after", "-5"), None);
        assert_eq!(wait("retry-after", "soon"), None);
    }
}
