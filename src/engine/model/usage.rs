//! How many tokens an answer took, read out of a body or an event without parsing the rest of it.

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// The tokens of one answer, as the provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the prompt, cached or not.
    pub prompt: u64,
    /// Tokens of the answer.
    pub completion: u64,
    /// Those of the prompt that the provider read from its prompt cache.
    pub cache_read: u64,
    /// Those of the prompt that it wrote to its prompt cache; 0 from providers that do not say.
    pub cache_write: u64,
}

/// The words of every format; a provider uses those of one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reported {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    #[serde(rename = "inputTokens", alias = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "outputTokens", alias = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "cacheReadInputTokens", alias = "cache_read_input_tokens")]
    read: Option<u64>,
    #[serde(rename = "cacheWriteInputTokens", alias = "cache_creation_input_tokens")]
    written: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

impl Usage {
    /// The `usage` of a completion or of an event. `None` when there is none, it is `null` or it cannot be read: an
    /// answer is never refused for its usage.
    ///
    /// Inside a JSON string the quotes would be escaped, so the key's bytes cannot be part of an answer's text.
    pub fn find(json: &[u8]) -> Option<Self> {
        const KEY: &[u8] = b"\"usage\"";
        let after = json.get(memmem::rfind(json, KEY)? + KEY.len()..)?;
        let value = after.trim_ascii_start().strip_prefix(b":")?;
        let reported = serde_json::Deserializer::from_slice(value).into_iter::<Option<Reported>>().next()?.ok()??;
        let details = reported.prompt_tokens_details.unwrap_or_default();
        let cache_read = details.cached_tokens.or(reported.read).unwrap_or(0);
        let cache_write = details.cache_write_tokens.or(reported.written).unwrap_or(0);
        // OpenAI counts cached tokens as part of the prompt, Bedrock and Anthropic beside it.
        let apart = reported.input.unwrap_or(0).saturating_add(cache_read).saturating_add(cache_write);
        Some(Self {
            prompt: reported.prompt_tokens.unwrap_or(if reported.input.is_some() { apart } else { 0 }),
            completion: reported.completion_tokens.or(reported.output).unwrap_or(0),
            cache_read,
            cache_write,
        })
    }

    /// Together with what the same answer said before: some tell what went in at the beginning and what came out at the end.
    pub fn and(self, before: Option<Self>) -> Self {
        let before = before.unwrap_or_default();
        Self {
            prompt: self.prompt.max(before.prompt),
            completion: self.completion.max(before.completion),
            cache_read: self.cache_read.max(before.cache_read),
            cache_write: self.cache_write.max(before.cache_write),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_found_wherever_it_stands() {
        let body = br#"{"usage" : {"prompt_tokens":1200,"completion_tokens":40,"total_tokens":1240,
            "prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0}},"id":"x"}"#;
        let usage = Usage { prompt: 1_200, completion: 40, cache_read: 1_024, cache_write: 0 };
        assert_eq!(Usage::find(body), Some(usage));
    }

    #[test]
    fn every_format_says_it_in_its_own_words() {
        let usage = Some(Usage { prompt: 16, completion: 2, cache_read: 4, cache_write: 3 });
        let converse = br#"{"metadata":{"usage":{"inputTokens":9,"outputTokens":2,"totalTokens":11,"cacheReadInputTokens":4,"cacheWriteInputTokens":3}}}"#;
        assert_eq!(Usage::find(converse), usage);
        let begun = Usage::find(br#"{"type":"message_start","message":{"usage":{"input_tokens":9,"cache_read_input_tokens":4,"cache_creation_input_tokens":3,"output_tokens":1}}}"#);
        let ended = Usage::find(br#"{"type":"message_delta","usage":{"output_tokens":2}}"#).expect("usage");
        assert_eq!(Some(ended.and(begun)), usage);
    }

    #[test]
    fn an_answer_that_talks_about_usage_has_none() {
        assert_eq!(Usage::find(br#"{"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}"#), None);
        assert_eq!(Usage::find(br#"{"choices":[],"usage":null}"#), None);
        assert_eq!(Usage::find(br#"{"choices":[],"usage":"none"}"#), None);
    }
}
