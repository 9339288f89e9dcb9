//! What is wanted of which model: the path `/model/ID/OPERATION`, its id percent-encoded.

use http::Method;

use super::{PREFIX, error::BedrockError};
use crate::api::hints::decode;

/// An operation of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Converse,
    ConverseStream,
    Invoke,
    InvokeStream,
    CountTokens,
}

impl Operation {
    /// The model's id as it was before it was encoded, and what is wanted of it. An ARN may have slashes that are not encoded:
    /// the operation is what stands behind the last one.
    ///
    /// # Errors
    /// As the service answers to a path or a method that it does not know.
    pub(super) fn of(method: &Method, path: &str) -> Result<(String, Self), BedrockError> {
        let unknown = || BedrockError::unknown_operation();
        let (id, operation) = path.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('/')).ok_or_else(unknown)?;
        let operation = match operation {
            "converse" => Self::Converse,
            "converse-stream" => Self::ConverseStream,
            "invoke" => Self::Invoke,
            "invoke-with-response-stream" => Self::InvokeStream,
            "count-tokens" => Self::CountTokens,
            _ => return Err(unknown()),
        };
        if method != Method::POST || id.is_empty() {
            return Err(unknown());
        }
        let id = decode(id.as_bytes())
            .ok_or_else(|| BedrockError::invalid("The model's id is not percent-encoded UTF-8."))?;
        Ok((id, operation))
    }

    /// Whether the answer is wanted in frames.
    pub(super) fn is_stream(self) -> bool {
        matches!(self, Self::ConverseStream | Self::InvokeStream)
    }

    /// Whether the model is asked in its own format.
    pub(super) fn is_invoke(self) -> bool {
        matches!(self, Self::Invoke | Self::InvokeStream)
    }

    /// What the frames of its stream are, for readers who share them.
    pub(super) fn form(self) -> &'static str {
        if self.is_invoke() { "chunk frames" } else { "event frames" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<(String, Operation)> {
        Operation::of(&Method::POST, path).ok()
    }

    #[test]
    fn ids_and_arns_are_read_encoded_or_not() {
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0";
        for id in [arn, "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fa.b-v1%3A0"] {
            assert_eq!(of(&format!("/model/{id}/converse")), Some((arn.into(), Operation::Converse)));
        }
        assert_eq!(of("/model/a.b%3A0/invoke-with-response-stream"), Some(("a.b:0".into(), Operation::InvokeStream)));
    }

    #[test]
    fn what_is_no_operation_is_none() {
        for path in ["/model/x", "/model//converse", "/model/x/sing", "/model/%ZZ/converse", "/model/%FF/converse"] {
            assert_eq!(of(path), None, "{path}");
        }
        assert!(Operation::of(&Method::GET, "/model/x/converse").is_err());
    }
}
