//! Reading a request of Bedrock's: what the engine needs to know, beside bytes that stay as they came.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error::BedrockError, operation::Operation};
use crate::{
    api::{
        anthropic,
        fields::{Fields, kind_of, text, utf8},
        openai::{self, error::ApiError},
    },
    digest::Digest,
    engine::{
        asked::{Asked, Caller, Hints, NotAlone},
        dialect::Dialect,
    },
};

/// What does not change the answer's words.
const IRRELEVANT: [&str; 2] = ["messages", "requestMetadata"];

/// Reads a request to `model`; `known` says which are served.
pub(super) fn read(
    operation: Operation,
    model: &str,
    body: Bytes,
    caller: Caller,
    hints: Hints,
    known: &[String],
) -> Result<Asked, BedrockError> {
    if !known.iter().any(|name| name == model) {
        return Err(ApiError::unknown_model(model, &known.join(", ")).into());
    }
    let stream = operation.is_stream();
    let asked = match operation.is_invoke() {
        true => invocation(model, body, caller, hints, stream)?,
        false => conversation(model, body, caller, hints, stream)?,
    };
    Ok(asked)
}

/// The body of Converse and ConverseStream, which some models take for InvokeModel as well.
pub(super) fn conversation(
    model: &str,
    body: Bytes,
    caller: Caller,
    hints: Hints,
    stream: bool,
) -> Result<Asked, ApiError> {
    let fields = Fields::read(utf8(&body)?)?;
    fields.once_each(&["messages", "system", "toolConfig"])?;
    let turns = Turns::read(&fields.objects("messages")?)?;
    let not_alone = match () {
        () if fields.says("toolConfig") || turns.tools => Some(NotAlone::Tools),
        () if turns.question.is_none() => Some(NotAlone::NotAQuestion),
        () => None,
    };
    let door = [Dialect::Converse.label().as_bytes(), model.as_bytes()];
    Ok(Asked {
        dialect: Dialect::Converse,
        model: 0..0,
        stream,
        include_usage: true,
        ask_usage: false,
        context: fields.context(&door, &IRRELEVANT, &turns.rest),
        text: turns.question.unwrap_or_default(),
        not_alone,
        caller,
        hints,
        prompt: None,
        body: body.clone(),
    })
}

/// A body in the model's own format: Anthropic's, OpenAI's or Converse's are known by what they say, others by nothing.
fn invocation(model: &str, body: Bytes, caller: Caller, hints: Hints, stream: bool) -> Result<Asked, ApiError> {
    let fields = Fields::read(utf8(&body)?)?;
    let has = |name: &str| fields.get(name).is_some();
    if has("anthropic_version") {
        return anthropic::request::invocation(model, body, caller, hints, stream);
    }
    if has("messages") && (has("inferenceConfig") || has("schemaVersion")) {
        return conversation(model, body, caller, hints, stream);
    }
    if has("messages") && model.contains("openai.") {
        return chat(model, &body, caller, hints, stream);
    }
    let context = Digest::of([Dialect::Native.label().as_bytes(), model.as_bytes(), &body]);
    Ok(Asked {
        dialect: Dialect::Native,
        model: 0..0,
        stream,
        include_usage: true,
        ask_usage: false,
        context,
        text: String::new(),
        not_alone: Some(NotAlone::NotAQuestion),
        caller,
        hints,
        prompt: None,
        body,
    })
}

/// OpenAI's own models take its chat completions; their name stands in the path.
fn chat(model: &str, body: &Bytes, caller: Caller, hints: Hints, stream: bool) -> Result<Asked, ApiError> {
    let name = serde_json::Value::from(model);
    let stream = if stream { "\"stream\":true," } else { "" };
    let rest = body.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    let body = [format!("{{\"model\":{name},{stream}").as_bytes(), rest].concat();
    openai::request::read(body.into(), caller, hints, &[model.to_owned()])
}

/// A turn, as far as the cache cares.
#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// A content block: which members it has is what kind it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_point: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_result: Option<&'a RawValue>,
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
            if role != "user" && role != "assistant" {
                let message = "Invalid 'messages[].role': it must be one of [user, assistant].";
                return Err(ApiError::invalid(Some("messages"), None, message));
            }
            let blocks = blocks(turn.content)?;
            tools |= blocks.iter().any(|block| block.tool_use.is_some() || block.tool_result.is_some());
            question = if role == "user" { only_text(&blocks) } else { None };
        }
        if question.is_some() {
            rest.pop();
        }
        Ok(Self { question, rest, tools })
    }
}

fn blocks(content: Option<&RawValue>) -> Result<Vec<Block<'_>>, ApiError> {
    let shape = content.map_or("null", |content| kind_of(content.get()));
    let wrong = || ApiError::wrong_type("messages[].content", "an array of objects", shape);
    let list: Vec<&RawValue> = serde_json::from_str(content.ok_or_else(wrong)?.get()).map_err(|_| wrong())?;
    list.into_iter().map(|block| serde_json::from_str(block.get()).map_err(|_| wrong())).collect()
}

/// The text, when there is one and nothing else that could change the answer.
fn only_text(blocks: &[Block<'_>]) -> Option<String> {
    let mut said = blocks.iter().filter(|block| block.cache_point.is_none());
    let (one, more) = (said.next()?, said.next());
    if more.is_some() { None } else { text(one.text?).map(|text| text.into_owned()) }
}

#[cfg(test)]
mod tests;
