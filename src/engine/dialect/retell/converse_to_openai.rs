//! Events of ConverseStream as chunks of a chat completion.

use serde_json::{Value, json};

use super::Retell;
use crate::engine::{
    dialect::{
        completion::Completion,
        pieces::{only, text},
    },
    model::usage::Usage,
};

/// Where the telling stands.
pub(super) struct Teller {
    completion: Completion,
    /// Which block each tool call is; its place is its number.
    calls: Vec<u64>,
    begun: bool,
    stopped: bool,
}

impl Teller {
    pub(super) fn new(completion: Completion) -> Self {
        Self { completion, calls: Vec::new(), begun: false, stopped: false }
    }

    fn tell(&mut self, mut delta: Value, finish: Option<&str>) -> Value {
        if !std::mem::replace(&mut self.begun, true) {
            delta["role"] = "assistant".into();
        }
        self.completion.chunk(delta, finish)
    }

    fn start(&mut self, told: &Value) -> Option<Value> {
        let tool = told.pointer("/start/toolUse")?;
        let number = self.calls.len();
        self.calls.push(told["contentBlockIndex"].as_u64()?);
        let function = json!({ "name": tool["name"], "arguments": "" });
        let call = json!({ "index": number, "id": tool["toolUseId"], "type": "function", "function": function });
        Some(self.tell(json!({ "tool_calls": [call] }), None))
    }

    fn delta(&mut self, told: &Value) -> Option<Value> {
        let delta = match only(&told["delta"])? {
            ("text", said) => json!({ "content": said }),
            ("toolUse", tool) => {
                let at = told["contentBlockIndex"].as_u64()?;
                let number = self.calls.iter().position(|known| *known == at)?;
                json!({ "tool_calls": [{ "index": number, "function": { "arguments": tool["input"] } }] })
            }
            // Not OpenAI's own word, but what endpoints and clients have come to use.
            ("reasoningContent", thought) => json!({ "reasoning_content": text(thought, "text")? }),
            _ => return None,
        };
        Some(self.tell(delta, None))
    }
}

impl Retell for Teller {
    fn event(&mut self, event: &Value) -> Vec<Value> {
        let Some((kind, told)) = only(event) else { return Vec::new() };
        let told = match kind {
            "messageStart" => Some(self.tell(json!({ "content": "" }), None)),
            "contentBlockStart" => self.start(told),
            "contentBlockDelta" => self.delta(told),
            "messageStop" => {
                self.stopped = true;
                Some(self.tell(json!({}), Some(finish(text(told, "stopReason").unwrap_or_default()))))
            }
            "metadata" => {
                let usage = Usage::find(event.to_string().as_bytes());
                usage.map(|usage| self.completion.usage_chunk(&usage))
            }
            _ => None,
        };
        told.into_iter().collect()
    }

    fn end(&mut self) -> Vec<Value> {
        if self.stopped { Vec::new() } else { vec![self.tell(json!({}), Some("stop"))] }
    }
}

fn finish(stop: &str) -> &'static str {
    match stop {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "content_filtered" | "guardrail_intervened" => "content_filter",
        "tool_use" => "tool_calls",
        _ => "stop",
    }
}
