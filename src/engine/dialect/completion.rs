//! What all parts of one answer have in common, for models that do not say it in the format that was asked for.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{digest::Digest, engine::model::usage::Usage};

/// The frame of an answer in OpenAI's or Anthropic's format.
#[derive(Clone, Debug)]
pub struct Completion {
    id: Digest,
    created: i64,
    model: String,
}

impl Completion {
    /// An answer by `model`, begun at `created` (seconds since 1970), told apart from others by `seed`.
    pub fn new(model: &str, created: i64, seed: &[u8]) -> Self {
        Self { id: Digest::of([seed, &created.to_le_bytes()]), created, model: model.to_owned() }
    }

    /// The whole answer as one body of OpenAI's.
    pub fn body(&self, text: &str, finish: &str, usage: &Usage) -> Bytes {
        let message = json!({ "role": "assistant", "content": text, "refusal": null });
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
        let mut body = self.frame("chat.completion", json!([choice]));
        body["usage"] = report(usage);
        bytes(&body)
    }

    /// The first event of a stream: who speaks, and the first words.
    pub fn opening(&self, text: &str) -> Bytes {
        bytes(&self.chunk(json!({ "role": "assistant", "content": text }), None))
    }

    /// An event with some of the text.
    pub fn piece(&self, text: &str) -> Bytes {
        bytes(&self.chunk(json!({ "content": text }), None))
    }

    /// The event that says why the answer ended.
    pub fn closing(&self, finish: &str) -> Bytes {
        bytes(&self.chunk(json!({}), Some(finish)))
    }

    /// The event after the last, with the usage.
    pub fn usage(&self, usage: &Usage) -> Bytes {
        bytes(&self.usage_chunk(usage))
    }

    /// One event of a stream of OpenAI's.
    pub(super) fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        self.frame("chat.completion.chunk", json!([choice]))
    }

    /// The event after the last.
    pub(super) fn usage_chunk(&self, usage: &Usage) -> Value {
        let mut event = self.frame("chat.completion.chunk", json!([]));
        event["usage"] = report(usage);
        event
    }

    /// A message of Anthropic's.
    pub(super) fn message(&self, content: Value, stop: Value, usage: Value) -> Value {
        json!({
            "id": format!("msg_{}", self.id), "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
        })
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.id), "object": object, "created": self.created, "model": self.model,
            "choices": choices,
        })
    }
}

fn report(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": { "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write },
    })
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_that_is_written_is_the_usage_that_is_read() {
        let usage = Usage { prompt: 90, completion: 7, cache_read: 64, cache_write: 5 };
        let answer = Completion::new("m", 1, b"seed");
        assert_eq!(Usage::find(&answer.body("hi", "stop", &usage)), Some(usage));
        assert_eq!(Usage::find(&answer.usage(&usage)), Some(usage));
        assert_eq!(Usage::find(&answer.piece("hi")), None);
    }
}
