//! Chunks of a chat completion as events of ConverseStream.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Retell;
use crate::engine::{
    dialect::pieces::{list, text},
    model::usage::Usage,
};

/// Where the telling stands.
pub(super) struct Teller {
    asked: Instant,
    begun: bool,
    /// The block that is open, and how many there were.
    open: Option<Open>,
    blocks: u64,
    /// The block of each tool call, by the number that the model gave it.
    calls: Vec<(u64, u64)>,
    stopped: bool,
    usage: Usage,
}

/// What kind of block is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Reasoning,
    Call(u64),
}

impl Teller {
    pub(super) fn new(asked: Instant) -> Self {
        Self { asked, begun: false, open: None, blocks: 0, calls: Vec::new(), stopped: false, usage: Usage::default() }
    }

    fn delta(&self, at: u64, delta: Value) -> Value {
        json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": delta } })
    }

    fn begin(&mut self, told: &mut Vec<Value>) {
        if !std::mem::replace(&mut self.begun, true) {
            told.push(json!({ "messageStart": { "role": "assistant" } }));
        }
    }

    /// Words, spoken or thought, in a block of their own kind.
    fn words(&mut self, kind: Open, delta: Value, told: &mut Vec<Value>) {
        if self.open != Some(kind) {
            self.close(told);
            self.open = Some(kind);
            self.blocks += 1;
        }
        told.push(self.delta(self.blocks - 1, delta));
    }

    fn call(&mut self, call: &Value, told: &mut Vec<Value>) {
        let number = call["index"].as_u64().unwrap_or(self.calls.len() as u64);
        let known = self.calls.iter().find(|(known, _)| *known == number).map(|(_, at)| *at);
        let at = known.unwrap_or_else(|| {
            self.close(told);
            let at = self.blocks;
            self.calls.push((number, at));
            (self.open, self.blocks) = (Some(Open::Call(number)), self.blocks + 1);
            let start = json!({ "toolUseId": call["id"], "name": call["function"]["name"] });
            told.push(json!({ "contentBlockStart": { "contentBlockIndex": at, "start": { "toolUse": start } } }));
            at
        });
        if let Some(arguments) = text(&call["function"], "arguments") {
            told.push(self.delta(at, json!({ "toolUse": { "input": arguments } })));
        }
    }

    fn close(&mut self, told: &mut Vec<Value>) {
        if self.open.take().is_some() {
            told.push(json!({ "contentBlockStop": { "contentBlockIndex": self.blocks - 1 } }));
        }
    }

    fn stop(&mut self, reason: &str, told: &mut Vec<Value>) {
        self.begin(told);
        self.close(told);
        if !std::mem::replace(&mut self.stopped, true) {
            told.push(json!({ "messageStop": { "stopReason": reason } }));
        }
    }
}

impl Retell for Teller {
    fn event(&mut self, event: &Value) -> Vec<Value> {
        let mut told = Vec::new();
        if event["usage"].is_object() {
            self.usage = Usage::find(event.to_string().as_bytes()).unwrap_or(self.usage);
        }
        // Converse knows one choice; more than one were not asked for.
        let Some(choice) = list(event, "choices").iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0)
        else {
            return told;
        };
        self.begin(&mut told);
        let delta = &choice["delta"];
        if let Some(thought) = text(delta, "reasoning_content").or_else(|| text(delta, "reasoning")) {
            self.words(Open::Reasoning, json!({ "reasoningContent": { "text": thought } }), &mut told);
        }
        for said in [text(delta, "content"), text(delta, "refusal")].into_iter().flatten() {
            self.words(Open::Text, json!({ "text": said }), &mut told);
        }
        list(delta, "tool_calls").iter().for_each(|call| self.call(call, &mut told));
        if let Some(finish) = text(choice, "finish_reason") {
            self.stop(stop_reason(finish), &mut told);
        }
        told
    }

    fn end(&mut self) -> Vec<Value> {
        let mut told = Vec::new();
        self.stop("end_turn", &mut told);
        let usage = converse_usage(&self.usage);
        let metrics = json!({ "latencyMs": self.asked.elapsed().as_millis() as u64 });
        told.push(json!({ "metadata": { "usage": usage, "metrics": metrics } }));
        told
    }
}

fn stop_reason(finish: &str) -> &'static str {
    match finish {
        "length" => "max_tokens",
        "tool_calls" | "function_call" => "tool_use",
        "content_filter" => "content_filtered",
        _ => "end_turn",
    }
}

/// OpenAI counts cached tokens as part of the prompt, Bedrock beside it.
fn converse_usage(usage: &Usage) -> Value {
    let fresh = usage.prompt.saturating_sub(usage.cache_read + usage.cache_write);
    let mut told = json!({
        "inputTokens": fresh, "outputTokens": usage.completion, "totalTokens": usage.prompt + usage.completion,
    });
    if usage.cache_read + usage.cache_write > 0 {
        told["cacheReadInputTokens"] = usage.cache_read.into();
        told["cacheWriteInputTokens"] = usage.cache_write.into();
    }
    told
}
