//! A stream's events for keeping: neighbours that differ only in their words become one.
//!
//! A model sends a token an event, and each repeats some 200 bytes around it; kept as they came, a page of text would
//! take more room than an entry may have. Everything but the words stays, event by event.

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use crate::engine::completion::words_of_event;

/// Fewer events that say the same. Those that are not plain words of a first choice stay as they are.
pub(super) fn compact(events: &[Bytes]) -> Vec<Bytes> {
    let mut compacted = Vec::new();
    let mut open: Option<Open> = None;
    for event in events {
        if let Some((run, words)) =
            open.as_mut().and_then(|run| run.around.as_ref()?.words(event).map(|words| (run, words)))
        {
            run.extend(&words);
            continue;
        }
        match (open.as_mut(), words_of(event)) {
            (Some(run), Some((frame, _, words))) if run.frame == frame => run.extend(&words),
            (_, Some((frame, path, words))) => {
                let around = Around::of(event, &words);
                let run = Open { first: event.clone(), frame, around, path, words, events: 1 };
                compacted.extend(open.replace(run).map(Open::close));
            }
            (_, None) => {
                compacted.extend(open.take().map(Open::close));
                compacted.push(event.clone());
            }
        }
    }
    compacted.extend(open.map(Open::close));
    compacted
}

/// Events that are becoming one.
struct Open {
    /// The first of them, as it came.
    first: Bytes,
    /// What they share: the event without its words.
    frame: Value,
    /// The same as it stands in the first of them, where that can be told: most events differ in nothing else.
    around: Option<Around>,
    /// Where the words belong.
    path: &'static str,
    words: String,
    events: usize,
}

impl Open {
    fn extend(&mut self, words: &str) {
        self.words.push_str(words);
        self.events += 1;
    }

    fn close(mut self) -> Bytes {
        match self.frame.pointer_mut(self.path) {
            Some(words) if self.events > 1 => {
                *words = self.words.into();
                self.frame.to_string().into()
            }
            _ => self.first,
        }
    }
}

/// The bytes before and after an event's words.
struct Around {
    before: Bytes,
    after: Bytes,
}

impl Around {
    /// `None` where the words are written in another way than ours, or stand somewhere else before.
    fn of(event: &Bytes, words: &str) -> Option<Self> {
        let literal = serde_json::to_string(words).ok()?;
        let at = memmem::find(event, literal.as_bytes())?;
        let around = Self { before: event.slice(..at), after: event.slice(at + literal.len()..) };
        let others = format!("{words}?");
        let probe = [&around.before[..], serde_json::to_string(&others).ok()?.as_bytes(), &around.after[..]].concat();
        let (_, _, read) = words_of(&probe.into())?;
        (read == others).then_some(around)
    }

    /// The words of an event that is otherwise the same.
    fn words(&self, event: &Bytes) -> Option<String> {
        let literal = event.strip_prefix(&self.before[..])?.strip_suffix(&self.after[..])?;
        serde_json::from_slice(literal).ok()
    }
}

/// An event without its words, and them; `None` when it has none, or several choices.
fn words_of(event: &Bytes) -> Option<(Value, &'static str, String)> {
    let mut frame: Value = serde_json::from_slice(event).ok()?;
    if frame.get("choices").is_some_and(|choices| choices.as_array().is_none_or(|choices| choices.len() != 1)) {
        return None;
    }
    let (path, _) = words_of_event(&frame)?;
    // Converse and OpenAI pad their events to lengths that tell nothing.
    if let Some(Value::Object(delta)) = frame.get_mut("contentBlockDelta") {
        delta.remove("p");
    }
    if let Some(frame) = frame.as_object_mut() {
        frame.remove("obfuscation");
    }
    match frame.pointer_mut(path)?.take() {
        Value::String(words) => Some((frame, path, words)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(delta: &Value) -> Bytes {
        json!({ "id": "c-1", "x_new": 1, "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
            .to_string()
            .into()
    }

    #[test]
    fn a_token_an_event_becomes_one_event_with_all_words() {
        let role = event(&json!({ "role": "assistant", "content": "" }));
        let end = Bytes::from_static(b"{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
        let usage = Bytes::from_static(b"{\"choices\":[],\"usage\":{\"total_tokens\":9}}");
        let tokens = ["Naruto", " is", " 忍者"].map(|words| event(&json!({ "content": words })));
        let [a, b, c] = tokens;
        let kept = compact(&[role.clone(), a, b, c, end.clone(), usage.clone()]);
        let said: Value = serde_json::from_slice(&kept[1]).expect("JSON");
        assert_eq!((kept.len(), &kept[0], &kept[2], &kept[3]), (4, &role, &end, &usage));
        assert_eq!(
            (said.pointer("/choices/0/delta/content"), &said["x_new"]),
            (Some(&json!("Naruto is 忍者")), &json!(1))
        );
    }

    #[test]
    fn the_words_of_one_block_become_one_event_in_every_format() {
        let converse = |at: u64, text: &str, p: &str| {
            json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": { "text": text }, "p": p } })
                .to_string()
                .into()
        };
        let kept = compact(&[converse(0, "Na", "ab"), converse(0, "ruto", "abc"), converse(1, "x", "a")]);
        let said: Value = serde_json::from_slice(&kept[0]).expect("JSON");
        assert_eq!((kept.len(), &said["contentBlockDelta"]["delta"]["text"]), (2, &json!("Naruto")));
        let messages = |text: &str| -> Bytes {
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } })
                .to_string()
                .into()
        };
        assert_eq!(compact(&[messages("Na"), messages("ruto")]), [messages("Naruto")]);
    }

    #[test]
    fn padding_keeps_no_events_apart() {
        let padded = |words: &str, padding: &str| -> Bytes {
            json!({ "choices": [{ "index": 0, "delta": { "content": words } }], "obfuscation": padding })
                .to_string()
                .into()
        };
        assert_eq!(compact(&[padded("Na", "x"), padded("ruto", "yyy")]).len(), 1);
    }

    proptest! {
        #[test]
        fn no_word_is_lost_or_added_whatever_it_looks_like(
            words in prop::collection::vec(prop::sample::select(&["c-1", "x_new", "", "?", "\"", "\\n\n", "忍者", "content", "null"][..]), 1..9),
            escaped in prop::collection::vec(any::<bool>(), 9),
        ) {
            let events: Vec<_> = words.iter().zip(escaped).map(|(words, escaped)| {
                let plain = event(&json!({ "content": words }));
                // Another way to write the same event.
                let other = || String::from_utf8_lossy(&plain).replace('忍', "\\u5fcd").into();
                if escaped { other() } else { plain }
            }).collect();
            let kept = compact(&events);
            prop_assert_eq!(kept.len(), 1);
            let (_, _, said) = words_of(&kept[0]).expect("words");
            prop_assert_eq!(said, words.concat());
        }
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_came() {
        let odd =
            [Bytes::from_static(b"not json"), event(&json!({ "tool_calls": [] })), event(&json!({ "content": "a" }))];
        assert_eq!(compact(&odd), odd);
    }
}
