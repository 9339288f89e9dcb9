//! Errors in Bedrock's form: a name in `x-amzn-errortype` and a message, with the status of the service's model. Within a
//! stream an error is a frame of its own: a stream that merely ends looks like a whole answer to its reader.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use serde_json::json;

use crate::{
    api::{openai::error::ApiError, payload::Payload, signature::Wrong},
    aws::event_stream::Frame,
    engine::{
        answer::Refusal,
        model::failure::{Class, Failure},
    },
};

/// An error for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BedrockError {
    status: StatusCode,
    /// The exception's name in the service's model, or what all services of AWS call it.
    name: &'static str,
    message: String,
    retry_after: Option<Duration>,
    label: &'static str,
}

impl BedrockError {
    fn new(status: u16, name: &'static str, label: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, name, message: message.into(), retry_after: None, label }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", "invalid", message)
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new(404, "UnknownOperationException", "invalid", "There is no such operation.")
    }

    pub(super) fn unsigned(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Incomplete(message) => Self::new(400, "IncompleteSignatureException", "unauthorized", message),
            Wrong::Skewed(message) | Wrong::Mismatch(message) => {
                Self::new(403, "InvalidSignatureException", "unauthorized", message)
            }
        }
    }

    pub(super) fn unknown_key() -> Self {
        let message = "The security token included in the request is invalid. Use an `access_key_id` that is configured \
                       under `keys:` in Banto's configuration.";
        Self::new(403, "UnrecognizedClientException", "unauthorized", message)
    }

    pub(super) fn wrong_token() -> Self {
        let message = "Authentication failed: use a key that is configured under `keys:` in Banto's configuration.";
        Self::new(403, "AccessDeniedException", "unauthorized", message)
    }

    pub(super) fn nobody() -> Self {
        let message = "Missing Authentication Token: sign the request, or send a key as a bearer token.";
        Self::new(403, "MissingAuthenticationTokenException", "unauthorized", message)
    }

    /// What a user is told of a model's failure: never the provider's own words.
    pub(super) fn from_failure(failure: &Failure) -> Self {
        match failure.class {
            Class::Invalid if failure.is_untranslatable() => Self::invalid(&*failure.detail),
            Class::Invalid => {
                Self::invalid("The model cannot work with this request. Check its parameters and its length.")
            }
            _ => {
                let (name, message) = broken(failure);
                let retry_after = failure.retry_after;
                let (status, name) = match name {
                    "throttlingException" => (429, "ThrottlingException"),
                    "serviceUnavailableException" => (503, "ServiceUnavailableException"),
                    // Everything else has been tried already; clients do not try this one again.
                    _ => (424, "ModelErrorException"),
                };
                Self { retry_after, ..Self::new(status, name, "upstream", message) }
            }
        }
    }

    /// The metric label of `answers.errors`.
    pub(super) fn label(&self) -> &'static str {
        self.label
    }

    /// The error as a response.
    pub(super) fn response(&self, id: &str) -> Response<Payload> {
        let body = json!({ "message": self.message }).to_string();
        let mut response = super::json(Bytes::from(body), id);
        *response.status_mut() = self.status;
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(self.name));
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, wait.as_secs().max(1).into());
        }
        response
    }
}

/// The frame that ends a stream whose answer will never be whole.
pub(super) fn exception(failure: &Failure) -> Frame {
    let (kind, message) = broken(failure);
    Frame::Exception { kind: kind.to_owned(), payload: json!({ "message": message }).to_string().into() }
}

/// The exception of a stream's model that comes closest, and words of ours.
fn broken(failure: &Failure) -> (&'static str, &'static str) {
    match failure.class {
        Class::Throttled => ("throttlingException", "The model refused to go on for its own load."),
        Class::Overloaded => ("serviceUnavailableException", "The model is overloaded."),
        Class::Invalid => ("validationException", "The model cannot work with this request."),
        Class::Server => ("internalServerException", "The model behind this answer failed. The incident is recorded."),
        _ => {
            let message = "The answer broke off because the model behind it failed. The incident is recorded.";
            ("modelStreamErrorException", message)
        }
    }
}

impl From<ApiError> for BedrockError {
    fn from(error: ApiError) -> Self {
        let label = error.label();
        let (status, name) = match error.status.as_u16() {
            404 => (404, "ResourceNotFoundException"),
            408 => (408, "RequestTimeoutException"),
            413 => (413, "RequestEntityTooLargeException"),
            429 => (429, "ThrottlingException"),
            503 => (503, "ServiceUnavailableException"),
            // Only a cached answer was wanted, and there is none.
            504 => (404, "ResourceNotFoundException"),
            400 => (400, "ValidationException"),
            _ => (500, "InternalServerException"),
        };
        Self { retry_after: error.retry_after, ..Self::new(status, name, label, error.message) }
    }
}

impl From<Refusal> for BedrockError {
    fn from(refusal: Refusal) -> Self {
        ApiError::from(refusal).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_never_quoted() {
        let failure = Failure::new(Class::Server, "secret words of a provider");
        let (error, frame) = (BedrockError::from_failure(&failure), exception(&failure));
        let told = format!("{error:?}{frame:?}");
        assert!(!told.contains("secret") && error.name == "ModelErrorException", "{told}");
    }
}
