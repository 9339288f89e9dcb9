//! PagerDuty, Events API v2: incidents through `enqueue`, remedies as change events, which never page.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::channel::{Channel, NotSent, head, judge};
use crate::{
    controller::{
        alarm::Severity,
        notice::{Notice, NoticeKind},
    },
    outbound::Outbound,
};

/// Where PagerDuty takes events.
pub const ENDPOINT: &str = "https://events.pagerduty.com";
/// PagerDuty's limits. Unit: bytes.
const MOST_KEY: usize = 255;
const MOST_SUMMARY: usize = 1_024;
const MOST_BODY: usize = 512 * 1_024;
/// What is left of a body's limit for everything but the text itself, escaped.
const MOST_TEXT: usize = 64 * 1_024;
const WITHIN: Duration = Duration::from_secs(10);

/// One PagerDuty service.
pub struct PagerDuty {
    outbound: Outbound,
    endpoint: String,
    routing_key: String,
    source: String,
}

impl PagerDuty {
    /// `source` is who says so: this installation's name.
    pub fn new(outbound: Outbound, endpoint: &str, routing_key: String, source: String) -> Self {
        Self { outbound, endpoint: endpoint.trim_end_matches('/').to_owned(), routing_key, source }
    }

    /// The path and the body of a notice's event.
    fn event(&self, notice: &Notice) -> (&'static str, Value) {
        let links: Vec<_> = notice.links.iter().map(|(text, href)| json!({ "href": href, "text": text })).collect();
        let mut payload = json!({
            "summary": head(&notice.summary, MOST_SUMMARY),
            "source": self.source,
            "timestamp": notice.at.to_string(),
            "custom_details": { "id": notice.id, "text": head(&notice.body, MOST_TEXT) },
        });
        if notice.kind == NoticeKind::Change {
            return (
                "/v2/change/enqueue",
                json!({ "routing_key": self.routing_key, "payload": payload, "links": links }),
            );
        }
        payload["severity"] = json!(severity(notice.severity));
        let action = match notice.kind {
            NoticeKind::Acknowledge => "acknowledge",
            NoticeKind::Resolve => "resolve",
            NoticeKind::Trigger | NoticeKind::Change => "trigger",
        };
        let event = json!({
            "routing_key": self.routing_key,
            "event_action": action,
            "dedup_key": head(&notice.dedup_key, MOST_KEY),
            "client": "Banto",
            "payload": payload,
            "links": links,
        });
        ("/v2/enqueue", event)
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::P1 => "critical",
        Severity::P2 => "error",
        Severity::P3 => "warning",
    }
}

#[async_trait]
impl Channel for PagerDuty {
    async fn send(&self, notice: &Notice) -> Result<(), NotSent> {
        let (path, event) = self.event(notice);
        let body = event.to_string();
        if body.len() > MOST_BODY {
            return Err(NotSent::Never(format!("the event has {} bytes; PagerDuty takes {MOST_BODY}", body.len())));
        }
        let request = Request::post(format!("{}{path}", self.endpoint)).header("content-type", "application/json");
        let request = request.body(Bytes::from(body)).map_err(|e| NotSent::Never(e.to_string()))?;
        let answer = self.outbound.send(request, WITHIN).await.map_err(|e| NotSent::Later(e.to_string()))?;
        judge("PagerDuty", &answer)
    }

    /// PagerDuty takes about 120 a minute for one key; some of them may be sent by other programs.
    fn most_per_minute(&self) -> usize {
        100
    }

    /// PagerDuty asks for minutes.
    fn patience(&self, failures: u32) -> Duration {
        Duration::from_secs(60 * u64::from(failures.clamp(1, 10)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn event(kind: NoticeKind, summary: &str, key: &str) -> (&'static str, Value) {
        let outbound = Outbound::new().expect("certificates");
        let notice = Notice {
            id: "n-1".into(),
            dedup_key: key.into(),
            kind,
            severity: Severity::P1,
            at: Timestamp(0),
            summary: summary.into(),
            body: "what happened".into(),
            links: vec![("Runbook".into(), "https://example.com".into())],
        };
        PagerDuty::new(outbound, ENDPOINT, "key".into(), "banto".into()).event(&notice)
    }

    #[test]
    fn a_remedy_is_a_change_event_and_pages_nobody() {
        let (path, event) = event(NoticeKind::Change, "pool 10 → 25", "k");
        assert_eq!((path, event.get("event_action")), ("/v2/change/enqueue", None));
    }

    #[test]
    fn long_texts_are_cut_at_pagerdutys_limits_between_characters() {
        let (_, event) = event(NoticeKind::Trigger, &"漫".repeat(1_000), &"鍵".repeat(100));
        let length = |value: &Value| value.as_str().map(str::len);
        assert_eq!((length(&event["payload"]["summary"]), length(&event["dedup_key"])), (Some(1_023), Some(255)));
    }
}
