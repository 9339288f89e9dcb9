//! Plain events: `{"kind": "deployment", "subject": "prompt v2.4", "at": …, "details": {…}}`, for the controller.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{clock::Timestamp, controller::event::Event};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(rename = "id")]
    _id: Option<String>,
    kind: String,
    subject: String,
    at: Option<Moment>,
    #[serde(default)]
    details: BTreeMap<String, String>,
}

/// Milliseconds since 1970, or RFC 3339.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Millis(i64),
    Text(chrono::DateTime<chrono::Utc>),
}

/// Reads one. What lies in the future happened now: it was announced now.
///
/// # Errors
/// For people.
pub(super) fn event(body: &Value, now: Timestamp) -> Result<Event, String> {
    let sent = Sent::deserialize(body).map_err(|error| {
        format!("an event with `kind` and `subject` may also have `id`, `at` and `details` of texts, and nothing else: {error}")
    })?;
    let at = sent.at.map_or(now, |at| match at {
        Moment::Millis(millis) => Timestamp(millis),
        Moment::Text(at) => at.into(),
    });
    Ok(Event { at: at.min(now), kind: sent.kind, subject: sent.subject, details: sent.details })
}

/// What a deployment was of: the first word of its subject, where that is known.
pub(super) fn deployed(subject: &str) -> &'static str {
    let part = subject.split_whitespace().next().unwrap_or_default();
    ["prompt", "model", "infrastructure"].into_iter().find(|known| *known == part).unwrap_or("service")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_772_326_800_000);

    #[test]
    fn its_time_may_be_written_in_two_ways_and_is_never_later_than_now() {
        let at = |at: Value| {
            event(&json!({ "kind": "sale", "subject": "Akira", "at": at }), NOW).map(|event| event.at.0).ok()
        };
        assert_eq!(at(json!(1_000)), Some(1_000));
        assert_eq!(at(json!("1970-01-01T00:00:01Z")), Some(1_000));
        assert_eq!(at(json!("2999-01-01T00:00:00Z")), Some(NOW.0));
        assert_eq!(at(json!(null)), Some(NOW.0));
        assert_eq!(at(json!("tomorrow")), None);
    }

    #[test]
    fn what_else_is_in_it_is_told() {
        let why = event(&json!({ "kind": "sale", "subject": "Akira", "wen": 1 }), NOW).expect_err("unknown field");
        assert!(why.contains("unknown field `wen`"), "{why}");
    }
}
