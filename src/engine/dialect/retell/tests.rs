use futures_util::stream;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::engine::model::usage::Usage;

fn voice(from: Dialect, to: Dialect) -> Voice {
    Voice { from, to, completion: Completion::new("m", 7, b"seed"), asked: Instant::now() }
}

async fn told(from: Dialect, to: Dialect, events: Vec<Value>) -> Vec<Value> {
    let events = events.into_iter().map(|event| Ok(Bytes::from(event.to_string())));
    let reply = voice(from, to).retell(Reply::Events(Box::pin(stream::iter(events))), &mut Lost::default());
    let Ok(Reply::Events(events)) = reply else { panic!("a stream stays a stream") };
    let told = events.map(|event| serde_json::from_slice(&event.expect("an event")).expect("JSON"));
    told.collect().await
}

fn chunk(delta: Value, finish: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
}

/// A stream with words, two tools in parallel, and usage.
fn chunks() -> Vec<Value> {
    let call = |index: u64, part: Value| json!({ "tool_calls": [{ "index": index, "id": part["id"], "function": part["function"] }] });
    vec![
        chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
        chunk(json!({ "content": "Let me " }), Value::Null),
        chunk(json!({ "content": "see." }), Value::Null),
        chunk(call(0, json!({ "id": "a", "function": { "name": "f", "arguments": "" } })), Value::Null),
        chunk(call(0, json!({ "function": { "arguments": "{\"x\":" } })), Value::Null),
        chunk(call(0, json!({ "function": { "arguments": "1}" } })), Value::Null),
        chunk(call(1, json!({ "id": "b", "function": { "name": "g", "arguments": "{}" } })), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        json!({ "choices": [], "usage": { "prompt_tokens": 16, "completion_tokens": 2, "prompt_tokens_details": { "cached_tokens": 4 } } }),
    ]
}

#[tokio::test]
async fn a_stream_of_openais_becomes_one_of_converses() {
    let events = told(Dialect::OpenAi, Dialect::Converse, chunks()).await;
    let kinds: Vec<_> = events.iter().filter_map(|event| event.as_object()?.keys().next().cloned()).collect();
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[11]["messageStop"]["stopReason"], "tool_use");
    let usage = json!({ "inputTokens": 12, "outputTokens": 2, "totalTokens": 18, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0 });
    assert_eq!(events[12]["metadata"]["usage"], usage);
    let body = Dialect::Converse.body_of(&events.iter().map(|event| event.to_string().into()).collect::<Vec<_>>());
    let body: Value = serde_json::from_slice(&body.expect("a body")).expect("JSON");
    let content = json!([{ "text": "Let me see." }, { "toolUse": { "toolUseId": "a", "name": "f", "input": { "x": 1 } } },
        { "toolUse": { "toolUseId": "b", "name": "g", "input": {} } }]);
    assert_eq!(body["output"]["message"]["content"], content);
}

#[tokio::test]
async fn there_and_back_again_says_the_same() {
    let there = told(Dialect::OpenAi, Dialect::Converse, chunks()).await;
    let back = told(Dialect::Converse, Dialect::OpenAi, there).await;
    let body = Dialect::OpenAi.body_of(&back.iter().map(|event| event.to_string().into()).collect::<Vec<_>>());
    let body = body.expect("a body");
    let usage = Usage { prompt: 16, completion: 2, cache_read: 4, cache_write: 0 };
    assert_eq!(Usage::find(&body), Some(usage));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let choice = &body["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("Let me see."), &json!("tool_calls"))
    );
    let calls: Vec<_> =
        choice["message"]["tool_calls"].as_array().expect("calls").iter().map(|c| c["function"].clone()).collect();
    assert_eq!(calls, [json!({ "name": "f", "arguments": "{\"x\":1}" }), json!({ "name": "g", "arguments": "{}" })]);
}

#[tokio::test]
async fn a_stream_of_openais_becomes_one_of_anthropics() {
    let events = told(Dialect::OpenAi, Dialect::Messages, chunks()).await;
    let kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    let end = &events[12];
    assert_eq!((&end["delta"]["stop_reason"], &end["usage"]["input_tokens"]), (&json!("tool_use"), &json!(12)));
}

#[tokio::test]
async fn a_failure_in_the_middle_stays_one() {
    let begun = Ok(Bytes::from(chunk(json!({ "content": "x" }), Value::Null).to_string()));
    let events = stream::iter([begun, Err(Failure::abandoned())]);
    let reply = voice(Dialect::OpenAi, Dialect::Converse).retell(Reply::Events(Box::pin(events)), &mut Lost::default());
    let Ok(Reply::Events(events)) = reply else { panic!("a stream") };
    let ends: Vec<_> = events.map(|event| event.map_err(|failure| failure.class).map(|_| ())).collect().await;
    assert_eq!(ends, [Ok(()), Ok(()), Err(Class::Cut)]);
}

#[test]
fn a_whole_body_is_retold_and_what_it_loses_is_named() {
    let body = json!({
        "output": { "message": { "role": "assistant", "content": [
            { "citationsContent": { "content": [{ "text": "x" }], "citations": [] } }, { "text": "Hello" }] } },
        "stopReason": "end_turn", "usage": { "inputTokens": 3, "outputTokens": 1, "totalTokens": 4 }, "trace": {},
    });
    let mut lost = Lost::default();
    let reply = voice(Dialect::Converse, Dialect::OpenAi).retell(Reply::Body(body.to_string().into()), &mut lost);
    let Ok(Reply::Body(body)) = reply else { panic!("a body stays a body") };
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (&body["choices"][0]["message"]["content"], &body["object"]),
        (&json!("Hello"), &json!("chat.completion"))
    );
    assert_eq!(lost.to_string(), "citationsContent,trace");
}

#[test]
fn what_is_no_answer_is_garbage() {
    for (from, to) in [(Dialect::OpenAi, Dialect::Converse), (Dialect::Converse, Dialect::Messages)] {
        let failed = voice(from, to).retell(Reply::Body(Bytes::from_static(b"{\"a\":1}")), &mut Lost::default());
        assert_eq!(failed.err().map(|failure| failure.class), Some(Class::Garbage));
    }
}

proptest! {
    #[test]
    fn no_event_makes_a_teller_panic(events in prop::collection::vec(
        (prop::sample::select(vec!["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "choices"]),
         prop::sample::select(vec!["null", "{}", "[]", "[{}]", "{\"delta\":{\"text\":1}}", "{\"delta\":{\"toolUse\":{}},\"contentBlockIndex\":3}",
            "{\"start\":{\"toolUse\":{}}}", "[{\"delta\":{\"tool_calls\":[{}]}}]", "{\"contentBlockIndex\":-1}"])), 0..12)) {
        for (from, to) in [(Dialect::OpenAi, Dialect::Converse), (Dialect::Converse, Dialect::OpenAi),
            (Dialect::Converse, Dialect::Messages), (Dialect::OpenAi, Dialect::Messages)] {
            let mut teller = voice(from, to).teller().expect("a way");
            for (kind, value) in &events {
                teller.event(&serde_json::from_str(&format!("{{\"{kind}\":{value}}}")).expect("JSON"));
            }
            prop_assert!(!teller.end().is_empty() || from == Dialect::Converse && to == Dialect::OpenAi);
        }
    }
}
