//! Reads a response as a client would: the whole of it, streams event by event.

use std::borrow::Cow;

use http::Response;
use http_body_util::BodyExt;
use serde::Deserialize;

use crate::{api::payload::Payload, drill::fleet::Told, engine::source::Source};

/// What of a body or an event a reader sees.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<Words<'a>>,
    #[serde(borrow)]
    delta: Option<Words<'a>>,
}

#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

/// The answer in a response.
///
/// # Errors
/// When it is an error, or breaks off.
pub(super) async fn read(response: Response<Payload>) -> Result<Told, String> {
    let label = response.headers().get("x-banto-source").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let source = Source::ALL.into_iter().find(|source| source.label() == label);
    let source = source.ok_or_else(|| format!("`{label}` is no source"))?;
    let trace = response.headers().get("x-banto-trace-id").and_then(|value| value.to_str().ok());
    let trace = trace.unwrap_or_default().to_owned();
    let body = response.into_body().collect().await.map_err(|_| "cut".to_owned())?.to_bytes();
    let body = std::str::from_utf8(&body).map_err(|_| "garbage".to_owned())?;
    let mut text = String::new();
    if body.starts_with("data: ") {
        for event in body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")) {
            if event == "[DONE]" {
                return Ok(Told { source, text, trace });
            }
            say(event, &mut text)?;
        }
        return Err("cut".into());
    }
    say(body, &mut text)?;
    Ok(Told { source, text, trace })
}

fn say(json: &str, text: &mut String) -> Result<(), String> {
    let seen: Seen<'_> = serde_json::from_str(json).map_err(|_| "garbage".to_owned())?;
    if seen.error.is_some() {
        return Err("cut".into());
    }
    let words = seen.choices.into_iter().filter_map(|choice| choice.message.or(choice.delta)?.content);
    words.for_each(|words| text.push_str(&words));
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn response(body: &'static str) -> Response<Payload> {
        let mut response = Response::new(Payload::from(Bytes::from_static(body.as_bytes())));
        response.headers_mut().insert("x-banto-source", http::HeaderValue::from_static("primary"));
        response
    }

    #[tokio::test]
    async fn a_stream_is_an_answer_only_when_it_ended_properly() {
        let whole = "data: {\"choices\":[{\"delta\":{\"content\":\"One \"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Piece\"}}]}\n\ndata: [DONE]\n\n";
        assert_eq!(read(response(whole)).await.map(|told| told.text), Ok("One Piece".into()));
        let cut =
            "data: {\"choices\":[{\"delta\":{\"content\":\"One \"}}]}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n";
        assert_eq!(read(response(cut)).await, Err("cut".into()));
    }

    #[tokio::test]
    async fn a_body_is_read_whole() {
        let body = "{\"banto\":{},\"choices\":[{\"message\":{\"content\":\"Yes.\"}}]}";
        assert_eq!(
            read(response(body)).await.map(|told| (told.source, told.text)),
            Ok((Source::Primary, "Yes.".into()))
        );
    }
}
