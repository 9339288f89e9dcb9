//! `GET /origin/{name}/{key…}` and `POST /origin/{name}`: the origin cache on the wire.
//!
//! The body of a GET is the service's JSON with its live fields put in; `x-banto-cache` says `hit`, `miss` or `stale`, `age`
//! how many seconds ago it was fetched, `x-banto-live` and `x-banto-absent` which fields were fetched now and which could
//! not be had and are `null`. A POST takes a list of keys and gives the same for each.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, keys::Keys, openai::chat, openai::error::ApiError, payload::Payload};
use crate::{
    engine::origin::{Found, OriginError, Origins, Via, client::Trouble},
    ids::TenantId,
};

/// What stands before the name.
pub const PREFIX: &str = "/origin/";
/// The longest list of keys. Unit: bytes.
const LONGEST: u64 = 64 << 10;

/// What the endpoint needs.
pub struct OriginApi {
    /// The cache.
    pub origins: Origins,
    /// Who may ask.
    pub keys: Keys,
}

/// One key of a list: its values, or its only value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    One(String),
    Several(Vec<String>),
}

impl OriginApi {
    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Payload> {
        self.try_answer(request).await.unwrap_or_else(|error| chat::refuse(&error))
    }

    async fn try_answer(&self, request: Request<Incoming>) -> Result<Response<Payload>, ApiError> {
        let (head, body) = request.into_parts();
        let caller = self.keys.caller(&head.headers).map_err(|unknown| ApiError::unauthorized(unknown.given))?;
        let path = head.uri.path();
        let segments =
            segments(path).ok_or_else(|| ApiError::invalid(None, None, "The path is not percent-encoded UTF-8."))?;
        match (&head.method, segments.split_first()) {
            (&Method::GET | &Method::HEAD, Some((name, key))) if !key.is_empty() => {
                Ok(self.one(&caller.tenant, name, key).await)
            }
            (&Method::POST, Some((name, []))) => {
                let asked = body::read(body, LONGEST).await?;
                self.several(&caller.tenant, name, &asked).await
            }
            (method, _) => Err(ApiError::wrong_method(method, path)),
        }
    }

    async fn one(&self, tenant: &TenantId, name: &str, key: &[String]) -> Response<Payload> {
        match self.origins.get(tenant, name, key.to_vec()).await {
            Ok(found) => whole(&found, name),
            Err(error) => said(status(&error), error_body(&error.to_string())),
        }
    }

    async fn several(&self, tenant: &TenantId, name: &str, asked: &Bytes) -> Result<Response<Payload>, ApiError> {
        let asked: Vec<Asked> = serde_json::from_slice(asked).map_err(|why| {
            let what = format!(
                "The body is not a list of keys such as [\"B08X1YRSTR\"] or [[\"user\", \"B08X1YRSTR\"]]: {why}."
            );
            ApiError::invalid(None, None, what)
        })?;
        let keys: Vec<Vec<String>> = asked
            .into_iter()
            .map(|asked| match asked {
                Asked::One(value) => vec![value],
                Asked::Several(values) => values,
            })
            .collect();
        Ok(match self.origins.get_many(tenant, name, keys.clone()).await {
            Ok(found) => {
                let values: Vec<_> = keys.iter().zip(&found).map(|(key, found)| entry(key, found)).collect();
                said(StatusCode::OK, json!({ "values": values }))
            }
            Err(error) => said(status(&error), error_body(&error.to_string())),
        })
    }
}

/// The segments behind the prefix, decoded.
fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix(PREFIX)?
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|s| super::hints::decode(s.as_bytes()))
        .collect()
}

fn whole(found: &Found, name: &str) -> Response<Payload> {
    let mut response = match &found.value {
        Some(value) => said(StatusCode::OK, value.clone()),
        None => said(StatusCode::NOT_FOUND, error_body(&format!("the origin `{name}` has no such thing"))),
    };
    let headers = response.headers_mut();
    headers.insert("x-banto-cache", HeaderValue::from_static(found.via.label()));
    headers.insert(header::AGE, found.age.as_secs().into());
    if found.via == Via::Stale {
        headers.insert(
            header::WARNING,
            HeaderValue::from_static("110 banto \"the origin does not answer; this has expired\""),
        );
    }
    for (header, fields) in [("x-banto-live", &found.merged), ("x-banto-absent", &found.absent)] {
        if let Ok(value) = HeaderValue::from_str(&fields.join(","))
            && !fields.is_empty()
        {
            headers.insert(header, value);
        }
    }
    response
}

fn entry(key: &[String], found: &Result<Found, OriginError>) -> Value {
    match found {
        Ok(found) => json!({
            "key": key,
            "cache": found.via.label(),
            "age_s": found.age.as_secs(),
            "found": found.value.is_some(),
            "value": found.value,
            "live": found.merged,
            "absent": found.absent,
        }),
        Err(error) => {
            json!({ "key": key, "cache": "none", "error": error.to_string(), "status": status(error).as_u16() })
        }
    }
}

fn status(error: &OriginError) -> StatusCode {
    match error {
        OriginError::Unknown(_) => StatusCode::NOT_FOUND,
        OriginError::Key(_) => StatusCode::BAD_REQUEST,
        OriginError::Failed(failed) => match failed.trouble {
            Trouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Trouble::Late => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}

fn error_body(message: &str) -> Value {
    json!({ "error": { "message": message } })
}

fn said(status: StatusCode, body: Value) -> Response<Payload> {
    let mut response = Response::new(Payload::from(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Live fields are true at this moment only.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
