//! Bedrock's Converse: a conversation goes in, an answer comes out, whole or in pieces.
//!
//! The SDK neither retries nor gives up here: whoever asks owns both.

use std::{error::Error, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::{
    Client,
    config::{Builder, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
    error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::converse_stream::ConverseStreamOutput as Streaming,
    types::{
        CachePointBlock, CachePointType, ContentBlock, ContentBlockDelta, ConversationRole,
        ConverseStreamOutput as Event, InferenceConfiguration, Message, SystemContentBlock, TokenUsage,
        error::ConverseStreamOutputError as StreamError,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::event_stream::RawMessage;

use super::account::Account;

/// One model of Bedrock.
#[derive(Clone, Debug)]
pub struct Runtime {
    client: Client,
    model: String,
}

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// The system prompt, in paragraphs.
    pub system: Vec<String>,
    /// Whether the system prompt is to be kept in the prompt cache.
    pub cache_point: bool,
    /// Who said what, the user first and last, never the same one twice in a row.
    pub turns: Vec<Turn>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<i32>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
    /// Nucleus sampling.
    pub top_p: Option<f32>,
    /// Words that end the answer.
    pub stop: Vec<String>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The user's, or else the model's.
    pub by_user: bool,
    /// What was said, in paragraphs.
    pub text: Vec<String>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// Why it ended, in Bedrock's words: `end_turn`, `max_tokens`.
    pub stop: String,
    /// Its tokens.
    pub tokens: Tokens,
}

/// A part of a streamed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Some of its text.
    Text(String),
    /// It has ended, for this reason.
    Stop(String),
    /// Its tokens; comes after the end.
    Tokens(Tokens),
}

/// What an answer took. The three kinds of prompt tokens do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Prompt tokens beside the cached ones.
    pub input: u64,
    /// The answer's tokens.
    pub output: u64,
    /// Prompt tokens read from the prompt cache.
    pub cache_read: u64,
    /// Prompt tokens written to it.
    pub cache_write: u64,
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

impl Runtime {
    /// The model with this id or inference profile, asked as this account.
    pub fn new(account: &Account, model: &str, connect: Duration) -> Self {
        let config = Builder::from(account.config())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(connect).disable_operation_timeout().build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), model: model.to_owned() }
    }

    /// Asks for a whole answer.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn converse(&self, conversation: Conversation) -> Result<Answer, Trouble> {
        let sampling = sampling(&conversation);
        let request = self.client.converse().model_id(&self.model).inference_config(sampling);
        let request = request.set_system(Some(system(&conversation))).set_messages(Some(messages(conversation.turns)?));
        let answer = request.send().await.map_err(trouble)?;
        let said = answer.output().and_then(|output| output.as_message().ok()).map(Message::content);
        let texts = said.unwrap_or_default().iter().filter_map(|block| block.as_text().ok());
        Ok(Answer {
            text: texts.map(String::as_str).collect(),
            stop: answer.stop_reason().as_str().to_owned(),
            tokens: answer.usage().map(tokens).unwrap_or_default(),
        })
    }

    /// Asks for an answer in parts; resolves when the first may come.
    ///
    /// # Errors
    /// [`Trouble`] says where it went wrong.
    pub async fn converse_stream(&self, conversation: Conversation) -> Result<Parts, Trouble> {
        let sampling = sampling(&conversation);
        let request = self.client.converse_stream().model_id(&self.model).inference_config(sampling);
        let request = request.set_system(Some(system(&conversation))).set_messages(Some(messages(conversation.turns)?));
        request.send().await.map(Parts).map_err(trouble)
    }
}

/// The parts of an answer as they come.
pub struct Parts(Streaming);

