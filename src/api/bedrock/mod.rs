//! Bedrock's runtime, as the stock AWS clients speak it: Converse, InvokeModel, both as streams, and CountTokens.
//!
//! `operation` reads the path, `identity` says who asks (a signature or a bearer token), `request` reads what is needed
//! beside the bytes, `reply` turns an answer into a body or into frames, `error` says what went wrong as the service does.

mod count;
mod error;
mod identity;
mod metrics;
mod operation;
mod reply;
mod request;

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use hyper::body::Incoming;

use self::{error::BedrockError, identity::Presented, operation::Operation};
use super::{body, hints, openai::chat::Chat, payload::Payload};
use crate::engine::measure::Timer;

/// Every path of it begins so.
pub const PREFIX: &str = "/model/";

/// Answers one request, in Bedrock's form whatever happens.
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

async fn try_answer(chat: &Chat, head: &Parts, body: Incoming) -> Result<Response<Payload>, BedrockError> {
    let (model, operation) = Operation::of(&head.method, head.uri.path())?;
    let presented = Presented::by(&chat.keys, head)?;
    let body = body::read(body, chat.largest).await?;
    let caller = presented.verified(head, &body, chat.engine.clock.now())?;
    let hints = hints::read(&head.headers)?;
    refuse_unheard(&head.headers)?;
    if operation == Operation::CountTokens {
        return count::answer(chat, &model, &body, caller, hints).await;
    }
    let timer = Timer::start(chat.engine.measures.clone());
    let asked = request::read(operation, &model, body, caller, hints, &chat.models)?;
    let answer = chat.engine.begun(chat.engine.answer(asked).await?).await;
    reply::respond(answer, operation, timer).await
}

/// InvokeModel takes some wishes in headers, and headers are not passed on: a guardrail that nobody hears of would be worse
/// than none.
fn refuse_unheard(headers: &http::HeaderMap) -> Result<(), BedrockError> {
    const GUARDRAIL: &str = "x-amzn-bedrock-guardrailidentifier";
    match headers.contains_key(GUARDRAIL) {
        true => Err(BedrockError::invalid(
            "A guardrail in a header is not passed on to the model. Use Converse with `guardrailConfig`.",
        )),
        false => Ok(()),
    }
}

/// A body of JSON with the headers that every response of Bedrock's has.
fn json(body: Bytes, id: &str) -> Response<Payload> {
    let mut response = Response::new(Payload::from(body));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    identify(headers, id);
    response
}

/// `x-amzn-RequestId`: the answer's id, written as the UUID that clients expect.
fn identify(headers: &mut http::HeaderMap, id: &str) {
    let parts = [id.get(..8), id.get(8..12), id.get(12..16), id.get(16..20), id.get(20..32)];
    let id = parts.map(Option::unwrap_or_default).join("-");
    if let Ok(id) = http::HeaderValue::try_from(id) {
        headers.insert("x-amzn-requestid", id);
    }
}
