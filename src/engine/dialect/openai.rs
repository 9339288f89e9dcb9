//! A whole completion as stream events, and stream events as a whole completion: a cached or coalesced answer is given in
//! the shape that was asked for, whichever shape it came in.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The events of a stream that says the same as `body`: role, content, the end of each choice, and usage if wanted.
/// `None` when the body is not a completion.
pub fn events_of(body: &[u8], include_usage: bool) -> Option<Vec<Bytes>> {
    let mut completion: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let choices = completion.remove("choices")?;
    let usage = completion.remove("usage");
    completion.insert("object".into(), "chat.completion.chunk".into());
    let event = |choices: Value, usage: Option<Value>| {
        let mut event = completion.clone();
        event.insert("choices".into(), choices);
        event.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        Bytes::from(Value::Object(event).to_string())
    };
    let mut events = Vec::new();
    for choice in choices.as_array()? {
        let index = choice.get("index").cloned().unwrap_or_else(|| json!(0));
        let delta = numbered_tool_calls(choice.get("message")?.clone());
        let finish = choice.get("finish_reason").cloned().unwrap_or_default();
        let logprobs = choice.get("logprobs").cloned().unwrap_or_default();
        events.push(event(
            json!([{ "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": null }]),
            None,
        ));
        events.push(event(json!([{ "index": index, "delta": {}, "logprobs": null, "finish_reason": finish }]), None));
    }
    if let Some(usage) = usage.filter(|_| include_usage) {
        events.push(event(json!([]), Some(usage)));
    }
    Some(events)
}

/// In a stream, each tool call says which one it is.
fn numbered_tool_calls(mut message: Value) -> Value {
    if let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for (index, call) in calls.iter_mut().enumerate() {
            call["index"] = json!(index);
        }
    }
    message
}

/// The completion that a stream of events amounts to. `None` when they are not completion chunks.
pub fn body_of(events: &[Bytes]) -> Option<Bytes> {
    let mut completion = Map::new();
    let mut choices: Vec<Map<String, Value>> = Vec::new();
    for event in events {
        let event: Map<String, Value> = serde_json::from_slice(event).ok()?;
        for (key, value) in event {
            match (key.as_str(), value) {
                ("choices", Value::Array(parts)) => parts.into_iter().for_each(|part| add_choice(&mut choices, part)),
                ("choices", _) => return None,
                (_, Value::Null) => {}
                (_, value) => {
                    completion.insert(key, value);
                }
            }
        }
    }
    completion.insert("object".into(), "chat.completion".into());
    completion.insert("choices".into(), choices.into_iter().map(Value::Object).collect());
    Some(Value::Object(completion).to_string().into())
}

fn add_choice(choices: &mut Vec<Map<String, Value>>, part: Value) {
    let Value::Object(mut part) = part else { return };
    let index = part.get("index").and_then(Value::as_u64).unwrap_or(0);
    let at = choices.iter().position(|choice| choice.get("index").and_then(Value::as_u64) == Some(index));
    let at = at.unwrap_or_else(|| {
        choices.push(Map::from_iter([("index".into(), json!(index)), ("message".into(), json!({}))]));
        choices.len() - 1
    });
    let choice = &mut choices[at];
    if let (Some(Value::Object(delta)), Some(Value::Object(message))) =
        (part.remove("delta"), choice.get_mut("message"))
    {
        merge(message, delta);
    }
    part.remove("index");
    merge(choice, part);
}

/// Adds a delta to what is there: text grows, numbered lists merge by number, anything else is replaced.
fn merge(into: &mut Map<String, Value>, delta: Map<String, Value>) {
    const FIXED: [&str; 5] = ["role", "id", "type", "finish_reason", "object"];
    for (key, value) in delta {
        match (into.get_mut(&key), value) {
            (Some(_), Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) if !FIXED.contains(&key.as_str()) => text.push_str(&more),
            (Some(Value::Object(object)), Value::Object(more)) => merge(object, more),
            (Some(Value::Array(list)), Value::Array(more)) => more.into_iter().for_each(|item| merge_item(list, item)),
            (None, Value::Array(more)) => {
                let mut list = Vec::new();
                more.into_iter().for_each(|item| merge_item(&mut list, item));
                into.insert(key, Value::Array(list));
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn merge_item(list: &mut Vec<Value>, item: Value) {
    let Value::Object(mut item) = item else { return list.push(item) };
    let Some(index) = item.remove("index").and_then(|index| index.as_u64()).and_then(|i| usize::try_from(i).ok())
    else {
        return list.push(Value::Object(item));
    };
    // A number far beyond what is there is a provider's mistake, not a reason to allocate.
    match list.get_mut(index) {
        Some(Value::Object(known)) => merge(known, item),
        _ => list.push(Value::Object(item)),
    }
}

/// Whether an event carries usage only: the one that `stream_options.include_usage` asks for.
pub fn is_usage(event: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        choices: Option<Vec<&'a serde_json::value::RawValue>>,
        #[serde(borrow)]
        usage: Option<&'a serde_json::value::RawValue>,
    }
    // Most events are content: look for the word before reading the JSON.
    event.windows(7).any(|word| word == b"\"usage\"")
        && serde_json::from_slice::<Event<'_>>(event)
            .is_ok_and(|event| event.choices.is_some_and(|c| c.is_empty()) && event.usage.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(delta: Value, finish: Value) -> Bytes {
        json!({ "id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices":
            [{ "index": 0, "delta": delta, "finish_reason": finish }] })
        .to_string()
        .into()
    }

    #[test]
    fn a_stream_adds_up_to_the_completion_it_is() {
        let call =
            |part: &str| json!({ "tool_calls": [{ "index": 0, "id": "t1", "function": { "arguments": part } }] });
        let events = [
            chunk(json!({ "role": "assistant", "content": "He" }), Value::Null),
            chunk(json!({ "content": "llo" }), Value::Null),
            chunk(call("{\"a\""), Value::Null),
            chunk(call(":1}"), Value::Null),
            chunk(json!({}), json!("stop")),
        ];
        let body: Value = serde_json::from_slice(&body_of(&events).unwrap()).unwrap();
        let choice = &body["choices"][0];
        assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("Hello"), &json!("stop")));
        assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"a\":1}");
        assert_eq!((&body["id"], &body["object"]), (&json!("c1"), &json!("chat.completion")));
    }

    #[test]
    fn there_and_back_again_says_the_same() {
        let body = json!({ "id": "c1", "object": "chat.completion", "created": 7, "model": "m", "x_unknown": 1,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello" }, "logprobs": null, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4 } });
        let events = events_of(body.to_string().as_bytes(), true).unwrap();
        assert!(is_usage(&events[2]) && !is_usage(&events[0]));
        let back: Value = serde_json::from_slice(&body_of(&events).unwrap()).unwrap();
        assert_eq!(back, body);
    }
}
