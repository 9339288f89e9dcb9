//! Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}` with the status its clients expect.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::engine::{
    admit::{Limited, Scope},
    answer::Refusal,
    model::failure::{Class, Failure},
};

/// An error for a client. The message says what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// OpenAI's `code`.
    pub code: Option<String>,
    /// The parameter that is wrong.
    pub param: Option<&'static str>,
    /// For people.
    pub message: String,
    /// When to come back, if coming back helps.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: Option<&str>, message: impl Into<String>) -> Self {
        let code = code.map(str::to_owned);
        Self { status, kind, code, param: None, message: message.into(), retry_after: None }
    }

    /// 400: the request cannot be understood.
    pub fn invalid(param: Option<&'static str>, code: Option<&str>, message: impl Into<String>) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message) }
    }

    /// 400: a parameter has the wrong type.
    pub fn wrong_type(param: &'static str, expected: &str, got: &str) -> Self {
        let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::invalid(Some(param), Some("invalid_type"), message)
    }

    /// 401: no key, or a wrong one.
    pub fn unauthorized(given: bool) -> Self {
        let message = if given {
            "Incorrect API key provided. Use a key that is configured under `keys:` in Banto's configuration."
        } else {
            "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY`."
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message)
    }

    /// 404: a model that nobody configured.
    pub fn unknown_model(name: &str, known: &str) -> Self {
        let message =
            format!("The model `{name}` does not exist or you do not have access to it. Known models: {known}.");
        Self {
            param: Some("model"),
            ..Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
        }
    }

    /// 404: no such path.
    pub fn unknown_path(method: &http::Method, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {path})");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("unknown_url"), message)
    }

    /// 404: a controller on its own answers no questions.
    pub fn no_engine_here() -> Self {
        let message = "This process is a controller and answers no questions. Send the request to an engine node.";
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("no_engine_here"), message)
    }

    /// 404: no embedding model is configured.
    pub fn no_embedder() -> Self {
        let message = "No embedding model is configured here. Name one under `embedder:` in Banto's configuration.";
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("no_embedder"), message)
    }

    /// 503 when the embedding model has too much to do, 502 when it failed.
    pub fn embedder_failed(is_busy: bool) -> Self {
        let message = "The embedding model did not answer. The incident is recorded.";
        let error = |status, code| Self::new(status, "server_error", Some(code), message);
        match is_busy {
            true => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..error(StatusCode::SERVICE_UNAVAILABLE, "embedder_busy")
            },
            false => error(StatusCode::BAD_GATEWAY, "upstream_error"),
        }
    }

    /// 405: the path exists, the method does not.
    pub fn wrong_method(method: &http::Method, path: &str) -> Self {
        let message = format!("Not allowed to {method} on {path}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", Some("method_not_supported"), message)
    }

    /// 426: a WebSocket is opened here, and this is not how.
    pub fn no_upgrade() -> Self {
        let message = "Open a WebSocket here: GET with `Connection: Upgrade`, `Upgrade: websocket`, `Sec-WebSocket-Version: 13` \
                       and a `Sec-WebSocket-Key`.";
        Self::new(StatusCode::UPGRADE_REQUIRED, "invalid_request_error", Some("upgrade_required"), message)
    }

    /// 403: a page of another origin wants to open a WebSocket.
    pub fn wrong_origin() -> Self {
        let message = "This page may not open a WebSocket here. Name its origin under `sockets.origins` in Banto's configuration.";
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", Some("origin_not_allowed"), message)
    }

    /// 503: as many WebSockets as may be are open.
    pub fn too_many_sockets() -> Self {
        let message = "As many WebSockets are open on this node as it may hold. Connect to another node.";
        Self {
            retry_after: Some(Duration::from_secs(5)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded_error", Some("too_many_connections"), message)
        }
    }

    /// 429: so many questions of one connection are under way already.
    pub fn too_many_questions(most: usize) -> Self {
        let message = format!("{most} questions of this connection are under way. Wait for one of them to end.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "requests", Some("too_many_questions"), message)
    }

    /// 408: the body did not arrive in time.
    pub fn too_slow() -> Self {
        let message = "The request's body did not arrive in time. Send it without long pauses.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", Some("request_timeout"), message)
    }

    /// 413: more bytes than the configuration allows.
    pub fn too_large(limit: u64) -> Self {
        let message = format!("The request is larger than {limit} bytes. Shorten the prompt, or raise `limits.body`.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", Some("request_too_large"), message)
    }

    /// 429: over a limit. The message says which one, and the wait is the one that there is.
    pub fn rate_limited(limited: Limited) -> Self {
        let seconds = limited.wait.as_secs_f64().ceil().max(1.0);
        let (kind, code, message) = match limited.scope {
            Scope::User => (
                "requests",
                "rate_limit_exceeded",
                format!(
                    "You are sending requests faster than your limit allows. The next one is let in after {seconds} s."
                ),
            ),
            Scope::Network => (
                "requests",
                "network_limit_exceeded",
                format!(
                    "Your network is sending requests faster than the limit for one network allows. The next one is let in after {seconds} s."
                ),
            ),
            Scope::Tier(tier) => (
                "overloaded_error",
                "tier_capacity_exceeded",
                format!(
                    "The share of capacity for {} callers is used up and its waiting line is full. A place should be free in about {seconds} s.",
                    tier.label()
                ),
            ),
            Scope::Global => (
                "overloaded_error",
                "capacity_exceeded",
                format!("Demand is high and the waiting line is full. A place should be free in about {seconds} s."),
            ),
        };
        Self { retry_after: Some(limited.wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, kind, Some(code), message) }
    }

    /// 504: only a cached answer was wanted, and there is none.
    pub fn not_cached() -> Self {
        let message = "There is no cached answer, and `Cache-Control: only-if-cached` forbids asking a model.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "invalid_request_error", Some("not_cached"), message)
    }

    /// 503: shutting down.
    pub fn stopping() -> Self {
        let message = "This server is shutting down. Send the request to another node.";
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("shutting_down"), message)
        }
    }

    /// What a user is told of a model's failure: never the provider's own words.
    pub fn from_failure(failure: &Failure) -> Self {
        match failure.class {
            // These words are ours.
            Class::Invalid if failure.is_untranslatable() => {
                Self::invalid(None, failure.code.as_deref(), &*failure.detail)
            }
            Class::Invalid => Self::invalid(
                None,
                failure.code.as_deref().or(Some("invalid_request")),
                "The model cannot work with this request. Check its parameters and its length.",
            ),
            _ => Self::new(
                StatusCode::BAD_GATEWAY,
                "server_error",
                Some("upstream_error"),
                "The answer broke off because the model behind it failed. The incident is recorded.",
            ),
        }
    }

    /// The body, `{"error": …}`.
    pub fn body(&self) -> String {
        json!({ "error": { "message": self.message, "type": self.kind, "param": self.param, "code": self.code } })
            .to_string()
    }

    /// The metric label of `answers.errors`.
    pub fn label(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "unauthorized",
            413 => "too_large",
            429 => "rate_limited",
            502 | 504 => "upstream",
            503 | 500 => "internal",
            _ => "invalid",
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Limited(limited) => Self::rate_limited(limited),
            Refusal::NotCached => Self::not_cached(),
            Refusal::UnknownPrompt(name) => Self::invalid(
                None,
                Some("invalid_header"),
                format!("The header `x-banto-prompt` names `{name}`, and there is no such prompt for this tenant."),
            ),
        }
    }
}
