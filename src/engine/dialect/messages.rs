//! A whole message of Anthropic's as the events of its stream, and back.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::pieces::{append, bytes};

/// Members of a block that a stream sends in pieces, and the delta that carries each.
const IN_PIECES: [(&str, &str); 3] =
    [("text", "text_delta"), ("thinking", "thinking_delta"), ("signature", "signature_delta")];

/// The events of a stream that says the same as `body`; `None` when it is no message.
pub fn events_of(body: &[u8]) -> Option<Vec<Bytes>> {
    let mut message: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let Some(Value::Array(content)) = message.insert("content".into(), json!([])) else { return None };
    let ending =
        ["stop_reason", "stop_sequence"].map(|name| (name.to_owned(), message.insert(name.into(), Value::Null)));
    let usage = message.get("usage").cloned().unwrap_or_default();
    if let Some(Value::Object(usage)) = message.get_mut("usage") {
        usage.insert("output_tokens".into(), json!(0));
    }
    let mut events = vec![json!({ "type": "message_start", "message": message })];
    for (at, block) in content.into_iter().enumerate() {
        add_block(&mut events, at, block);
    }
    let delta: Map<_, _> = ending.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect();
    events.push(json!({ "type": "message_delta", "delta": delta, "usage": usage }));
    events.push(json!({ "type": "message_stop" }));
    Some(events.iter().map(bytes).collect())
}

fn add_block(events: &mut Vec<Value>, at: usize, mut block: Value) {
    let mut deltas = Vec::new();
    if let Some(block) = block.as_object_mut() {
        for (name, kind) in IN_PIECES {
            if let Some(Value::String(part)) = block.get_mut(name) {
                deltas.push(json!({ "type": kind, name: std::mem::take(part) }));
            }
        }
        if let Some(input) = block.get_mut("input") {
            deltas.push(json!({ "type": "input_json_delta", "partial_json": input.take().to_string() }));
            *input = json!({});
        }
    }
    events.push(json!({ "type": "content_block_start", "index": at, "content_block": block }));
    let delta = |delta| json!({ "type": "content_block_delta", "index": at, "delta": delta });
    events.extend(deltas.into_iter().map(delta));
    events.push(json!({ "type": "content_block_stop", "index": at }));
}

/// The message that a stream of events amounts to; `None` when they are not a message's.
pub fn body_of(events: &[Bytes]) -> Option<Bytes> {
    let (mut message, mut blocks): (Option<Map<_, _>>, Vec<Block>) = (None, Vec::new());
    for event in events {
        let event: Value = serde_json::from_slice(event).ok()?;
        match event.get("type")?.as_str()? {
            "message_start" => message = event.get("message")?.as_object().cloned(),
            "content_block_start" => blocks.push(Block {
                at: event.get("index")?.as_u64()?,
                parts: event.get("content_block")?.as_object()?.clone(),
                input: None,
            }),
            "content_block_delta" => {
                let at = event.get("index")?.as_u64()?;
                let block = blocks.iter_mut().rev().find(|block| block.at == at)?;
                block.add(event.get("delta")?);
            }
            "message_delta" => end(message.as_mut()?, &event),
            _ => {}
        }
    }
    let mut message = message?;
    blocks.sort_by_key(|block| block.at);
    message.insert("content".into(), blocks.into_iter().map(Block::close).collect());
    Some(bytes(&Value::Object(message)))
}

/// What is known at the end only; the counts of the end replace those of the beginning.
fn end(message: &mut Map<String, Value>, event: &Value) {
    if let Some(delta) = event.get("delta").and_then(Value::as_object) {
        message.extend(delta.clone());
    }
    let counts = event.get("usage").and_then(Value::as_object).cloned().unwrap_or_default();
    let usage = message.entry("usage").or_insert_with(|| json!({}));
    if let Some(usage) = usage.as_object_mut() {
        usage.extend(counts.into_iter().filter(|(_, count)| !count.is_null()));
    }
}

/// A block that is coming in.
struct Block {
    at: u64,
    parts: Map<String, Value>,
    /// A tool's input, as the text that its deltas add up to.
    input: Option<String>,
}

impl Block {
    fn add(&mut self, delta: &Value) {
        for (name, _) in IN_PIECES {
            if let Some(part) = delta.get(name).and_then(Value::as_str) {
                append(&mut self.parts, name, part);
            }
        }
        if let Some(part) = delta.get("partial_json").and_then(Value::as_str) {
            self.input.get_or_insert_default().push_str(part);
        }
        if let Some(citation) = delta.get("citation") {
            match self.parts.get_mut("citations") {
                Some(Value::Array(citations)) => citations.push(citation.clone()),
                _ => {
                    self.parts.insert("citations".into(), json!([citation]));
                }
            }
        }
    }

    fn close(mut self) -> Value {
        if let Some(input) = self.input.filter(|input| !input.trim().is_empty()) {
            let input = serde_json::from_str(&input).unwrap_or_else(|_| json!(input));
            self.parts.insert("input".into(), input);
        }
        Value::Object(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_again_says_the_same() {
        let body = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "x_new": 1,
            "content": [
                { "type": "thinking", "thinking": "Hm.", "signature": "s" },
                { "type": "text", "text": "Hello", "citations": null },
                { "type": "tool_use", "id": "t1", "name": "f", "input": { "a": [1] } },
                { "type": "block_of_the_future", "data": 1 },
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": { "input_tokens": 3, "output_tokens": 7, "cache_read_input_tokens": 2 },
        });
        let events = events_of(body.to_string().as_bytes()).expect("a message");
        let back: Value = serde_json::from_slice(&body_of(&events).expect("a body")).expect("JSON");
        assert_eq!(back, body);
    }

    #[test]
    fn what_is_no_message_is_none() {
        assert!(events_of(b"{}").is_none());
        assert!(body_of(&[Bytes::from_static(b"{\"choices\":[]}")]).is_none());
    }
}
