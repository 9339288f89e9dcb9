//! A webhook: the notice as JSON, signed, so that the receiver can tell it from anybody else's.
//!
//! `X-Banto-Signature: t=SECONDS,v1=HEX` where HEX is HMAC-SHA-256 of `SECONDS.BODY` under the shared secret. The time is part
//! of it so that an old message cannot be sent again by somebody else; `X-Banto-Notice` is the stable id to drop repeats by.

use std::{fmt::Write, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::Request;

use super::channel::{Channel, NotSent, judge};
use crate::{clock::Clock, controller::notice::Notice, outbound::Outbound};

const WITHIN: Duration = Duration::from_secs(10);

/// One receiver.
pub struct Webhook {
    outbound: Outbound,
    url: String,
    key: hmac::Key,
    clock: Clock,
}

impl Webhook {
    /// `secret` is shared with the receiver.
    pub fn new(outbound: Outbound, url: String, secret: &str, clock: Clock) -> Self {
        Self { outbound, url, key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), clock }
    }

    fn signature(&self, body: &str) -> String {
        let at = self.clock.now().seconds();
        let tag = hmac::sign(&self.key, format!("{at}.{body}").as_bytes());
        let mut signature = format!("t={at},v1=");
        for byte in tag.as_ref() {
            let _ = write!(signature, "{byte:02x}");
        }
        signature
    }
}

#[async_trait]
impl Channel for Webhook {
    async fn send(&self, notice: &Notice) -> Result<(), NotSent> {
        let never = |e: &dyn std::fmt::Display| NotSent::Never(e.to_string());
        let body = serde_json::to_string(notice).map_err(|e| never(&e))?;
        let request = Request::post(&self.url)
            .header("content-type", "application/json")
            .header("x-banto-notice", &notice.id)
            .header("x-banto-signature", self.signature(&body));
        let request = request.body(Bytes::from(body)).map_err(|e| never(&e))?;
        let answer = self.outbound.send(request, WITHIN).await.map_err(|e| NotSent::Later(e.to_string()))?;
        judge("the webhook", &answer)
    }
}
