//! What Bedrock adds to the last chunk of an invocation's stream: its tokens and how long it took. Clients that read no other
//! usage (LangChain's) go by it.

use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::json;

use crate::engine::{measure::Timer, model::usage::Usage};

const MEMBER: &str = "amazon-bedrock-invocationMetrics";

/// What is known of a stream so far.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    usage: Option<Usage>,
    first: Option<Duration>,
}

impl Metrics {
    /// Takes note of an event; the same with the metrics, if it ends an answer and has none: a model of Bedrock's sends its
    /// own.
    pub(super) fn add(&mut self, event: &Bytes, timer: &Timer) -> Option<Bytes> {
        let first = *self.first.get_or_insert_with(|| timer.elapsed());
        self.usage = Usage::find(event).map(|found| found.and(self.usage)).or(self.usage);
        let usage = self.usage.filter(|_| ends(event))?;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let metrics = json!({
            "inputTokenCount": usage.prompt.saturating_sub(usage.cache_read + usage.cache_write),
            "outputTokenCount": usage.completion,
            "cacheReadInputTokenCount": usage.cache_read,
            "cacheWriteInputTokenCount": usage.cache_write,
            "invocationLatency": millis(timer.elapsed()),
            "firstByteLatency": millis(first),
        });
        let open = event.trim_ascii_end().strip_suffix(b"}")?;
        Some([open, format!(",\"{MEMBER}\":{metrics}}}").as_bytes()].concat().into())
    }
}

/// Whether an event is the last of a message and says nothing of tokens.
fn ends(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        r#type: &'a str,
    }
    let has = |word: &str| memmem::find(event, word.as_bytes()).is_some();
    has("message_stop")
        && !has(MEMBER)
        && serde_json::from_slice::<Named<'_>>(event).is_ok_and(|event| event.r#type == "message_stop")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::{engine::measure::Measures, telemetry::registry::Registry};

    fn last(events: &[&'static str]) -> Option<Value> {
        let timer = Timer::start(Arc::new(Measures::new(&Registry::default())));
        let mut metrics = Metrics::default();
        let told = events.iter().map(|event| metrics.add(&Bytes::from_static(event.as_bytes()), &timer)).last()??;
        Some(serde_json::from_slice(&told).expect("JSON"))
    }

    const START: &str =
        r#"{"type":"message_start","message":{"usage":{"input_tokens":7,"cache_read_input_tokens":20}}}"#;
    const DELTA: &str = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}"#;

    #[tokio::test]
    async fn the_last_event_tells_the_tokens_of_all() {
        let told = last(&[START, DELTA, r#"{"type":"message_stop"}"#]).expect("metrics");
        let metrics = &told[MEMBER];
        assert_eq!(
            (
                &told["type"],
                &metrics["inputTokenCount"],
                &metrics["outputTokenCount"],
                &metrics["cacheReadInputTokenCount"]
            ),
            (&json!("message_stop"), &json!(7), &json!(5), &json!(20))
        );
    }

    #[tokio::test]
    async fn what_a_model_of_bedrocks_says_itself_and_what_only_looks_like_an_end_stay() {
        let own = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#;
        assert_eq!(last(&[START, DELTA, own]), None);
        let words = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"message_stop"}}"#;
        assert_eq!(last(&[START, words]), None);
        assert_eq!(last(&[r#"{"type":"message_stop"}"#]), None, "nobody said how many tokens");
    }
}
