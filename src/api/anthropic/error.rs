//! Errors in Anthropic's form: `{"type": "error", "error": {"type", "message"}}` with the status its clients expect.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use crate::{
    api::{keys::Unknown, openai::error::ApiError, payload::Payload},
    engine::{
        answer::Refusal,
        model::failure::{Class, Failure},
    },
};

/// An error for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnthropicError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    retry_after: Option<Duration>,
    label: &'static str,
    /// Whether the client's own retry could help.
    may_retry: bool,
}

impl AnthropicError {
    fn new(status: u16, kind: &'static str, label: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, kind, message: message.into(), retry_after: None, label, may_retry: true }
    }

    pub(super) fn unknown_path() -> Self {
        Self::new(404, "not_found_error", "invalid", "There is nothing at this path.")
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(405, "invalid_request_error", "invalid", "Method not allowed: use POST.")
    }

    pub(super) fn unauthorized(unknown: Unknown) -> Self {
        let message = match unknown.given {
            true => "invalid x-api-key: use a key that is configured under `keys:` in Banto's configuration.",
            false => "x-api-key header is required.",
        };
        Self::new(401, "authentication_error", "unauthorized", message)
    }

    /// What a user is told of a model's failure: never the provider's own words.
    pub(super) fn from_failure(failure: &Failure) -> Self {
        match failure.class {
            Class::Invalid if failure.is_untranslatable() => {
                Self::new(400, "invalid_request_error", "invalid", &*failure.detail)
            }
            Class::Invalid => {
                let message = "The model cannot work with this request. Check its parameters and its length.";
                Self::new(400, "invalid_request_error", "invalid", message)
            }
            // Everything has been tried already.
            _ => Self { may_retry: false, ..Self::new(500, broken(failure).0, "upstream", broken(failure).1) },
        }
    }

    /// The metric label of `answers.errors`.
    pub(super) fn label(&self) -> &'static str {
        self.label
    }

    /// The error as a response.
    pub(super) fn response(&self, id: &str) -> Response<Payload> {
        let mut response = super::json(body(self.kind, &self.message, id).to_string(), id);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, wait.as_secs().max(1).into());
        }
        if !self.may_retry {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}

/// The event that ends a stream whose answer will never be whole.
pub(super) fn event(failure: &Failure, id: &str) -> Value {
    let (kind, message) = broken(failure);
    body(kind, message, id)
}

fn body(kind: &str, message: &str, id: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": format!("req_{id}") })
}

fn broken(failure: &Failure) -> (&'static str, &'static str) {
    match failure.class {
        Class::Throttled => ("rate_limit_error", "The model refused to go on for its own load."),
        Class::Overloaded => ("overloaded_error", "The model is overloaded."),
        _ => {
            let message = "The answer broke off because the model behind it failed. The incident is recorded.";
            ("api_error", message)
        }
    }
}

impl From<ApiError> for AnthropicError {
    fn from(error: ApiError) -> Self {
        let label = error.label();
        let (status, kind) = match error.status.as_u16() {
            // Only a cached answer was wanted, and there is none.
            404 | 504 => (404, "not_found_error"),
            413 => (413, "request_too_large"),
            429 => (429, "rate_limit_error"),
            503 => (529, "overloaded_error"),
            status @ 400..=499 => (status, "invalid_request_error"),
            _ => (500, "api_error"),
        };
        Self { retry_after: error.retry_after, ..Self::new(status, kind, label, error.message) }
    }
}

impl From<Refusal> for AnthropicError {
    fn from(refusal: Refusal) -> Self {
        ApiError::from(refusal).into()
    }
}
