//! CountTokens: how many tokens the prompt of a question has, by the first model that counts.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error::BedrockError, json, operation::Operation, request};
use crate::{
    api::{openai::chat::Chat, payload::Payload},
    engine::asked::{Asked, Caller, Hints},
};

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    input: Input<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    #[serde(borrow)]
    converse: Option<&'a RawValue>,
    invoke_model: Option<Invocation>,
}

#[derive(Deserialize)]
struct Invocation {
    body: String,
}

/// Answers one request.
pub(super) async fn answer(
    chat: &Chat,
    model: &str,
    body: &Bytes,
    caller: Caller,
    hints: Hints,
) -> Result<Response<Payload>, BedrockError> {
    let asked = read(chat, model, body, caller, hints)?;
    let tokens = chat.engine.count(&asked).await?.map_err(|failure| BedrockError::from_failure(&failure))?;
    Ok(json(serde_json::json!({ "inputTokens": tokens }).to_string().into(), &chat.new_id()))
}

fn read(chat: &Chat, model: &str, body: &Bytes, caller: Caller, hints: Hints) -> Result<Asked, BedrockError> {
    let wanted: Result<Wanted<'_>, _> = serde_json::from_slice(body);
    let input = wanted.map_err(|error| BedrockError::invalid(format!("Invalid 'input': {error}.")))?.input;
    let (operation, body) = match input {
        Input { converse: Some(converse), invoke_model: None } => {
            (Operation::Converse, Bytes::copy_from_slice(converse.get().as_bytes()))
        }
        Input { converse: None, invoke_model: Some(invocation) } => {
            let body = BASE64_STANDARD.decode(invocation.body);
            (Operation::Invoke, body.map_err(|_| BedrockError::invalid("Invalid 'input.invokeModel.body'."))?.into())
        }
        _ => return Err(BedrockError::invalid("Invalid 'input': give one of [converse, invokeModel].")),
    };
    request::read(operation, model, body, caller, hints, &chat.models)
}
