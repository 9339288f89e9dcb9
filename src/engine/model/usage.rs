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

#[derive(Deserialize)]
struct Reported {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<Details>,
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
        Some(Self {
            prompt: reported.prompt_tokens,
            completion: reported.completion_tokens,
            cache_read: details.cached_tokens.unwrap_or(0),
            cache_write: details.cache_write_tokens.unwrap_or(0),
        })
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
    fn an_answer_that_talks_about_usage_has_none() {
        assert_eq!(Usage::find(br#"{"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}"#), None);
        assert_eq!(Usage::find(br#"{"choices":[],"usage":null}"#), None);
        assert_eq!(Usage::find(br#"{"choices":[],"usage":"none"}"#), None);
    }
}
