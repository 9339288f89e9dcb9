//! Answers in OpenAI's form, for models that do not speak it themselves.

use bytes::Bytes;
use serde_json::{Value, json};

use super::usage::Usage;
use crate::digest::Digest;

/// What all parts of one answer have in common.
#[derive(Clone, Debug)]
pub(super) struct Completion {
    id: String,
    created: i64,
    model: String,
}

impl Completion {
    /// An answer by `model`, begun at `created` (seconds since 1970), told apart from others by `seed`.
    pub(super) fn new(model: &str, created: i64, seed: &[u8]) -> Self {
        let id = format!("chatcmpl-{}", Digest::of([seed, &created.to_le_bytes()]));
        Self { id, created, model: model.to_owned() }
    }

    /// The whole answer as one body.
    pub(super) fn body(&self, text: &str, finish: &str, usage: &Usage) -> Bytes {
        let message = json!({ "role": "assistant", "content": text, "refusal": null });
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
        let mut body = self.frame("chat.completion", json!([choice]));
        body["usage"] = report(usage);
        bytes(&body)
    }

    /// The first event of a stream: who speaks, and the first words.
    pub(super) fn opening(&self, text: &str) -> Bytes {
        self.event(json!({ "role": "assistant", "content": text }), None)
    }

    /// An event with some of the text.
    pub(super) fn piece(&self, text: &str) -> Bytes {
        self.event(json!({ "content": text }), None)
    }

    /// The event that says why the answer ended.
    pub(super) fn closing(&self, finish: &str) -> Bytes {
        self.event(json!({}), Some(finish))
    }

    /// The event after the last, with the usage.
    pub(super) fn usage(&self, usage: &Usage) -> Bytes {
        let mut event = self.frame("chat.completion.chunk", json!([]));
        event["usage"] = report(usage);
        bytes(&event)
    }

    fn event(&self, delta: Value, finish: Option<&str>) -> Bytes {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        bytes(&self.frame("chat.completion.chunk", json!([choice])))
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices,
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
