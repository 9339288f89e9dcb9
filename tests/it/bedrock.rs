//! Bedrock over the SDK's wire: bodies and binary frames as they are, errors as AWS sends them, and what is asked in
//! another format translated there and back.

use std::time::Duration;

use banto::{
    aws::{account::Account, event_stream::Frame},
    clock::Timestamp,
    digest::Digest,
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        dialect::Dialect,
        model::{
            Deadlines, Reply,
            bedrock::Bedrock,
            failure::{Class, Failure},
            translated,
            usage::Usage,
        },
    },
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::upstream::{Script, Step, Upstream, piece, response, stream_end, stream_head};

const LONG: Duration = Duration::from_secs(20);
const PATIENT: Deadlines = Deadlines { connect: LONG, head: LONG, first_token: LONG, between: LONG, whole: LONG };

async fn bedrock(upstream: &Upstream) -> Bedrock {
    let account = Account::at(upstream.url("http").trim_end_matches("/v1"), Duration::from_millis(1)).await;
    Bedrock::new(&account, "anthropic.claude", true, LONG)
}

fn asked(stream: bool) -> Asked {
    let messages = json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Is it out?" }]);
    Asked {
        dialect: Dialect::OpenAi,
        body: json!({ "model": "m", "messages": messages, "max_tokens": 50 }).to_string().into(),
        model: 0..0,
        stream,
        include_usage: false,
        ask_usage: false,
        caller: Caller { tenant: "t".into(), user: None, tier: Tier::Anonymous, address: None },
        text: "Is it out?".into(),
        context: Digest::of([]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    }
}

/// The same question in a format and with a body of its own.
fn asked_in(dialect: Dialect, body: &str, stream: bool) -> Asked {
    Asked { dialect, body: Bytes::copy_from_slice(body.as_bytes()), ..asked(stream) }
}

async fn ask(bedrock: &Bedrock, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
    translated::ask(bedrock, asked, deadlines, "claude", Timestamp(0)).await.map(|(reply, _)| reply)
}

/// The path and the body of the only request so far.
fn sent(upstream: &Upstream) -> (String, String) {
    let request = upstream.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    (head.split(' ').nth(1).expect("a path").to_owned(), body.to_owned())
}

async fn failure(script: Script, deadlines: &Deadlines) -> Failure {
    let upstream = Upstream::start([script]).await;
    let failed = match ask(&bedrock(&upstream).await, &asked(false), deadlines).await {
        Ok(_) => panic!("a failure was expected"),
        Err(failure) => failure,
    };
    assert_eq!(upstream.requests().len(), 1, "the SDK does not retry: {failed}");
    failed
}

async fn streamed(script: Script) -> Vec<Result<Bytes, Class>> {
    streamed_as(&asked(true), script).await
}

async fn streamed_as(asked: &Asked, script: Script) -> Vec<Result<Bytes, Class>> {
    let upstream = Upstream::start([script]).await;
    let reply = ask(&bedrock(&upstream).await, asked, &PATIENT).await.expect("a stream begins");
    let Reply::Events(events) = reply else { panic!("a stream was asked for") };
    events.map(|event| event.map_err(|failure| failure.class)).collect().await
}

fn parsed(event: &Result<Bytes, Class>) -> Value {
    serde_json::from_slice(event.as_ref().expect("an event")).expect("JSON")
}

/// A frame of AWS's event stream.
fn frame(message_type: &str, event_type: &str, payload: &Value) -> Step {
    let kind = if message_type == "event" { ":event-type" } else { ":exception-type" };
    let headers: Vec<u8> = [(":message-type", message_type), (kind, event_type), (":content-type", "application/json")]
        .iter()
        .flat_map(|(name, value)| {
            let length = (value.len() as u16).to_be_bytes();
            [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
        })
        .collect();
    let payload = payload.to_string().into_bytes();
    let mut frame = Vec::new();
    frame.extend(((16 + headers.len() + payload.len()) as u32).to_be_bytes());
    frame.extend((headers.len() as u32).to_be_bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    piece(frame)
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn event(kind: &str, payload: Value) -> Step {
    frame("event", kind, &payload)
}

fn stream(steps: impl IntoIterator<Item = Step>) -> Script {
    std::iter::once(stream_head("application/vnd.amazon.eventstream")).chain(steps).collect()
}

#[tokio::test]
async fn a_chat_completion_goes_through_converse_and_comes_back() {
    let answer = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Yes, " }, { "text": "it is." }] } },
        "stopReason": "max_tokens",
        "usage": { "inputTokens": 20, "outputTokens": 4, "totalTokens": 24, "cacheReadInputTokens": 1000 },
        "metrics": { "latencyMs": 1 },
    });
    let json = "content-type: application/json\r\n";
    let upstream = Upstream::start([vec![response("200 OK", json, &answer.to_string())]]).await;
    let Ok(Reply::Body(body)) = ask(&bedrock(&upstream).await, &asked(false), &PATIENT).await else { panic!("a body") };
    let completion: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(completion["choices"][0]["message"]["content"], "Yes, it is.");
    assert_eq!(completion["choices"][0]["finish_reason"], "length");
    let usage = Usage { prompt: 1_020, completion: 4, cache_read: 1_000, cache_write: 0 };
    assert_eq!(Usage::find(&body), Some(usage));
    let request = upstream.requests().remove(0);
    assert!(request.starts_with("POST /model/anthropic.claude/converse HTTP/1.1\r\n"), "{request}");
    let sent: Value = serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    assert_eq!(sent["system"], json!([{ "text": "Be brief." }, { "cachePoint": { "type": "default" } }]));
    assert_eq!(sent["messages"], json!([{ "role": "user", "content": [{ "text": "Is it out?" }] }]));
    assert_eq!(sent["inferenceConfig"], json!({ "maxTokens": 50 }));
}

#[tokio::test]
async fn a_converse_stream_becomes_events_with_its_usage_at_the_end() {
    let usage = json!({ "inputTokens": 9, "outputTokens": 2, "totalTokens": 11, "cacheWriteInputTokens": 5 });
    let events = streamed(stream([
        event("messageStart", json!({ "role": "assistant" })),
        event("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": "Yes, " } })),
        event("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": "it is." } })),
        event("contentBlockStop", json!({ "contentBlockIndex": 0 })),
        event("messageStop", json!({ "stopReason": "end_turn" })),
        event("metadata", json!({ "usage": usage, "metrics": { "latencyMs": 1 } })),
        stream_end(),
    ]))
    .await;
    let deltas: Vec<_> = events.iter().map(|event| parsed(event)["choices"][0]["delta"].clone()).collect();
    let opening = json!({ "role": "assistant", "content": "" });
    assert_eq!(deltas[..3], [opening, json!({ "content": "Yes, " }), json!({ "content": "it is." })]);
    assert_eq!(parsed(&events[3])["choices"][0]["finish_reason"], "stop");
    let usage = Usage { prompt: 14, completion: 2, cache_read: 0, cache_write: 5 };
    assert_eq!(events[4].as_ref().ok().and_then(|event| Usage::find(event)), Some(usage));
    assert_eq!(events.len(), 5);
}

