//! Bedrock's runtime: bodies go in and come out as they are.
//!
//! The SDK finds the endpoint, signs, connects and reads errors. Its types for conversations stay empty: a closed set of
//! content blocks would drop what is newer than this program. `Verbatim` puts the request's own bytes in their place
//! before they are signed, and takes the response's before they are read. The SDK neither retries nor gives up here:
//! whoever asks owns both.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::{
    Client,
    config::{
        Builder, ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::{BoxError, DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::client::{interceptors::dyn_dispatch_hint, orchestrator::HttpResponse};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use bytes::{Bytes, BytesMut};

use super::{
    account::Account,
    event_stream::{Decoder, Frame},
};

/// An answer larger than this is none.
const LARGEST: usize = 16 << 20;

/// One model of Bedrock.
#[derive(Clone, Debug)]
pub struct Runtime {
    client: Client,
    model: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where it went wrong.
    pub at: Stage,
    /// Bedrock's code: `ThrottlingException`; empty when it sent none.
    pub code: String,
    /// The story, for the log.
    pub text: String,
    /// The wait that Bedrock asks for.
    pub retry_after: Option<Duration>,
}

/// Where a call went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The request could not be put together or signed: nothing was sent.
    Request,
    /// Nobody was reached.
    Connection,
    /// Bedrock answered with an error.
    Service,
    /// What came back cannot be read, or broke off.
    Answer,
}

/// An operation of the runtime with these bytes in place of what the SDK would send.
macro_rules! verbatim {
    ($runtime:expr, $operation:ident, $body:expr) => {{
        let (verbatim, answer) = Verbatim::new($body);
        let request = $runtime.client.$operation().model_id(&$runtime.model);
        request.customize().interceptor(verbatim).send().await.map_err(trouble)?;
        answer.take()
    }};
}

impl Runtime {
    /// The model with this id or inference profile, asked as this account.
    pub fn new(account: &Account, model: &str, connect: Duration) -> Self {
        let config = Builder::from(account.config())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(connect).disable_operation_timeout().build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), model: model.to_owned() }
    }

    /// Converse: a whole answer to a whole body.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn converse(&self, body: Bytes) -> Result<Bytes, Trouble> {
        whole(verbatim!(self, converse, body)).await
    }

    /// ConverseStream; resolves when the first frame may come.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn converse_stream(&self, body: Bytes) -> Result<Frames, Trouble> {
        Ok(Frames::of(verbatim!(self, converse_stream, body)))
    }

    /// InvokeModel: the model's own format.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn invoke(&self, body: Bytes) -> Result<Bytes, Trouble> {
        whole(verbatim!(self, invoke_model, body)).await
    }

    /// InvokeModelWithResponseStream; resolves when the first frame may come.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn invoke_stream(&self, body: Bytes) -> Result<Frames, Trouble> {
        Ok(Frames::of(verbatim!(self, invoke_model_with_response_stream, body)))
    }

    /// CountTokens.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn count(&self, body: Bytes) -> Result<Bytes, Trouble> {
        whole(verbatim!(self, count_tokens, body)).await
    }
}

/// The frames of an answer as they come.
pub struct Frames {
    pieces: ByteStream,
    decoder: Decoder,
}

impl Frames {
    fn of(body: SdkBody) -> Self {
        Self { pieces: ByteStream::new(body), decoder: Decoder::default() }
    }

    /// The next frame; `None` when the connection has ended cleanly, between two frames.
    ///
    /// # Errors
    /// [`Trouble`] in the middle of the answer: what Bedrock says in an exception, or what the connection did. Safe to drop.
    pub async fn next(&mut self) -> Result<Option<(String, Bytes)>, Trouble> {
        loop {
            match self.decoder.next_frame().map_err(|bad| broken(&bad))? {
                Some(Frame::Event { kind, payload }) => return Ok(Some((kind, payload))),
                Some(Frame::Exception { kind, payload }) => return Err(exception(&kind, &payload)),
                None => {}
            }
            match self.pieces.next().await {
                Some(piece) => self.decoder.push(&piece.map_err(|error| broken(&error))?),
                None if self.decoder.is_between_frames() => return Ok(None),
                None => return Err(broken(&"the stream ended in the middle of a frame")),
            }
        }
    }
}

async fn whole(body: SdkBody) -> Result<Bytes, Trouble> {
    let (mut pieces, mut whole) = (ByteStream::new(body), BytesMut::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        if whole.len() + piece.len() > LARGEST {
            return Err(broken(&format!("the answer is larger than {LARGEST} bytes")));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Sends the request's own bytes, and keeps the response's from being read into types.
#[derive(Debug)]
struct Verbatim {
    body: Bytes,
    answer: Answered,
}

/// Where the response's body is put.
#[derive(Clone, Debug, Default)]
struct Answered(Arc<Mutex<Option<SdkBody>>>);

impl Answered {
    fn put(&self, body: SdkBody) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    fn take(&self) -> SdkBody {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(SdkBody::empty)
    }
}

impl Verbatim {
    fn new(body: Bytes) -> (Self, Answered) {
        let answer = Answered::default();
        (Self { body, answer: answer.clone() }, answer)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Verbatim {
    fn name(&self) -> &'static str {
        "Verbatim"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.body.clone());
        request.headers_mut().insert("content-length", self.body.len().to_string());
        request.headers_mut().insert("content-type", "application/json");
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            // An empty object is an answer of every operation, an empty stream one of every other.
            self.answer.put(std::mem::replace(response.body_mut(), SdkBody::from("{}")));
        }
        Ok(())
    }
}

fn broken(what: &dyn std::fmt::Display) -> Trouble {
    Trouble { at: Stage::Answer, code: String::new(), text: format!("the answer broke off: {what}"), retry_after: None }
}

/// An exception within a stream is called as a service error is, but for its first letter.
fn exception(kind: &str, payload: &[u8]) -> Trouble {
    let mut letters = kind.chars();
    let code = letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str());
    let told = serde_json::from_slice::<serde_json::Value>(payload).ok();
    let message = told.as_ref().and_then(|told| told.get("message")?.as_str()).unwrap_or_default();
    let text = format!("{kind} in the middle of the answer: {}", message.chars().take(300).collect::<String>());
    Trouble { at: Stage::Service, code: code.unwrap_or_default(), text, retry_after: None }
}

fn trouble<E>(error: SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let at = match &error {
        SdkError::ConstructionFailure(_) => Stage::Request,
        SdkError::DispatchFailure(_) if lacks_credentials(&error) => Stage::Request,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Stage::Connection,
        SdkError::ServiceError(_) => Stage::Service,
        _ => Stage::Answer,
    };
    let wait = error.raw_response().and_then(|raw| raw.headers().get("retry-after")?.trim().parse().ok());
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default().to_owned();
    Trouble { at, code, text: DisplayErrorContext(&error).to_string(), retry_after: wait.map(Duration::from_secs) }
}

/// Whether the request was not sent because there was nobody to sign it as.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
        .any(|error| error.is::<CredentialsError>())
}
