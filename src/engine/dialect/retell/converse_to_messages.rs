//! Events of ConverseStream as events of Anthropic's messages.

use serde_json::{Value, json};

use super::Retell;
use crate::engine::dialect::{
    completion::Completion,
    pieces::{only, text},
};

/// Where the telling stands.
pub(super) struct Teller {
    completion: Completion,
    begun: bool,
    /// The block that is open.
    open: Option<u64>,
    stop: Value,
    usage: Value,
}

impl Teller {
    pub(super) fn new(completion: Completion) -> Self {
        Self { completion, begun: false, open: None, stop: Value::Null, usage: json!({ "output_tokens": 0 }) }
    }

    fn begin(&mut self, told: &mut Vec<Value>) {
        if !std::mem::replace(&mut self.begun, true) {
            let message =
                self.completion.message(json!([]), Value::Null, json!({ "input_tokens": 0, "output_tokens": 0 }));
            told.push(json!({ "type": "message_start", "message": message }));
        }
    }

    fn open(&mut self, at: u64, block: Value, told: &mut Vec<Value>) {
        self.begin(told);
        if self.open != Some(at) {
            self.close(told);
            self.open = Some(at);
            told.push(json!({ "type": "content_block_start", "index": at, "content_block": block }));
        }
    }

    fn close(&mut self, told: &mut Vec<Value>) {
        if let Some(at) = self.open.take() {
            told.push(json!({ "type": "content_block_stop", "index": at }));
        }
    }

    fn start(&mut self, told: &Value, out: &mut Vec<Value>) {
        let at = told["contentBlockIndex"].as_u64().unwrap_or(0);
        if let Some(tool) = told.pointer("/start/toolUse") {
            let block = json!({ "type": "tool_use", "id": tool["toolUseId"], "name": tool["name"], "input": {} });
            self.open(at, block, out);
        }
    }

    fn delta(&mut self, told: &Value, out: &mut Vec<Value>) {
        let at = told["contentBlockIndex"].as_u64().unwrap_or(0);
        let (block, delta) = match only(&told["delta"]) {
            Some(("text", said)) => {
                (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": said }))
            }
            Some(("toolUse", tool)) => {
                let block = json!({ "type": "tool_use", "id": format!("toolu_{at}"), "name": "", "input": {} });
                (block, json!({ "type": "input_json_delta", "partial_json": tool["input"] }))
            }
            Some(("reasoningContent", thought)) => match only(thought) {
                Some(("text", said)) => (thinking(), json!({ "type": "thinking_delta", "thinking": said })),
                Some(("signature", sign)) => (thinking(), json!({ "type": "signature_delta", "signature": sign })),
                Some(("redactedContent", data)) => {
                    return self.open(at, json!({ "type": "redacted_thinking", "data": data }), out);
                }
                _ => return,
            },
            _ => return,
        };
        self.open(at, block, out);
        out.push(json!({ "type": "content_block_delta", "index": at, "delta": delta }));
    }
}

fn thinking() -> Value {
    json!({ "type": "thinking", "thinking": "", "signature": "" })
}

impl Retell for Teller {
    fn event(&mut self, event: &Value) -> Vec<Value> {
        let mut out = Vec::new();
        let Some((kind, told)) = only(event) else { return out };
        match kind {
            "messageStart" => self.begin(&mut out),
            "contentBlockStart" => self.start(told, &mut out),
            "contentBlockDelta" => self.delta(told, &mut out),
            "contentBlockStop" => self.close(&mut out),
            "messageStop" => self.stop = stop_reason(text(told, "stopReason").unwrap_or_default()).into(),
            "metadata" => self.usage = usage(&told["usage"]),
            _ => {}
        }
        out
    }

    fn end(&mut self) -> Vec<Value> {
        let mut out = Vec::new();
        self.begin(&mut out);
        self.close(&mut out);
        let stop = if self.stop.is_null() { "end_turn".into() } else { self.stop.take() };
        let delta = json!({ "stop_reason": stop, "stop_sequence": null });
        out.push(json!({ "type": "message_delta", "delta": delta, "usage": self.usage }));
        out.push(json!({ "type": "message_stop" }));
        out
    }
}

fn stop_reason(stop: &str) -> &str {
    match stop {
        "content_filtered" | "guardrail_intervened" => "refusal",
        "end_turn" | "max_tokens" | "tool_use" | "stop_sequence" | "model_context_window_exceeded" => stop,
        _ => "end_turn",
    }
}

fn usage(usage: &Value) -> Value {
    const NAMES: [(&str, &str); 4] = [
        ("inputTokens", "input_tokens"),
        ("outputTokens", "output_tokens"),
        ("cacheReadInputTokens", "cache_read_input_tokens"),
        ("cacheWriteInputTokens", "cache_creation_input_tokens"),
    ];
    let counts = NAMES.iter().map(|(from, to)| ((*to).to_owned(), json!(usage[*from].as_u64().unwrap_or(0))));
    Value::Object(counts.collect())
}
