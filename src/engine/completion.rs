//! The words of answers, in every format: answers that no model wrote (fixed ones, degradation messages), words added to a
//! stored answer, and what an answer says.
//!
//! An answer shows by itself which format it is in: each has its words where no other has any.

use bytes::Bytes;
use serde_json::{Value, json};

use super::dialect::Dialect;
use crate::{clock::Timestamp, store::Shape};

/// Where an event has words, in OpenAI's format, Converse's and Anthropic's.
pub const WORDS: [&str; 3] = ["/choices/0/delta/content", "/contentBlockDelta/delta/text", "/delta/text"];

/// Where a body has its content: text of OpenAI's, or blocks of which some are text.
const CONTENT: [&str; 3] = ["/choices/0/message/content", "/output/message/content", "/content"];

/// Why an answer of ours ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is complete.
    Complete,
    /// A guardrail stepped in.
    Guarded,
}

impl Ending {
    /// As the format says it: OpenAI's `content_filter`, Bedrock's `guardrail_intervened`, Anthropic's `refusal`.
    pub fn word(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Complete, Dialect::OpenAi | Dialect::Native) => "stop",
            (Self::Complete, Dialect::Converse | Dialect::Messages) => "end_turn",
            (Self::Guarded, Dialect::OpenAi | Dialect::Native) => "content_filter",
            (Self::Guarded, Dialect::Converse) => "guardrail_intervened",
            (Self::Guarded, Dialect::Messages) => "refusal",
        }
    }
}

/// A whole answer that says `text`. [`Dialect::Native`] has no words of its own: it is answered as OpenAI's.
pub fn say(dialect: Dialect, text: &str, id: &str, now: Timestamp) -> Bytes {
    say_and_end(dialect, text, Ending::Complete, id, now)
}

/// A whole answer that says `text` and ends in this way.
pub fn say_and_end(dialect: Dialect, text: &str, ending: Ending, id: &str, now: Timestamp) -> Bytes {
    let why = ending.word(dialect);
    let answer = match dialect {
        Dialect::OpenAi | Dialect::Native => json!({
            "id": format!("chatcmpl-{id}"),
            "object": "chat.completion",
            "created": now.seconds(),
            "model": "banto",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": text, "refusal": null },
                "logprobs": null,
                "finish_reason": why,
            }],
            "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
        }),
        Dialect::Converse => json!({
            "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
            "stopReason": why,
            "usage": { "inputTokens": 0, "outputTokens": 0, "totalTokens": 0 },
            "metrics": { "latencyMs": 0 },
        }),
        Dialect::Messages => json!({
            "id": format!("msg_{id}"),
            "type": "message",
            "role": "assistant",
            "model": "banto",
            "content": [{ "type": "text", "text": text }],
            "stop_reason": why,
            "stop_sequence": null,
            "usage": { "input_tokens": 0, "output_tokens": 0 },
        }),
    };
    answer.to_string().into()
}

/// What an answer says: the words of its first choice. `None` when it cannot be read or says nothing.
pub fn text(shape: Shape, chunks: &[Bytes]) -> Option<String> {
    let words = |chunk: &Bytes| {
        let chunk: Value = serde_json::from_slice(chunk).ok()?;
        match shape {
            Shape::Body => words_of_body(&chunk),
            Shape::Events => words_of_event(&chunk).map(|(_, words)| words.to_owned()),
        }
    };
    let text: String = chunks.iter().filter_map(words).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// All that an answer says, and whether it says it in several choices.
pub fn all_words(shape: Shape, chunks: &[Bytes]) -> (String, bool) {
    let (mut said, mut several): (Vec<String>, _) = (vec![String::new()], false);
    for chunk in chunks.iter().filter_map(|chunk| serde_json::from_slice::<Value>(chunk).ok()) {
        let Some(choices) = chunk.get("choices").and_then(Value::as_array) else {
            let words = match shape {
                Shape::Body => words_of_body(&chunk),
                Shape::Events => words_of_event(&chunk).map(|(_, words)| words.to_owned()),
            };
            said[0].push_str(&words.unwrap_or_default());
            continue;
        };
        for choice in choices {
            let words = choice.pointer("/delta/content").or_else(|| choice.pointer("/message/content"));
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0).min(MOST_CHOICES) as usize;
            if said.len() <= index {
                said.resize(index + 1, String::new());
                several = true;
            }
            said[index].push_str(words.and_then(Value::as_str).unwrap_or_default());
        }
    }
    (said.join("\n"), several)
}

