//! Bedrock as a model. It speaks Converse; a model of Anthropic's also speaks its maker's format, and every model its own,
//! both through InvokeModel. Bodies and events pass as they are; only a cache point is added where the operator wants one.

mod prepare;

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use super::{
    Deadlines, Events, Model, Reply,
    deadline::{Stage, within},
    failure::{Class, Failure},
};
use crate::{
    aws::{
        account::Account,
        bedrock::{self, Frames, Runtime, Trouble},
    },
    engine::{asked::Asked, dialect::Dialect},
};

/// One model of Bedrock.
pub struct Bedrock {
    runtime: Runtime,
    is_anthropic: bool,
    cache_point: bool,
}

impl Bedrock {
    /// The model with this id or inference profile; its system prompt is kept in the prompt cache if `cache_point` says so.
    pub fn new(account: &Account, model: &str, cache_point: bool, connect: Duration) -> Self {
        let is_anthropic = model.contains("anthropic.");
        Self { runtime: Runtime::new(account, model, connect), is_anthropic, cache_point }
    }

    /// The body to send: the one that came, but for what an operator's wish or another door adds to it.
    fn body(&self, asked: &Asked) -> Result<Bytes, Failure> {
        match asked.dialect {
            Dialect::Converse if self.cache_point => Ok(prepare::with_cache_point(&asked.body)),
            Dialect::Messages => prepare::invocation(&asked.body),
            _ => Ok(asked.body.clone()),
        }
    }
}

#[async_trait]
impl Model for Bedrock {
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
        let (body, converses) = (self.body(asked)?, asked.dialect == Dialect::Converse);
        if asked.stream {
            let asking = async {
                match converses {
                    true => self.runtime.converse_stream(body).await,
                    false => self.runtime.invoke_stream(body).await,
                }
            };
            let frames = within(deadlines.head, Stage::Head, asking).await?.map_err(failure)?;
            return Ok(Reply::Events(events(Telling::new(frames, asked.dialect, *deadlines))));
        }
        let asking = async {
            match converses {
                true => self.runtime.converse(body).await,
                false => self.runtime.invoke(body).await,
            }
        };
        let answer = within(deadlines.whole, Stage::WholeBody, asking).await?.map_err(failure)?;
        check(&answer, asked.dialect)?;
        Ok(Reply::Body(answer))
    }

    fn speaks(&self, asked: Dialect) -> Dialect {
        match asked {
            Dialect::Messages if self.is_anthropic => Dialect::Messages,
            Dialect::Native => Dialect::Native,
            _ => Dialect::Converse,
        }
    }

    async fn count(&self, asked: &Asked, deadlines: &Deadlines) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Counted {
            input_tokens: u64,
        }
        let input = match asked.dialect {
            Dialect::Converse => json!({ "converse": prepare::countable(&asked.body)? }),
            _ => json!({ "invokeModel": { "body": BASE64_STANDARD.encode(self.body(asked)?) } }),
        };
        let counting = self.runtime.count(json!({ "input": input }).to_string().into());
        let counted = within(deadlines.whole, Stage::WholeBody, counting).await?.map_err(failure)?;
        let counted: Result<Counted, _> = serde_json::from_slice(&counted);
        counted.map(|counted| counted.input_tokens).map_err(|_| garbage("there is no number of tokens in it"))
    }
}

/// Whether a body is an answer at all.
fn check(answer: &Bytes, dialect: Dialect) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Answer {
        output: Option<serde::de::IgnoredAny>,
        content: Option<serde::de::IgnoredAny>,
    }
    if dialect == Dialect::Native {
        return Ok(());
    }
    match serde_json::from_slice::<Answer>(answer) {
        Ok(Answer { output: None, content: None }) => Err(garbage("it has neither output nor content")),
        Ok(_) => Ok(()),
        Err(error) => Err(garbage(&format!("it is not JSON: {error}"))),
    }
}

fn garbage(what: &str) -> Failure {
    Failure::new(Class::Garbage, format!("Bedrock's answer cannot be used: {what}")).coded("not_an_answer")
}

/// A stream as it is told on.
struct Telling {
    frames: Frames,
    dialect: Dialect,
    deadlines: Deadlines,
    received: usize,
    begun: bool,
    stopped: bool,
    ended: bool,
}

/// A stream longer than this is no answer.
const LONGEST: usize = 16 << 20;

impl Telling {
    fn new(frames: Frames, dialect: Dialect, deadlines: Deadlines) -> Self {
        // A format that we do not know has no end that we could wait for.
        let stopped = dialect == Dialect::Native;
        Self { frames, dialect, deadlines, received: 0, begun: false, stopped, ended: false }
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
        let frame = within(span, stage, self.frames.next()).await?.map_err(failure)?;
        let Some((kind, payload)) = frame else {
            let early = || Failure::new(Class::Cut, "the stream ended before the answer did").coded("early_end");
            return if self.stopped && self.begun { Ok(None) } else { Err(early()) };
        };
        self.begun = true;
        self.received += payload.len();
        if self.received > LONGEST {
            return Err(garbage(&format!("its stream is longer than {LONGEST} bytes")));
        }
        let event = match self.dialect {
            Dialect::Converse => named(&kind, &payload),
            _ => unwrapped(&payload)?,
        };
        self.stopped |= self.is_last(&kind, &event);
        Ok(Some(event))
    }

    fn is_last(&self, kind: &str, event: &[u8]) -> bool {
        match self.dialect {
            Dialect::Converse => kind == "messageStop",
            Dialect::Messages => memchr::memmem::find(event, b"\"message_stop\"").is_some(),
            _ => false,
        }
    }
}

fn events(telling: Telling) -> Events {
    let telling = Box::new(telling);
    Box::pin(stream::unfold(telling, |mut telling| async { Some((telling.next().await?, telling)) }))
}

/// An event of Converse's with its name: `{"messageStart":{…}}`.
fn named(kind: &str, payload: &[u8]) -> Bytes {
    let name = serde_json::Value::from(kind).to_string();
    [b"{", name.as_bytes(), b":", payload, b"}"].concat().into()
}

/// What a `chunk` carries: `{"bytes":"…"}`.
fn unwrapped(payload: &[u8]) -> Result<Bytes, Failure> {
    #[derive(Deserialize)]
    struct Chunk {
        bytes: String,
    }
    let chunk = serde_json::from_slice::<Chunk>(payload).ok();
    let bytes = chunk.and_then(|chunk| BASE64_STANDARD.decode(chunk.bytes).ok());
    bytes.map(Bytes::from).ok_or_else(|| garbage("a chunk of its stream is not in base64"))
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
}
