//! Reading a request for messages: what the engine needs to know, beside bytes that stay as they came.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    api::{
        fields::{Fields, kind_of, text, utf8},
        openai::error::ApiError,
    },
    engine::{
        asked::{Asked, Caller, Hints, NotAlone},
        dialect::Dialect,
    },
};

/// What does not change the answer's words, or stands in the context's door.
const IRRELEVANT: [&str; 6] = ["messages", "model", "stream", "metadata", "service_tier", "anthropic_version"];

/// A request of Anthropic's own clients; `known` says which model names are served. One that is only to be `counted` needs no
/// `max_tokens`.
pub(super) fn message(
    body: Bytes,
    caller: Caller,
    hints: Hints,
    counted: bool,
    known: &[String],
) -> Result<Asked, ApiError> {
    let fields = Fields::read(utf8(&body)?)?;
    fields.once_each(&["model", "stream"])?;
    let Some(model) = fields.text("model") else {
        return Err(ApiError::invalid(Some("model"), None, "model: Field required"));
    };
    if !known.iter().any(|name| *name == model) {
        return Err(ApiError::unknown_model(&model, &known.join(", ")));
    }
    if fields.get("max_tokens").is_none() && !counted {
        return Err(ApiError::invalid(Some("max_tokens"), None, "max_tokens: Field required"));
    }
    let stream = fields.flag("stream")?;
    read(&fields, &model, body.clone(), caller, hints, stream)
}

/// The same body for InvokeModel: the model's name and the wish for a stream stand elsewhere.
pub(in crate::api) fn invocation(
    model: &str,
    body: Bytes,
    caller: Caller,
    hints: Hints,
    stream: bool,
) -> Result<Asked, ApiError> {
    read(&Fields::read(utf8(&body)?)?, model, body.clone(), caller, hints, stream)
}

fn read(
    fields: &Fields<'_>,
    model: &str,
    body: Bytes,
    caller: Caller,
    hints: Hints,
    stream: bool,
) -> Result<Asked, ApiError> {
    fields.once_each(&["messages", "system", "tools"])?;
    let turns = Turns::read(&fields.objects("messages")?)?;
    let not_alone = match () {
        () if fields.says("tools") || turns.tools => Some(NotAlone::Tools),
        () if turns.question.is_none() => Some(NotAlone::NotAQuestion),
        () => None,
    };
    let user = caller.user.or_else(|| user(fields));
    let door = [Dialect::Messages.label().as_bytes(), model.as_bytes()];
    Ok(Asked {
        dialect: Dialect::Messages,
        model: 0..0,
        stream,
        include_usage: true,
        ask_usage: false,
        context: fields.context(&door, &IRRELEVANT, &turns.rest),
        text: turns.question.unwrap_or_default(),
        not_alone,
        caller: Caller { user, ..caller },
        hints,
        prompt: None,
        body,
    })
}

/// `metadata.user_id`.
fn user(fields: &Fields<'_>) -> Option<std::sync::Arc<str>> {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow)]
        user_id: Option<Cow<'a, str>>,
    }
    let metadata: Metadata<'_> = serde_json::from_str(fields.get("metadata")?.get()).ok()?;
    metadata.user_id.map(|id| id.as_ref().into())
}

/// A turn, as far as the cache cares.
#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// A content block.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// The conversation, split into the last question and all the rest.
struct Turns<'a> {
    question: Option<String>,
    rest: Vec<&'a [u8]>,
    tools: bool,
}

impl<'a> Turns<'a> {
    fn read(messages: &[&'a RawValue]) -> Result<Self, ApiError> {
        let mut rest: Vec<_> = messages.iter().map(|message| message.get().as_bytes()).collect();
        let (mut question, mut tools) = (None, false);
        for message in messages {
            let wrong = |_| ApiError::wrong_type("messages", "an array of objects", kind_of(message.get()));
            let turn: Turn<'_> = serde_json::from_str(message.get()).map_err(wrong)?;
            let role = turn.role.and_then(text).unwrap_or_default();
            if !["user", "assistant", "system"].contains(&&*role) {
                let message = "messages.role: Input should be 'user' or 'assistant'";
                return Err(ApiError::invalid(Some("messages"), None, message));
            }
            let said = Said::read(turn.content)?;
            tools |= said.tools;
            question = said.only_text.filter(|_| role == "user");
        }
        if question.is_some() {
            rest.pop();
        }
        Ok(Self { question, rest, tools })
    }
}

/// What one turn says.
struct Said {
    /// Its text, when it is text and nothing else.
    only_text: Option<String>,
    tools: bool,
}

impl Said {
    fn read(content: Option<&RawValue>) -> Result<Self, ApiError> {
        let shape = content.map_or("null", |content| kind_of(content.get()));
        let wrong = || ApiError::wrong_type("messages[].content", "a string or an array of objects", shape);
        let content = content.ok_or_else(wrong)?;
        if shape == "a string" {
            return Ok(Self { only_text: text(content).map(Cow::into_owned), tools: false });
        }
        let list: Vec<&RawValue> = serde_json::from_str(content.get()).map_err(|_| wrong())?;
        let blocks = list.into_iter().map(|block| serde_json::from_str(block.get()).map_err(|_| wrong()));
        let blocks: Vec<Block<'_>> = blocks.collect::<Result<_, _>>()?;
        let kind = |block: &Block<'_>| block.kind.and_then(text).unwrap_or_default().into_owned();
        let tools = blocks.iter().any(|block| kind(block).contains("tool"));
        let only_text = match blocks.as_slice() {
            [one] if kind(one) == "text" => one.text.and_then(text).map(Cow::into_owned),
            _ => None,
        };
        Ok(Self { only_text, tools })
    }
}

#[cfg(test)]
mod tests;
