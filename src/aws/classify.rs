//! Sorts the SDK's errors into [`Fault`]s, once for all services.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};

use super::fault::Fault;

/// What a call was for, to be named when it fails.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    /// The IAM action it needs: `cloudwatch:PutMetricAlarm`.
    pub action: &'a str,
    /// What it was done to: an alarm's name, a service.
    pub target: &'a str,
}

const THROTTLED: [&str; 9] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "LimitExceededException",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
];
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "AuthorizationErrorException",
];
const UNKNOWN_CALLER: [&str; 7] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
];

impl Doing<'_> {
    /// Sorts an error of the SDK.
    pub fn failed<E>(self, error: SdkError<E, HttpResponse>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let Self { action, target } = self;
        match &error {
            SdkError::ServiceError(answered) => {
                let meta = answered.err().meta();
                let status = answered.raw().status().as_u16();
                self.answered(meta.code().unwrap_or_default(), meta.message().unwrap_or_default(), status)
            }
            SdkError::ConstructionFailure(_) => {
                Fault::refused(format!("{action} on {target} cannot be asked: {}", DisplayErrorContext(&error)))
            }
            _ => Fault::Unsure(format!(
                "{action} on {target} got no answer: {}. Look at the route to AWS (VPC endpoint, DNS, proxy) and at its health page",
                DisplayErrorContext(&error)
            )),
        }
    }

    /// Sorts an error that AWS answered with.
    pub fn answered(self, code: &str, message: &str, status: u16) -> Fault {
        let Self { action, target } = self;
        let text = |what: String| Fault::Refused { code: code.to_owned(), text: what };
        match code {
            _ if THROTTLED.contains(&code) || status == 429 => {
                Fault::Throttled(format!("{action} on {target} was throttled ({code}): AWS will take it later"))
            }
            _ if DENIED.contains(&code) => text(format!(
                "{action} on {target} was denied: the role lacks {action}. Add it to the role's policy. AWS says: {message}"
            )),
            _ if UNKNOWN_CALLER.contains(&code) => text(format!(
                "{action} on {target} was refused because AWS does not accept the credentials ({code}). Renew them, or look at \
                 `aws.role` and the machine's clock"
            )),
            _ if status >= 500 => {
                Fault::Unsure(format!("{action} on {target} failed on AWS's side ({status} {code}): {message}"))
            }
            _ => text(format!("{action} on {target} was refused ({code}): {message}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: Doing<'_> = Doing { action: "ssm:PutParameter", target: "/banto/pool" };

    #[test]
    fn a_missing_right_is_named_with_what_to_do() {
        let fault = PUT.answered("AccessDeniedException", "not authorized", 400);
        assert!(fault.to_string().contains("the role lacks ssm:PutParameter. Add it"), "{fault}");
    }

    #[test]
    fn load_errors_on_their_side_and_refusals_are_three_things() {
        assert!(matches!(PUT.answered("ThrottlingException", "", 400), Fault::Throttled(_)));
        assert!(matches!(PUT.answered("InternalFailure", "", 500), Fault::Unsure(_)));
        assert!(matches!(PUT.answered("ParameterNotFound", "", 400), Fault::Refused { .. }));
    }
}