impl Parts {
    /// The next part; `None` when the connection has ended cleanly.
    ///
    /// # Errors
    /// [`Trouble`] in the middle of the answer.
    pub async fn next(&mut self) -> Result<Option<Part>, Trouble> {
        while let Some(event) = self.0.stream.recv().await.map_err(trouble_midway)? {
            if let Some(part) = part(event) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

fn part(event: Event) -> Option<Part> {
    match event {
        Event::ContentBlockDelta(delta) => match delta.delta? {
            ContentBlockDelta::Text(text) => Some(Part::Text(text)),
            _ => None,
        },
        Event::MessageStop(stop) => Some(Part::Stop(stop.stop_reason.as_str().to_owned())),
        Event::Metadata(metadata) => metadata.usage.as_ref().map(tokens).map(Part::Tokens),
        _ => None,
    }
}

fn sampling(conversation: &Conversation) -> InferenceConfiguration {
    InferenceConfiguration::builder()
        .set_max_tokens(conversation.max_tokens)
        .set_temperature(conversation.temperature)
        .set_top_p(conversation.top_p)
        .set_stop_sequences(Some(conversation.stop.clone()).filter(|stop| !stop.is_empty()))
        .build()
}

fn system(conversation: &Conversation) -> Vec<SystemContentBlock> {
    let mut blocks: Vec<_> = conversation.system.iter().cloned().map(SystemContentBlock::Text).collect();
    if conversation.cache_point && !blocks.is_empty() {
        let point = CachePointBlock::builder().r#type(CachePointType::Default).build();
        blocks.extend(point.ok().map(SystemContentBlock::CachePoint));
    }
    blocks
}

fn messages(turns: Vec<Turn>) -> Result<Vec<Message>, Trouble> {
    let message = |turn: Turn| {
        let role = if turn.by_user { ConversationRole::User } else { ConversationRole::Assistant };
        let content = turn.text.into_iter().map(ContentBlock::Text).collect();
        Message::builder().role(role).set_content(Some(content)).build()
    };
    let unfit = |error: BuildError| Trouble {
        at: Stage::Request,
        code: String::new(),
        text: format!("the conversation cannot be put into Converse's form: {error}"),
        retry_after: None,
    };
    turns.into_iter().map(|turn| message(turn).map_err(unfit)).collect()
}

fn tokens(usage: &TokenUsage) -> Tokens {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
    Tokens {
        input: count(usage.input_tokens),
        output: count(usage.output_tokens),
        cache_read: count(usage.cache_read_input_tokens.unwrap_or(0)),
        cache_write: count(usage.cache_write_input_tokens.unwrap_or(0)),
    }
}

fn trouble<E, R>(error: SdkError<E, R>) -> Trouble
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + std::any::Any,
{
    let at = match &error {
        SdkError::ConstructionFailure(_) => Stage::Request,
        SdkError::DispatchFailure(_) if lacks_credentials(&error) => Stage::Request,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Stage::Connection,
        SdkError::ServiceError(_) => Stage::Service,
        _ => Stage::Answer,
    };
    let raw = error.raw_response().and_then(|raw| (raw as &dyn std::any::Any).downcast_ref::<HttpResponse>());
    let wait = raw.and_then(|raw| raw.headers().get("retry-after")?.trim().parse().ok());
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default().to_owned();
    Trouble { at, code, text: DisplayErrorContext(&error).to_string(), retry_after: wait.map(Duration::from_secs) }
}

/// An error within a stream: there the SDK keeps its code in its type alone.
fn trouble_midway(error: SdkError<StreamError, RawMessage>) -> Trouble {
    let code = match error.as_service_error() {
        Some(StreamError::ThrottlingException(_)) => "ThrottlingException",
        Some(StreamError::ServiceUnavailableException(_)) => "ServiceUnavailableException",
        Some(StreamError::InternalServerException(_)) => "InternalServerException",
        Some(StreamError::ModelStreamErrorException(_)) => "ModelStreamErrorException",
        Some(StreamError::ValidationException(_)) => "ValidationException",
        _ => "",
    };
    let told = trouble(error);
    let at = if told.at == Stage::Service { Stage::Service } else { Stage::Answer };
    let code = if told.code.is_empty() { code.to_owned() } else { told.code };
    Trouble { at, code, ..told }
}

/// Whether the request was not sent because there was nobody to sign it as.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
        .any(|error| error.is::<CredentialsError>())
}