#[tokio::test]
async fn a_converse_stream_that_fails_or_breaks_off_does_not_end_cleanly() {
    let said = || event("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": "Yes, " } }));
    let throttled = frame("exception", "throttlingException", &json!({ "message": "slow down" }));
    let events = streamed(stream([said(), throttled, stream_end()])).await;
    assert_eq!((events.len(), events.last().cloned()), (2, Some(Err(Class::Throttled))));
    let events = streamed(stream([said(), stream_end()])).await;
    assert_eq!(events.last().cloned(), Some(Err(Class::Cut)));
    let events = streamed(stream([said(), Step::Close])).await;
    assert_eq!(events.last().cloned(), Some(Err(Class::Cut)));
}

#[tokio::test]
async fn tools_of_openais_go_to_bedrock_and_come_back_whole_and_in_a_stream() {
    let tool = json!({ "type": "function", "function": { "name": "look_up", "parameters": { "type": "object" } } });
    let call = json!({ "id": "c1", "type": "function", "function": { "name": "look_up", "arguments": "{\"a\":1}" } });
    let question = json!({ "model": "m", "tools": [tool], "tool_choice": "required", "messages": [
        { "role": "user", "content": "When?" },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c1", "content": "soon" },
    ] });
    let use_of = |id: &str| json!({ "toolUse": { "toolUseId": id, "name": "look_up", "input": { "b": 2 } } });
    let answer = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Let me see." }, use_of("x"), use_of("y")] } },
        "stopReason": "tool_use", "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
    });
    let json = "content-type: application/json\r\n";
    let upstream = Upstream::start([vec![response("200 OK", json, &answer.to_string())]]).await;
    let asked_whole = asked_in(Dialect::OpenAi, &question.to_string(), false);
    let Ok(Reply::Body(body)) = ask(&bedrock(&upstream).await, &asked_whole, &PATIENT).await else { panic!("a body") };
    let sent: Value = serde_json::from_str(&sent(&upstream).1).expect("JSON");
    assert_eq!(sent["toolConfig"]["toolChoice"], json!({ "any": {} }));
    assert_eq!(sent["messages"][2]["content"][0]["toolResult"]["toolUseId"], "c1");
    let choice = &serde_json::from_slice::<Value>(&body).expect("JSON")["choices"][0];
    let ids: Vec<_> =
        choice["message"]["tool_calls"].as_array().expect("calls").iter().map(|c| c["id"].clone()).collect();
    assert_eq!((ids, &choice["finish_reason"]), (vec![json!("x"), json!("y")], &json!("tool_calls")));
    let start = json!({ "contentBlockIndex": 0, "start": { "toolUse": { "toolUseId": "x", "name": "look_up" } } });
    let part = |input: &str| json!({ "contentBlockIndex": 0, "delta": { "toolUse": { "input": input } } });
    let events = streamed_as(
        &Asked { stream: true, ..asked_whole },
        stream([
            event("messageStart", json!({ "role": "assistant" })),
            event("contentBlockStart", start),
            event("contentBlockDelta", part("{\"b\":")),
            event("contentBlockDelta", part("2}")),
            event("messageStop", json!({ "stopReason": "tool_use" })),
            stream_end(),
        ]),
    )
    .await;
    let body = Dialect::OpenAi.body_of(&events.into_iter().map(|event| event.expect("an event")).collect::<Vec<_>>());
    let body: Value = serde_json::from_slice(&body.expect("a completion")).expect("JSON");
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"][0]["function"],
        json!({ "name": "look_up", "arguments": "{\"b\":2}" })
    );
}

