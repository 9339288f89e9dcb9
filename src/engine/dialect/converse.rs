//! Converse's whole answer as the events of ConverseStream, and back.
//!
//! Blocks that streams have no event for travel as a delta of their own kind, so that a body that is taken apart and put
//! together again is the same body.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::pieces::{append, bytes, only, take};

/// The events of a stream that says the same as `body`; `None` when it is no answer of Converse.
pub fn events_of(body: &[u8]) -> Option<Vec<Bytes>> {
    let mut answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut message = answer.remove("output")?.get_mut("message")?.take();
    let role = message.get("role").cloned().unwrap_or_else(|| json!("assistant"));
    let mut events = vec![json!({ "messageStart": { "role": role } })];
    for (at, block) in message.get_mut("content")?.as_array_mut()?.iter_mut().enumerate() {
        add_block(&mut events, at, block.take());
    }
    let mut stop = Map::from_iter([("stopReason".to_owned(), answer.remove("stopReason").unwrap_or_default())]);
    stop.extend(answer.remove_entry("additionalModelResponseFields"));
    events.push(json!({ "messageStop": stop }));
    events.push(json!({ "metadata": answer }));
    Some(events.iter().map(bytes).collect())
}

fn add_block(events: &mut Vec<Value>, at: usize, block: Value) {
    let mut delta =
        |delta: Value| events.push(json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": delta } }));
    match only(&block) {
        Some(("toolUse", tool)) => {
            let mut start = tool.clone();
            let input = start.as_object_mut().and_then(|start| start.remove("input")).unwrap_or_else(|| json!({}));
            events.push(json!({ "contentBlockStart": { "contentBlockIndex": at, "start": { "toolUse": start } } }));
            let input = json!({ "toolUse": { "input": input.to_string() } });
            events.push(json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": input } }));
        }
        Some(("reasoningContent", reasoning)) => {
            let spoken = reasoning.get("reasoningText").and_then(Value::as_object);
            match spoken {
                Some(spoken) => {
                    spoken.iter().for_each(|(name, part)| delta(json!({ "reasoningContent": { name: part } })))
                }
                None => delta(block),
            }
        }
        _ => delta(block),
    }
    events.push(json!({ "contentBlockStop": { "contentBlockIndex": at } }));
}

/// The answer that a stream of events amounts to; `None` when they are not Converse's.
pub fn body_of(events: &[Bytes]) -> Option<Bytes> {
    let (mut answer, mut role, mut blocks) = (Map::new(), json!("assistant"), Vec::new());
    for event in events {
        let event: Value = serde_json::from_slice(event).ok()?;
        let (kind, told) = only(&event)?;
        match kind {
            "messageStart" => role = told.get("role")?.clone(),
            "contentBlockStart" => block_at(&mut blocks, told)?.start(told.get("start")?),
            "contentBlockDelta" => block_at(&mut blocks, told)?.add(told.get("delta")?),
            "messageStop" | "metadata" => answer.extend(told.as_object()?.clone()),
            _ => {}
        }
    }
    // Padding of the stream's events, no part of the answer.
    take(&mut answer, "p");
    blocks.sort_by_key(|block: &Block| block.at);
    let content: Vec<_> = blocks.into_iter().map(Block::close).collect();
    answer.insert("output".into(), json!({ "message": { "role": role, "content": content } }));
    answer.contains_key("stopReason").then(|| bytes(&Value::Object(answer)))
}

/// A block that is coming in.
struct Block {
    at: u64,
    kind: String,
    parts: Map<String, Value>,
    /// A tool's input, as the text that its deltas add up to.
    input: String,
    /// A block that came whole.
    whole: Option<Value>,
}

fn block_at<'a>(blocks: &'a mut Vec<Block>, told: &Value) -> Option<&'a mut Block> {
    let at = told.get("contentBlockIndex")?.as_u64()?;
    let place = blocks.iter().position(|block| block.at == at).unwrap_or_else(|| {
        blocks.push(Block { at, kind: "text".into(), parts: Map::new(), input: String::new(), whole: None });
        blocks.len() - 1
    });
    blocks.get_mut(place)
}

impl Block {
    fn start(&mut self, start: &Value) {
        if let Some((kind, Value::Object(parts))) = only(start) {
            self.kind = kind.to_owned();
            self.parts = parts.clone();
        }
    }