/// The answer with these words instead of its own, all in the place of its first ones. `None` when it has none, or several
/// choices.
pub fn reword(shape: Shape, chunks: &[Bytes], text: &str) -> Option<Vec<Bytes>> {
    let mut left = Some(text);
    let mut reworded = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut value: Value = serde_json::from_slice(chunk).ok()?;
        let places = match shape {
            Shape::Body => places_in_body(&mut value),
            Shape::Events => places_in_event(&mut value),
        };
        let has_words = !places.is_empty();
        let is_first = left.is_some();
        for place in places {
            *place = left.take().unwrap_or_default().into();
        }
        match (has_words, shape) {
            (false, _) => reworded.push(chunk.clone()),
            (true, Shape::Events) if !is_first => {}
            (true, _) => reworded.push(value.to_string().into()),
        }
    }
    left.is_none().then_some(reworded)
}

fn places_in_event(event: &mut Value) -> Vec<&mut Value> {
    let Some(path) = words_of_event(event).map(|(path, _)| path) else { return Vec::new() };
    event.pointer_mut(path).into_iter().collect()
}

fn places_in_body(body: &mut Value) -> Vec<&mut Value> {
    let Some(path) = CONTENT.iter().find(|path| body.pointer(path).is_some()) else { return Vec::new() };
    match body.pointer_mut(path) {
        Some(Value::Array(blocks)) => {
            blocks.iter_mut().filter_map(|block| block.get_mut("text").filter(|text| text.is_string())).collect()
        }
        Some(text) if text.is_string() => vec![text],
        _ => Vec::new(),
    }
}

/// No provider gives more choices than this.
const MOST_CHOICES: u64 = 128;

fn words_of_body(body: &Value) -> Option<String> {
    match CONTENT.iter().find_map(|path| body.pointer(path))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => Some(blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect()),
        _ => None,
    }
}

/// Where an event has words, and which. A stream may hold several choices, each event one of them.
pub fn words_of_event(event: &Value) -> Option<(&'static str, &str)> {
    if event.pointer("/choices/0/index").is_some_and(|index| *index != 0) {
        return None;
    }
    WORDS.iter().find_map(|path| Some((*path, event.pointer(path)?.as_str()?)))
}

/// The answer with `text` after its own words; unchanged when it has none.
pub fn append(shape: Shape, chunks: &[Bytes], text: &str) -> Vec<Bytes> {
    let text = format!("\n\n{text}");
    let added = match shape {
        Shape::Body => chunks.first().and_then(|body| append_to_body(body, &text)).map(|body| vec![body]),
        Shape::Events => append_to_events(chunks, &text),
    };
    added.unwrap_or_else(|| chunks.to_vec())
}

fn append_to_body(body: &Bytes, text: &str) -> Option<Bytes> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let path = CONTENT.iter().find(|path| answer.pointer(path).is_some())?;
    let words = match answer.pointer_mut(path)? {
        Value::Array(blocks) => blocks.iter_mut().rev().find_map(|block| block.get_mut("text"))?,
        words => words,
    };
    *words = format!("{}{text}", words.as_str()?).into();
    Some(answer.to_string().into())
}