#[tokio::test]
async fn what_is_asked_in_converse_reaches_bedrock_byte_for_byte_and_so_does_its_answer() {
    let question = r#"{"zeta": 1.50, "messages":[{"role":"user","content":[{"blockOfTheFuture":{"a":[1]}}]}],
        "system":[{"text":"Be brief."},{"cachePoint":{"type":"default","ttl":"1h"}}],"newField":{"b":null}}"#;
    let answer = r#"{"output": {"message":{"role":"assistant","content":[{"anotherBlock":{}}]}},"stopReason":"new_reason","x":1}"#;
    let json = "content-type: application/json\r\n";
    let upstream = Upstream::start([vec![response("200 OK", json, answer)]]).await;
    let reply = ask(&bedrock(&upstream).await, &asked_in(Dialect::Converse, question, false), &PATIENT).await;
    let Ok(Reply::Body(body)) = reply else { panic!("a body") };
    assert_eq!((body, sent(&upstream)), (answer.into(), ("/model/anthropic.claude/converse".into(), question.into())));
    let future = event("eventOfTheFuture", json!({ "a": 1 }));
    let stop = event("messageStop", json!({ "stopReason": "new_reason" }));
    let events = streamed_as(&asked_in(Dialect::Converse, question, true), stream([future, stop, stream_end()])).await;
    assert_eq!(events[0], Ok(r#"{"eventOfTheFuture":{"a":1}}"#.into()));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_message_of_anthropics_goes_to_its_model_in_its_own_format() {
    let question = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"?"}],"new_field":[1]}"#;
    let answer = r#"{"type":"message","content":[{"type":"text","text":"Yes"}],"usage":{"input_tokens":1}}"#;
    let json = "content-type: application/json\r\n";
    let upstream = Upstream::start([vec![response("200 OK", json, answer)]]).await;
    let reply = ask(&bedrock(&upstream).await, &asked_in(Dialect::Messages, question, false), &PATIENT).await;
    let Ok(Reply::Body(body)) = reply else { panic!("a body") };
    let (path, body_sent) = sent(&upstream);
    assert_eq!((body, path.as_str()), (answer.into(), "/model/anthropic.claude/invoke"));
    let expected = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"?"}],"new_field":[1]}"#;
    assert_eq!(body_sent, expected);
    let chunk = |data: &str| {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        event("chunk", json!({ "bytes": BASE64_STANDARD.encode(data), "p": "abc" }))
    };
    let asked = asked_in(Dialect::Messages, question, true);
    let whole = [chunk(r#"{"type":"message_start"}"#), chunk(r#"{"type":"message_stop"}"#), stream_end()];
    let events = streamed_as(&asked, stream(whole)).await;
    assert_eq!(events, [Ok(r#"{"type":"message_start"}"#.into()), Ok(r#"{"type":"message_stop"}"#.into())]);
    let events = streamed_as(&asked, stream([chunk(r#"{"type":"message_start"}"#), stream_end()])).await;
    assert_eq!(events.last().cloned(), Some(Err(Class::Cut)));
}

#[tokio::test]
async fn tokens_are_counted_by_bedrock() {
    let json = "content-type: application/json\r\n";
    let upstream = Upstream::start([vec![response("200 OK", json, r#"{"inputTokens":42}"#)]]).await;
    let counted = translated::count(&bedrock(&upstream).await, &asked(false), &PATIENT).await;
    let (path, body) = sent(&upstream);
    assert_eq!((counted.ok(), path.as_str()), (Some(42), "/model/anthropic.claude/count-tokens"));
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let members: Vec<_> = body["input"]["converse"].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(members, ["messages", "system"]);
}

#[tokio::test]
async fn a_damaged_frame_is_a_broken_answer() {
    let said = || event("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": "Yes, " } }));
    let whole = Frame::Event { kind: "messageStop".into(), payload: "{}".into() }.encode().expect("a frame");
    let mut flipped = whole.to_vec();
    flipped[20] ^= 1;
    for damaged in [flipped, whole[..30].to_vec(), vec![0xff; 16]] {
        let events = streamed(stream([said(), piece(damaged), stream_end()])).await;
        assert_eq!(events.last().cloned(), Some(Err(Class::Cut)));
    }
}

#[tokio::test]
async fn a_frame_longer_than_any_is_refused_by_its_first_bytes_and_not_waited_for() {
    let said = || event("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": "Yes, " } }));
    for length in [17_u32 << 20, u32::MAX] {
        let mut prelude = [length.to_be_bytes(), 0_u32.to_be_bytes()].concat();
        prelude.extend(crc32(&prelude).to_be_bytes());
        // Whoever believed it would wait here for the rest until the test's deadline, or take the memory for it.
        let events = streamed(stream([said(), piece(prelude), Step::Hang])).await;
        assert!(matches!(events.last(), Some(Err(Class::Cut | Class::Garbage))), "{length}: {events:?}");
        assert!(events.len() >= 2, "what came before is told: {events:?}");
    }
}

#[tokio::test]
async fn errors_of_the_service_find_their_class_at_the_first_attempt() {
    for (status, code, class) in [
        ("429 Too Many Requests", "ThrottlingException", Class::Throttled),
        ("503 Service Unavailable", "ServiceUnavailableException", Class::Overloaded),
        ("403 Forbidden", "AccessDeniedException", Class::Refused),
        ("400 Bad Request", "ValidationException", Class::Invalid),
        ("424 Failed Dependency", "ModelErrorException", Class::Server),
        ("418 Teapot", "ModelDreamingException", Class::Unknown),
    ] {
        let headers = format!("content-type: application/json\r\nx-amzn-errortype: {code}\r\nretry-after: 3\r\n");
        let failed = failure(vec![response(status, &headers, r#"{"message":"no"}"#)], &PATIENT).await;
        assert_eq!((failed.class, failed.code.as_deref()), (class, Some(code)));
        assert_eq!(failed.retry_after, Some(Duration::from_secs(3)), "{code}");
    }
}

#[tokio::test]
async fn a_service_that_hangs_or_hangs_up_is_noticed() {
    let hurry = Deadlines { whole: Duration::from_millis(200), ..PATIENT };
    assert_eq!(failure(vec![Step::Hang], &hurry).await.class, Class::Timeout);
    assert_eq!(failure(vec![Step::Close], &PATIENT).await.class, Class::Connect);
}
