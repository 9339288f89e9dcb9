//! Anthropic's messages, as the stock `anthropic` clients speak them.
//!
//! `request` reads what is needed beside the bytes, `reply` turns an answer into a message or its events, `error` says
//! what went wrong as Anthropic does.

mod error;
mod reply;
pub(super) mod request;

use http::{HeaderValue, Method, Request, Response, request::Parts};
use hyper::body::Incoming;

use self::error::AnthropicError;
use super::{body, hints, openai::chat::Chat, payload::Payload};
use crate::engine::{asked::Asked, measure::Timer};

/// Every path of it begins so.
pub const PREFIX: &str = "/v1/messages";

/// Answers one request, in Anthropic's form whatever happens.
pub async fn answer(chat: &Chat, request: Request<Incoming>) -> Response<Payload> {
    let (head, body) = request.into_parts();
    match try_answer(chat, &head, body).await {
        Ok(response) => response,
        Err(error) => {
            chat.engine.measures.error(error.label());
            error.response(&chat.new_id())
        }
    }
}

async fn try_answer(chat: &Chat, head: &Parts, body: Incoming) -> Result<Response<Payload>, AnthropicError> {
    let counts = match head.uri.path() {
        PREFIX => false,
        "/v1/messages/count_tokens" => true,
        _ => return Err(AnthropicError::unknown_path()),
    };
    if head.method != Method::POST {
        return Err(AnthropicError::wrong_method());
    }
    let caller = chat.keys.caller_from(head).map_err(AnthropicError::unauthorized)?;
    let hints = hints::read(&head.headers)?;
    let body = body::read(body, chat.largest).await?;
    let timer = Timer::start(chat.engine.measures.clone());
    let asked = request::message(body, caller, hints, counts, &chat.models)?;
    if counts {
        return count(chat, &asked).await;
    }
    let answer = chat.engine.begun(chat.engine.answer(asked).await?).await;
    reply::respond(answer, timer).await
}

async fn count(chat: &Chat, asked: &Asked) -> Result<Response<Payload>, AnthropicError> {
    let tokens = chat.engine.count(asked).await?.map_err(|failure| AnthropicError::from_failure(&failure))?;
    Ok(json(serde_json::json!({ "input_tokens": tokens }).to_string(), &chat.new_id()))
}

/// A body of JSON with the headers that every response of Anthropic's has.
fn json(body: String, id: &str) -> Response<Payload> {
    let mut response = Response::new(Payload::from(bytes::Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    identify(headers, id);
    response
}

/// `request-id`: what a user of Anthropic's clients is told to keep.
fn identify(headers: &mut http::HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::try_from(format!("req_{id}")) {
        headers.insert("request-id", id);
    }
}