/// The words go behind the last event that has some, in an event like it.
fn append_to_events(events: &[Bytes], text: &str) -> Option<Vec<Bytes>> {
    let (at, event) = events.iter().enumerate().rev().find_map(|(at, event)| {
        let mut event: Value = serde_json::from_slice(event).ok()?;
        let (path, _) = words_of_event(&event)?;
        *event.pointer_mut(path)? = text.into();
        Some((at, event))
    })?;
    let mut events = events.to_vec();
    events.insert(at + 1, event.to_string().into());
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: [Dialect; 3] = [Dialect::OpenAi, Dialect::Converse, Dialect::Messages];

    #[test]
    fn words_are_added_after_the_answer_in_both_shapes_of_every_format() {
        for dialect in SPOKEN {
            let body = say(dialect, "It costs 528 yen.", "1", Timestamp(0));
            let events = dialect.events_of(&body).expect("events");
            for (shape, chunks) in [(Shape::Body, vec![body]), (Shape::Events, events)] {
                let added = append(shape, &chunks, "Please verify at checkout.");
                let said = text(shape, &added);
                assert_eq!(said.as_deref(), Some("It costs 528 yen.\n\nPlease verify at checkout."), "{dialect:?}");
                let whole = if shape == Shape::Events { dialect.body_of(&added) } else { added.into_iter().next() };
                let whole = text(Shape::Body, &[whole.expect("a body")]);
                assert_eq!(whole, said, "{dialect:?} {shape:?}");
            }
        }
    }

    #[test]
    fn the_words_of_an_answer_are_those_of_its_first_choice() {
        let piece =
            |index, words| json!({ "choices": [{ "index": index, "delta": { "content": words } }] }).to_string().into();
        assert_eq!(
            text(Shape::Events, &[piece(0, "528"), piece(1, "no"), piece(0, " yen")]).as_deref(),
            Some("528 yen")
        );
        assert_eq!(text(Shape::Body, &[Bytes::from_static(b"{}")]), None);
    }

    #[test]
    fn an_answer_is_reworded_in_both_shapes_of_every_format() {
        for dialect in SPOKEN {
            let body = say(dialect, "Write to a@b.example.", "1", Timestamp(0));
            let events = dialect.events_of(&body).expect("events");
            for (shape, chunks) in [(Shape::Body, vec![body]), (Shape::Events, events)] {
                let reworded = reword(shape, &chunks, "Write to […].").expect("reworded");
                assert_eq!(all_words(shape, &reworded), ("Write to […].".into(), false), "{dialect:?} {shape:?}");
                assert_eq!(reworded.len(), chunks.len(), "everything else stays");
            }
        }
    }

    #[test]
    fn the_words_of_all_choices_are_read() {
        let body = json!({ "choices": [{ "index": 0, "message": { "content": "one" } }, { "index": 1, "message": { "content": "two" } }] });
        assert_eq!(all_words(Shape::Body, &[body.to_string().into()]), ("one\ntwo".into(), true));
        let piece =
            |index, words| json!({ "choices": [{ "index": index, "delta": { "content": words } }] }).to_string().into();
        let events = [piece(0, "o"), piece(1, "tw"), piece(0, "ne"), piece(1, "o")];
        assert_eq!(all_words(Shape::Events, &events), ("one\ntwo".into(), true));
    }

    #[test]
    fn a_guardrail_is_told_in_each_formats_own_word() {
        for (dialect, path, word) in [
            (Dialect::OpenAi, "/choices/0/finish_reason", "content_filter"),
            (Dialect::Converse, "/stopReason", "guardrail_intervened"),
            (Dialect::Messages, "/stop_reason", "refusal"),
        ] {
            let body = say_and_end(dialect, "No.", Ending::Guarded, "1", Timestamp(0));
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(body.pointer(path).and_then(Value::as_str), Some(word));
        }
    }

    #[test]
    fn an_answer_without_words_stays_as_it_is() {
        let odd = [Bytes::from_static(b"{\"choices\":[]}")];
        assert_eq!(append(Shape::Body, &odd, "x"), odd);
        assert_eq!(append(Shape::Events, &odd, "x"), odd);
    }
}
