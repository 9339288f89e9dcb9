//! Completions that no model wrote: fixed answers, degradation messages, and words added to a stored answer.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{clock::Timestamp, store::Shape};

/// A whole completion that says `text`.
pub fn say(text: &str, id: &str, now: Timestamp) -> Bytes {
    json!({
        "id": format!("chatcmpl-{id}"),
        "object": "chat.completion",
        "created": now.seconds(),
        "model": "banto",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text, "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
    })
    .to_string()
    .into()
}

/// What an answer says: the words of its first choice. `None` when it cannot be read or says nothing.
pub fn text(shape: Shape, chunks: &[Bytes]) -> Option<String> {
    let path = match shape {
        Shape::Body => "/choices/0/message/content",
        Shape::Events => "/choices/0/delta/content",
    };
    let words = |chunk: &Bytes| {
        let chunk: Value = serde_json::from_slice(chunk).ok()?;
        // A stream may hold several choices, each event one of them.
        let is_first = chunk.pointer("/choices/0/index").is_none_or(|index| *index == 0);
        Some(chunk.pointer(path).filter(|_| is_first)?.as_str()?.to_owned())
    };
    let text: String = chunks.iter().filter_map(words).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// The answer with `text` after its own words; unchanged when it has none.
pub fn append(shape: Shape, chunks: &[Bytes], text: &str) -> Vec<Bytes> {
    let added = match shape {
        Shape::Body => chunks.first().and_then(|body| append_to_body(body, text)).map(|body| vec![body]),
        Shape::Events => append_to_events(chunks, text),
    };
    added.unwrap_or_else(|| chunks.to_vec())
}

fn append_to_body(body: &Bytes, text: &str) -> Option<Bytes> {
    let mut completion: Value = serde_json::from_slice(body).ok()?;
    let content = completion.pointer_mut("/choices/0/message/content")?;
    *content = format!("{}\n\n{text}", content.as_str()?).into();
    Some(completion.to_string().into())
}

/// The words go before the event that ends the first choice, in a copy of it that has not ended yet.
fn append_to_events(events: &[Bytes], text: &str) -> Option<Vec<Bytes>> {
    let ends = |event: &Bytes| {
        let event: Value = serde_json::from_slice(event).ok()?;
        event.pointer("/choices/0/finish_reason")?.is_string().then_some(event)
    };
    let (at, mut event) = events.iter().enumerate().rev().find_map(|(at, event)| Some((at, ends(event)?)))?;
    *event.pointer_mut("/choices/0/finish_reason")? = Value::Null;
    *event.pointer_mut("/choices/0/delta")? = json!({ "content": format!("\n\n{text}") });
    let mut events = events.to_vec();
    events.insert(at, event.to_string().into());
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_added_after_the_answer_in_both_shapes() {
        let body = say("It costs 528 yen.", "1", Timestamp(0));
        let added = append(Shape::Body, &[body], "Please verify at checkout.");
        assert!(String::from_utf8_lossy(&added[0]).contains("528 yen.\\n\\nPlease verify"));
        let events = [
            json!({ "choices": [{ "index": 0, "delta": { "content": "528" }, "finish_reason": null }] }),
            json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
        ]
        .map(|event| Bytes::from(event.to_string()));
        let added = append(Shape::Events, &events, "Verify.");
        assert_eq!((added.len(), &added[2]), (3, &events[1]));
        assert!(String::from_utf8_lossy(&added[1]).contains("\\n\\nVerify."));
    }

    #[test]
    fn the_words_of_an_answer_are_those_of_its_first_choice_in_both_shapes() {
        assert_eq!(text(Shape::Body, &[say("528 yen", "1", Timestamp(0))]).as_deref(), Some("528 yen"));
        let piece =
            |index, words| json!({ "choices": [{ "index": index, "delta": { "content": words } }] }).to_string().into();
        assert_eq!(
            text(Shape::Events, &[piece(0, "528"), piece(1, "no"), piece(0, " yen")]).as_deref(),
            Some("528 yen")
        );
        assert_eq!(text(Shape::Body, &[Bytes::from_static(b"{}")]), None);
    }

    #[test]
    fn an_answer_without_words_stays_as_it_is() {
        let odd = [Bytes::from_static(b"{\"choices\":[]}")];
        assert_eq!(append(Shape::Body, &odd, "x"), odd);
    }
}
