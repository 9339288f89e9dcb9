//! Bedrock as a model: OpenAI's chat completions in and out, Converse in between.

mod conversation;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;

use super::{
    Deadlines, Events, Model, Reply,
    completion::Completion,
    deadline::{Stage, within},
    failure::{Class, Failure},
    usage::Usage,
};
use crate::{
    aws::{
        account::Account,
        bedrock::{self, Part, Parts, Runtime, Tokens, Trouble},
    },
    clock::Clock,
    engine::asked::Asked,
};

/// One model of Bedrock.
pub struct Bedrock {
    runtime: Runtime,
    model: String,
    cache_point: bool,
    clock: Clock,
}

impl Bedrock {
    /// The model with this id or inference profile; its system prompt is kept in the prompt cache if `cache_point` says so.
    pub fn new(account: &Account, model: &str, cache_point: bool, connect: Duration, clock: Clock) -> Self {
        Self { runtime: Runtime::new(account, model, connect), model: model.to_owned(), cache_point, clock }
    }

    fn completion(&self, asked: &Asked) -> Completion {
        Completion::new(&self.model, self.clock.now().seconds(), asked.text.as_bytes())
    }
}

#[async_trait]
impl Model for Bedrock {
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
        let mut conversation = conversation::read(&asked.body)?;
        conversation.cache_point = self.cache_point;
        let completion = self.completion(asked);
        if asked.stream {
            let asking = self.runtime.converse_stream(conversation);
            let parts = within(deadlines.head, Stage::Head, asking).await?.map_err(failure)?;
            return Ok(Reply::Events(events(Telling::new(parts, completion, *deadlines))));
        }
        let asking = self.runtime.converse(conversation);
        let answer = within(deadlines.whole, Stage::WholeBody, asking).await?.map_err(failure)?;
        Ok(Reply::Body(completion.body(&answer.text, finish(&answer.stop), &usage(answer.tokens))))
    }
}

/// A stream that is told on in OpenAI's events.
struct Telling {
    parts: Parts,
    completion: Completion,
    deadlines: Deadlines,
    begun: bool,
    stopped: bool,
    ended: bool,
}

impl Telling {
    fn new(parts: Parts, completion: Completion, deadlines: Deadlines) -> Self {
        Self { parts, completion, deadlines, begun: false, stopped: false, ended: false }
    }

    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        if self.ended {
            return None;
        }
        let next = self.advance().await.transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Failure> {
        let (span, stage) = match self.begun {
            false => (self.deadlines.first_token, Stage::FirstToken),
            true => (self.deadlines.between, Stage::NextEvent),
        };
        let part = within(span, stage, self.parts.next()).await?.map_err(failure)?;
        let first = !std::mem::replace(&mut self.begun, true);
        Ok(match part {
            Some(Part::Text(text)) if first => Some(self.completion.opening(&text)),
            Some(Part::Text(text)) => Some(self.completion.piece(&text)),
            Some(Part::Stop(reason)) => {
                self.stopped = true;
                Some(self.completion.closing(finish(&reason)))
            }
            Some(Part::Tokens(tokens)) => Some(self.completion.usage(&usage(tokens))),
            None if self.stopped => None,
            None => return Err(Failure::new(Class::Cut, "the stream ended before the answer did").coded("early_end")),
        })
    }
}

fn events(telling: Telling) -> Events {
    let telling = Box::new(telling);
    Box::pin(stream::unfold(telling, |mut telling| async { Some((telling.next().await?, telling)) }))
}

/// OpenAI counts cached tokens as part of the prompt, Bedrock beside it.
fn usage(tokens: Tokens) -> Usage {
    let Tokens { input, output, cache_read, cache_write } = tokens;
    Usage { prompt: input + cache_read + cache_write, completion: output, cache_read, cache_write }
}

fn finish(stop: &str) -> &'static str {
    match stop {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "content_filtered" | "guardrail_intervened" => "content_filter",
        "tool_use" => "tool_calls",
        _ => "stop",
    }
}

fn failure(trouble: Trouble) -> Failure {
    let class = match (trouble.at, trouble.code.as_str()) {
        (bedrock::Stage::Request, _) => Class::Refused,
        (bedrock::Stage::Connection, _) => Class::Connect,
        (bedrock::Stage::Answer, _) => Class::Cut,
        (_, "ThrottlingException" | "TooManyRequestsException" | "ServiceQuotaExceededException") => Class::Throttled,
        (_, "ServiceUnavailableException" | "ModelNotReadyException") => Class::Overloaded,
        (_, "InternalServerException" | "ModelErrorException" | "ModelStreamErrorException") => Class::Server,
        (_, "ModelTimeoutException") => Class::Timeout,
        (_, "ValidationException") => Class::Invalid,
        (_, code) if is_about_us(code) => Class::Refused,
        _ => Class::Unknown,
    };
    Failure::new(class, format!("Bedrock did not answer: {}", trouble.text))
        .coded(&trouble.code)
        .after(trouble.retry_after)
}

/// Rights, names and credentials.
fn is_about_us(code: &str) -> bool {
    ["AccessDenied", "NotFound", "Unrecognized", "ExpiredToken", "Signature", "InvalidClientToken", "NotAuthorized"]
        .iter()
        .any(|word| code.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_bedrock_find_their_class() {
        let class =
            |at, code: &str| failure(Trouble { at, code: code.into(), text: String::new(), retry_after: None }).class;
        for (code, expected) in [
            ("ThrottlingException", Class::Throttled),
            ("ModelNotReadyException", Class::Overloaded),
            ("ModelErrorException", Class::Server),
            ("ModelTimeoutException", Class::Timeout),
            ("ValidationException", Class::Invalid),
            ("AccessDeniedException", Class::Refused),
            ("ResourceNotFoundException", Class::Refused),
            ("InvalidSignatureException", Class::Refused),
            ("ModelDreamingException", Class::Unknown),
            ("", Class::Unknown),
        ] {
            assert_eq!(class(bedrock::Stage::Service, code), expected, "{code}");
        }
        assert_eq!(class(bedrock::Stage::Connection, ""), Class::Connect);
    }

    #[test]
    fn cached_tokens_are_part_of_the_prompt() {
        let tokens = Tokens { input: 30, output: 7, cache_read: 1_000, cache_write: 200 };
        assert_eq!(usage(tokens), Usage { prompt: 1_230, completion: 7, cache_read: 1_000, cache_write: 200 });
    }
}
