//! The end of a stream that a guardrail cuts: words of ours after the model's own, and an ending that clients of the format
//! understand.
//!
//! - OpenAI: a last piece of content and `finish_reason: content_filter`
//!   (platform.openai.com/docs/api-reference/chat-streaming).
//! - ConverseStream: the open block is closed, then `messageStop` with `stopReason: guardrail_intervened` and `metadata`, as
//!   Bedrock itself ends a stream when its own guardrail steps in (`ConverseStreamOutput` of its service model).
//! - Messages: the open block is closed, then `message_delta` with `stop_reason: refusal`, which is what Anthropic's own
//!   streaming classifiers end with, and `message_stop`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Dialect, pieces::bytes};
use crate::engine::completion::Ending;

/// The events that end a stream of which `told` is out. `None` in formats that have no words for it.
pub fn cut(dialect: Dialect, told: &[Bytes], text: &str) -> Option<Vec<Bytes>> {
    let why = Ending::Guarded.word(dialect);
    let events = match dialect {
        Dialect::OpenAi => openai(told, &spaced(text), why),
        Dialect::Converse => converse(told, &spaced(text), why),
        Dialect::Messages => messages(told, &spaced(text), why),
        Dialect::Native => return None,
    };
    Some(events.iter().map(bytes).collect())
}

/// Words that follow others.
fn spaced(text: &str) -> String {
    format!("\n\n{text}")
}

fn openai(told: &[Bytes], text: &str, why: &str) -> Vec<Value> {
    let known = told.iter().rev().find_map(|event| serde_json::from_slice::<Map<_, _>>(event).ok());
    let event = |delta: Value, finish: Value| {
        let mut event =
            known.clone().unwrap_or_else(|| Map::from_iter([("object".into(), json!("chat.completion.chunk"))]));
        event.remove("usage");
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        event.insert("choices".into(), json!([choice]));
        Value::Object(event)
    };
    vec![event(json!({ "content": text }), Value::Null), event(json!({}), json!(why))]
}

fn converse(told: &[Bytes], text: &str, why: &str) -> Vec<Value> {
    let open = Open::after(told, |event| {
        let at = |event: &Value| event.get("contentBlockIndex")?.as_u64();
        if let Some(delta) = event.get("contentBlockDelta") {
            // A block of text has no start of its own.
            return Some(Turn::Goes(at(delta)?, delta.pointer("/delta/text").is_some()));
        }
        if let Some(start) = event.get("contentBlockStart") {
            return Some(Turn::Goes(at(start)?, false));
        }
        Some(Turn::Ends(at(event.get("contentBlockStop")?)?))
    });
    let stop = |at: u64| json!({ "contentBlockStop": { "contentBlockIndex": at } });
    let mut events: Vec<_> = open.foreign().map(stop).into_iter().collect();
    let at = open.own();
    events.push(json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": { "text": text } } }));
    events.push(stop(at));
    events.push(json!({ "messageStop": { "stopReason": why } }));
    let none = json!({ "inputTokens": 0, "outputTokens": 0, "totalTokens": 0 });
    events.push(json!({ "metadata": { "usage": none, "metrics": { "latencyMs": 0 } } }));
    events
}

fn messages(told: &[Bytes], text: &str, why: &str) -> Vec<Value> {
    let open = Open::after(told, |event| {
        let at = event.get("index")?.as_u64()?;
        match event.get("type")?.as_str()? {
            "content_block_start" => {
                Some(Turn::Goes(at, event.pointer("/content_block/type").is_some_and(|kind| *kind == "text")))
            }
            "content_block_stop" => Some(Turn::Ends(at)),
            _ => None,
        }
    });
    let stop = |at: u64| json!({ "type": "content_block_stop", "index": at });
    let mut events: Vec<_> = open.foreign().map(stop).into_iter().collect();
    let at = open.own();
    if !open.is_text() {
        events.push(
            json!({ "type": "content_block_start", "index": at, "content_block": { "type": "text", "text": "" } }),
        );
    }
    events.push(json!({ "type": "content_block_delta", "index": at, "delta": { "type": "text_delta", "text": text } }));
    events.push(stop(at));
    let delta = json!({ "stop_reason": why, "stop_sequence": null });
    events.push(json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": 0 } }));
    events.push(json!({ "type": "message_stop" }));
    events
}

/// What an event does to a block.
enum Turn {
    /// It begins or goes on; whether it is text.
    Goes(u64, bool),
    Ends(u64),
}

/// The block that is open, and the number of the next one.
#[derive(Default)]
struct Open {
    block: Option<(u64, bool)>,
    next: u64,
}

impl Open {
    fn after(told: &[Bytes], turn: impl Fn(&Value) -> Option<Turn>) -> Self {
        let mut open = Self::default();
        for event in told.iter().filter_map(|event| serde_json::from_slice::<Value>(event).ok()) {
            match turn(&event) {
                Some(Turn::Goes(at, is_text)) => {
                    open.block = Some((at, is_text));
                    open.next = open.next.max(at + 1);
                }
                Some(Turn::Ends(at)) if open.block.is_some_and(|(known, _)| known == at) => open.block = None,
                Some(Turn::Ends(_)) | None => {}
            }
        }
        open
    }

    fn is_text(&self) -> bool {
        self.block.is_some_and(|(_, is_text)| is_text)
    }

    /// The open block, where our words cannot stand.
    fn foreign(&self) -> Option<u64> {
        self.block.filter(|(_, is_text)| !is_text).map(|(at, _)| at)
    }

    /// The block in which our words stand.
    fn own(&self) -> u64 {
        self.block.filter(|(_, is_text)| *is_text).map_or(self.next, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        engine::completion::{self, say},
        store::Shape,
    };

    #[test]
    fn a_stream_that_is_cut_is_a_whole_answer_of_its_format() {
        for (dialect, path) in [
            (Dialect::OpenAi, "/choices/0/finish_reason"),
            (Dialect::Converse, "/stopReason"),
            (Dialect::Messages, "/stop_reason"),
        ] {
            let whole = dialect.events_of(&say(dialect, "One day", "1", Timestamp(0))).expect("events");
            let words =
                whole.iter().position(|event| completion::text(Shape::Events, std::slice::from_ref(event)).is_some());
            let mut told = whole[..=words.expect("words")].to_vec();
            told.extend(cut(dialect, &told, "I stop here.").expect("an end"));
            let body: Value = serde_json::from_slice(&dialect.body_of(&told).expect("a body")).expect("JSON");
            assert_eq!(body.pointer(path).and_then(Value::as_str), Some(Ending::Guarded.word(dialect)));
            let said = completion::text(Shape::Body, &[body.to_string().into()]);
            assert_eq!(said.as_deref(), Some("One day\n\nI stop here."), "{dialect:?}");
        }
    }

    #[test]
    fn words_of_ours_stand_in_a_block_of_their_own_behind_a_tools() {
        let told = [
            json!({ "type": "message_start", "message": { "content": [], "usage": {} } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "id": "t", "name": "f", "input": {} } }),
        ];
        let mut told = told.map(|event| Bytes::from(event.to_string())).to_vec();
        told.extend(cut(Dialect::Messages, &told, "Stop.").expect("an end"));
        let body: Value = serde_json::from_slice(&Dialect::Messages.body_of(&told).expect("a body")).expect("JSON");
        assert_eq!(
            (&body["content"][0]["type"], &body["content"][1]["text"]),
            (&json!("tool_use"), &json!("\n\nStop."))
        );
    }
}