    fn add(&mut self, delta: &Value) {
        match only(delta) {
            Some(("text", Value::String(text))) => append(&mut self.parts, "text", text),
            Some(("toolUse", tool)) => {
                self.kind = "toolUse".into();
                self.input.push_str(tool.get("input").and_then(Value::as_str).unwrap_or_default());
            }
            Some(("reasoningContent", reasoning)) => self.reason(reasoning),
            Some(("citation", citation)) => self.cite(citation),
            _ => self.whole = Some(delta.clone()),
        }
    }

    fn reason(&mut self, reasoning: &Value) {
        self.kind = "reasoningContent".into();
        match only(reasoning) {
            Some((name @ ("text" | "signature"), Value::String(part))) => append(&mut self.parts, name, part),
            _ => self.whole = Some(json!({ "reasoningContent": reasoning })),
        }
    }

    fn cite(&mut self, citation: &Value) {
        self.kind = "citationsContent".into();
        match self.parts.get_mut("citations") {
            Some(Value::Array(citations)) => citations.push(citation.clone()),
            _ => {
                self.parts.insert("citations".into(), json!([citation]));
            }
        }
    }

    fn close(mut self) -> Value {
        if let Some(whole) = self.whole {
            return whole;
        }
        match self.kind.as_str() {
            "text" => json!({ "text": self.parts.remove("text").unwrap_or_else(|| json!("")) }),
            "reasoningContent" => json!({ "reasoningContent": { "reasoningText": self.parts } }),
            "toolUse" => {
                let input = if self.input.trim().is_empty() { "{}" } else { &self.input };
                let input = serde_json::from_str(input).unwrap_or_else(|_| json!(self.input));
                self.parts.insert("input".into(), input);
                json!({ "toolUse": self.parts })
            }
            "citationsContent" => {
                let text = self.parts.remove("text").unwrap_or_else(|| json!(""));
                self.parts.insert("content".into(), json!([{ "text": text }]));
                json!({ "citationsContent": self.parts })
            }
            kind => json!({ kind: self.parts }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_again_says_the_same() {
        let body = json!({
            "output": { "message": { "role": "assistant", "content": [
                { "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "s" } } },
                { "reasoningContent": { "redactedContent": "eA==" } },
                { "text": "Hello" },
                { "toolUse": { "toolUseId": "t1", "name": "look_up", "input": { "title": "Bleach" }, "type": "server_tool_use" } },
                { "blockOfTheFuture": { "a": [1] } },
            ] } },
            "stopReason": "tool_use",
            "usage": { "inputTokens": 3, "outputTokens": 1, "totalTokens": 4, "cacheReadInputTokens": 2 },
            "metrics": { "latencyMs": 9 },
            "additionalModelResponseFields": { "stop_sequence": "X" },
            "newMember": true,
        });
        let events = events_of(body.to_string().as_bytes()).expect("an answer");
        let kinds: Vec<_> = events.iter().filter_map(|event| event.split(|b| *b == b'"').nth(1)).collect();
        assert_eq!((kinds[0], kinds[kinds.len() - 1]), (&b"messageStart"[..], &b"metadata"[..]));
        let back: Value = serde_json::from_slice(&body_of(&events).expect("a body")).expect("JSON");
        assert_eq!(back, body);
    }

    #[test]
    fn text_in_many_deltas_and_tools_in_parallel_add_up() {
        let events = [
            json!({ "messageStart": { "role": "assistant" } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "He" }, "p": "ab" } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "llo" }, "p": "abc" } }),
            json!({ "contentBlockStart": { "contentBlockIndex": 2, "start": { "toolUse": { "toolUseId": "b", "name": "g" } } } }),
            json!({ "contentBlockStart": { "contentBlockIndex": 1, "start": { "toolUse": { "toolUseId": "a", "name": "f" } } } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 1, "delta": { "toolUse": { "input": "{\"x\"" } } } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 1, "delta": { "toolUse": { "input": ":1}" } } } }),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
            json!({ "metadata": { "usage": { "inputTokens": 1 }, "p": "abcd" } }),
        ];
        let events = events.map(|event| Bytes::from(event.to_string()));
        let body: Value = serde_json::from_slice(&body_of(&events).expect("a body")).expect("JSON");
        let content = json!([{ "text": "Hello" }, { "toolUse": { "toolUseId": "a", "name": "f", "input": { "x": 1 } } },
            { "toolUse": { "toolUseId": "b", "name": "g", "input": {} } }]);
        assert_eq!((&body["output"]["message"]["content"], body.get("p")), (&content, None));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        assert!(events_of(b"{}").is_none() && events_of(b"[]").is_none());
        assert!(body_of(&[Bytes::from_static(b"{\"choices\":[]}")]).is_none());
    }
}
