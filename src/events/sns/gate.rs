//! Lets pass what SNS signed for a topic that is allowed.

use std::time::Duration;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use tracing::{info, warn};

use super::{
    certificates::{Certificates, Key},
    message::{Kind, Message},
    origin::Trusted,
};
use crate::{events::envelope::Carried, outbound::Outbound};

/// How long confirming a subscription may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Whom to listen to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The ARNs of the topics that are allowed.
    pub topics: Vec<String>,
    /// An address in place of SNS's own, for tests and endpoints of one's own.
    pub endpoint: Option<String>,
}

/// Lets pass what SNS signed for a topic that is allowed.
#[derive(Debug)]
pub struct Gate {
    topics: Vec<String>,
    trusted: Trusted,
    certificates: Certificates,
    outbound: Outbound,
}

/// What passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A message, and what its envelope says of it.
    Notification(String, Carried),
    /// The subscription to this topic is confirmed.
    Subscribed(String),
    /// The subscription to this topic is over.
    Unsubscribed(String),
}

/// Why a delivery did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a delivery of SNS.
    #[error("{0}")]
    Unreadable(String),
    /// It is not from SNS, or not from a topic that is allowed.
    #[error("{0}")]
    Forbidden(String),
    /// It cannot be verified now; SNS will send it again.
    #[error("{0}")]
    Later(String),
}

impl Gate {
    /// A gate for these topics.
    pub fn new(settings: Settings, outbound: Outbound) -> Self {
        let trusted = settings.endpoint.map_or(Trusted::Amazon, Trusted::Endpoint);
        Self { topics: settings.topics, trusted, certificates: Certificates::new(outbound.clone()), outbound }
    }

    /// Verifies a delivery, and confirms its subscription when that is what it asks for.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn pass(&self, body: &str) -> Result<Passed, Refused> {
        let message: Message = serde_json::from_str(body)
            .map_err(|error| Refused::Unreadable(format!("this is not a delivery of SNS ({error})")))?;
        self.verify(&message).await?;
        match message.kind {
            Kind::Notification => {
                let at = chrono::DateTime::parse_from_rfc3339(&message.timestamp).ok();
                let carried = Carried { id: Some(message.message_id), at: at.map(|at| at.to_utc().into()) };
                Ok(Passed::Notification(message.message, carried))
            }
            Kind::SubscriptionConfirmation => self.confirm(message).await,
            Kind::UnsubscribeConfirmation => {
                warn!(
                    topic = message.topic_arn,
                    "The subscription to an SNS topic is over: its events no longer come."
                );
                Ok(Passed::Unsubscribed(message.topic_arn))
            }
        }
    }

    async fn verify(&self, message: &Message) -> Result<(), Refused> {
        if !self.topics.contains(&message.topic_arn) {
            return Err(Refused::Forbidden(format!(
                "the topic `{}` is not allowed here. Add it to `events.sns.topics` of the configuration",
                message.topic_arn
            )));
        }
        let algorithm = algorithm(&message.signature_version).ok_or_else(|| {
            Refused::Unreadable(format!("SignatureVersion `{}` is not known; 1 and 2 are", message.signature_version))
        })?;
        let address = self.trusted.admit(&message.signing_cert_url, message.region()).map_err(Refused::Forbidden)?;
        let signature = STANDARD.decode(&message.signature);
        let signature = signature.map_err(|_| Refused::Forbidden("the signature is not base64".into()))?;
        let key: Key = self.certificates.key(&address).await.map_err(Refused::Later)?;
        let key = UnparsedPublicKey::new(algorithm, key);
        key.verify(message.signed_text().as_bytes(), &signature)
            .map_err(|_| Refused::Forbidden("the signature does not fit the message: SNS did not send it so".into()))
    }

    async fn confirm(&self, message: Message) -> Result<Passed, Refused> {
        let url = message.subscribe_url.as_deref().unwrap_or_default();
        let address = self.trusted.admit(url, message.region()).map_err(Refused::Forbidden)?;
        let later = |why: String| Refused::Later(format!("the subscription could not be confirmed: {why}"));
        let request = Request::get(address).body(Bytes::new()).map_err(|error| later(error.to_string()))?;
        let answer = self.outbound.send(request, DEADLINE).await.map_err(|error| later(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(later(format!("SNS answers {}", answer.status)));
        }
        info!(topic = message.topic_arn, "Subscribed to an SNS topic.");
        Ok(Passed::Subscribed(message.topic_arn))
    }
}

fn algorithm(version: &str) -> Option<&'static RsaParameters> {
    match version {
        "1" => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        "2" => Some(&RSA_PKCS1_2048_8192_SHA256),
        _ => None,
    }
}
