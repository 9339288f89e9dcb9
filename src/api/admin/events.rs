//! `POST /v1/events`: what other systems tell us.
//!
//! Deliveries of SNS are let in by their signature, everything else by the operator's token; SNS can send that too, as the
//! password of its URL, which is how its unsigned raw deliveries come in. Whoever gets an error should send it again later
//! when its status is 5xx, and never when it is 4xx.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use serde_json::json;

use super::{AdminError, Desk, Shared, may_pass};
use crate::{
    events::{
        envelope::Carried,
        intake::{Channel, OnFailure, Refused, Verdict},
        sns::{self, Passed},
    },
    telemetry::catalogue::EVENTS_REFUSED,
};

/// What SNS says of a delivery in its headers.
const KIND: &str = "x-amz-sns-message-type";
const RAW: &str = "x-amz-sns-rawdelivery";
const ID: &str = "x-amz-sns-message-id";

pub(super) async fn receive(State(desk): Shared, headers: HeaderMap, body: Bytes) -> Result<Response, AdminError> {
    let is_raw = headers.get(RAW).is_some_and(|raw| raw.as_bytes().eq_ignore_ascii_case(b"true"));
    let from_sns = headers.contains_key(KIND);
    if (!from_sns || is_raw) && !may_pass(&desk, token(&headers).as_deref()) {
        // SNS sends the password of its URL only to those who ask for it.
        return Ok(([(WWW_AUTHENTICATE, "Basic realm=\"banto\"")], AdminError::no_token()).into_response());
    }
    let text = std::str::from_utf8(&body).map_err(|_| AdminError::invalid("the delivery is not UTF-8 text"))?;
    let (text, carried, channel) = match from_sns && !is_raw {
        true => match signed(&desk, text).await? {
            Passed::Notification(text, carried) => (text, carried, Channel::Sns),
            Passed::Subscribed(topic) => return Ok(Json(json!({ "subscribed": topic })).into_response()),
            Passed::Unsubscribed(topic) => return Ok(Json(json!({ "unsubscribed": topic })).into_response()),
        },
        false => {
            let id = headers.get(ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
            let channel = if is_raw { Channel::Sns } else { Channel::Http };
            (text.to_owned(), Carried { id, at: None }, channel)
        }
    };
    let verdicts = desk.intake.receive(&text, &carried, channel, OnFailure::Keep).await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "events": shown(&verdicts) }))).into_response())
}

/// What SNS signed for a topic that is allowed.
async fn signed(desk: &Desk, text: &str) -> Result<Passed, AdminError> {
    desk.gate.pass(text).await.map_err(|refused| match &refused {
        sns::Refused::Later(why) => AdminError::unavailable(why.clone()),
        sns::Refused::Unreadable(why) => AdminError::invalid(why.clone()),
        sns::Refused::Forbidden(why) => {
            desk.registry.counter(&EVENTS_REFUSED, &["unsigned"]).inc();
            tracing::warn!(why, "A delivery that claims to be of SNS was refused.");
            AdminError::forbidden(why.clone())
        }
    })
}

fn refused(refused: Refused) -> AdminError {
    match refused {
        Refused::Unreadable(why) => AdminError::invalid(why),
        Refused::Elsewhere => AdminError::not_found(refused.to_string()),
        Refused::Full(why) => AdminError::unavailable(why),
    }
}

/// Verdicts as shown; of a long batch the first tell enough.
fn shown(verdicts: &[Verdict]) -> &[Verdict] {
    verdicts.get(..100).unwrap_or(verdicts)
}

/// The token of a `Bearer` header, or the password of a `Basic` one.
fn token(headers: &HeaderMap) -> Option<String> {
    if let Some(bearer) = crate::api::keys::bearer(headers) {
        return Some(bearer.to_owned());
    }
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(std::str::from_utf8(&decoded).ok()?.split_once(':')?.1.to_owned())
}
