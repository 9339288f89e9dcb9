//! Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}` with the status its clients expect.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::engine::{
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

    /// 429: over a limit; `scope` tells the user's own from the shop's.
    pub fn rate_limited(own: bool, wait: Duration) -> Self {
        let seconds = wait.as_secs().max(1);
        let message = if own {
            format!("You are sending requests faster than your limit allows. Wait {seconds} s before the next one.")
        } else {
            format!("Demand is high and the waiting line is full. A place should be free in about {seconds} s.")
        };
        let code = if own { "rate_limit_exceeded" } else { "capacity_exceeded" };
        let kind = if own { "requests" } else { "overloaded_error" };
        Self { retry_after: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, kind, Some(code), message) }
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
            Refusal::Limited(limited) => Self::rate_limited(limited.own, limited.wait),
            Refusal::NotCached => Self::not_cached(),
        }
    }
}
