//! Chat completions whole with the stock `openai` client: what it asks reaches a model of its format byte for byte and comes
//! back, and is translated for one of another format.

use serde_json::{Value, json};

use crate::support::{
    banto::{Banto, python},
    upstream::{Script, Upstream, piece, response, stream_end, stream_head},
};

const JSON: &str = "content-type: application/json\r\n";

async fn behind(scripts: impl IntoIterator<Item = Script>) -> (Upstream, Banto) {
    let upstream = Upstream::start(scripts).await;
    let model =
        format!("models:\n  - {{ name: primary, kind: openai, base_url: '{}', model: m }}\n", upstream.url("http"));
    let banto = Banto::start(&model).await;
    (upstream, banto)
}

fn sees(banto: &Banto, what: &str) -> String {
    python("openai_whole.py", &[&banto.url("/v1"), what])
}

fn whole(choices: Value) -> Script {
    let usage = json!({ "prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24, "prompt_tokens_details": { "cached_tokens": 8 } });
    let body = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage,
        "field_of_the_future": { "a": [1] } });
    vec![response("200 OK", JSON, &body.to_string())]
}

fn streamed(events: &[Value]) -> Script {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    vec![stream_head("text/event-stream"), piece(events + "data: [DONE]\n\n"), stream_end()]
}

fn delta(index: u64, delta: Value, finish: Value) -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": index, "delta": delta, "finish_reason": finish }] })
}

fn sent(upstream: &Upstream) -> Vec<Value> {
    let body =
        |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    upstream.requests().iter().map(body).collect()
}

fn call(id: &str, title: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "release_date", "arguments": json!({ "title": title }).to_string() } })
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_and_their_probabilities_come_back_with_fields_that_nobody_knows() {
    let probable = json!({ "content": [{ "token": "Soon", "logprob": -0.1, "bytes": null, "top_logprobs": [{ "token": "Soon", "logprob": -0.1, "bytes": null }] }] });
    let message = |text: &str| json!({ "role": "assistant", "content": text });
    let choices = json!([
        { "index": 0, "message": message("Soon."), "logprobs": probable, "finish_reason": "stop" },
        { "index": 1, "message": message("Later."), "logprobs": null, "finish_reason": "stop" },
    ]);
    let (upstream, banto) = behind([whole(choices)]).await;
    assert_eq!(sees(&banto, "choices"), "");
    let sent = &sent(&upstream)[0];
    assert_eq!(
        (&sent["n"], &sent["logprobs"], &sent["top_logprobs"], &sent["seed"]),
        (&json!(2), &json!(true), &json!(2), &json!(7))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_called_in_parallel_and_in_a_stream() {
    let message =
        json!({ "role": "assistant", "content": null, "tool_calls": [call("a", "Bleach"), call("b", "Naruto")] });
    let part = |part: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] });
    let begun = json!({ "role": "assistant", "content": null,
        "tool_calls": [{ "index": 0, "id": "t", "type": "function", "function": { "name": "release_date", "arguments": "" } }] });
    let usage = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } });
    let (upstream, banto) = behind([
        whole(json!([{ "index": 0, "message": message, "finish_reason": "tool_calls" }])),
        streamed(&[
            delta(0, begun, Value::Null),
            delta(0, part("{\"title\":"), Value::Null),
            delta(0, part(" \"One Piece\"}"), Value::Null),
            delta(0, json!({}), json!("tool_calls")),
            usage,
        ]),
    ])
    .await;
    assert_eq!(sees(&banto, "tools"), "20 8\n");
    let sent = sent(&upstream);
    assert_eq!((&sent[0]["tool_choice"], &sent[0]["parallel_tool_calls"]), (&json!("required"), &json!(true)));
    assert_eq!(sent[1]["messages"][2]["tool_call_id"], "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_format_and_streams_of_several_choices_pass_through() {
    let message = json!({ "role": "assistant", "content": "{\"date\":\"soon\"}" });
    let say = |index, text: &str| delta(index, json!({ "content": text }), Value::Null);
    let end = |index| delta(index, json!({}), json!("stop"));
    let (upstream, banto) = behind([
        whole(json!([{ "index": 0, "message": message, "finish_reason": "stop" }])),
        streamed(&[say(0, "So"), say(1, "La"), say(1, "ter."), say(0, "on."), end(0), end(1)]),
    ])
    .await;
    assert_eq!(sees(&banto, "formats"), "");
    assert_eq!(sees(&banto, "streams"), "");
    assert_eq!(sent(&upstream)[0]["response_format"]["json_schema"]["strict"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_raises_an_error_in_the_client() {
    let cut = vec![
        stream_head("text/event-stream"),
        piece(format!("data: {}\n\n", delta(0, json!({ "content": "So" }), Value::Null))),
        stream_end(),
    ];
    let (_upstream, banto) = behind([cut]).await;
    assert_eq!(sees(&banto, "broken"), "APIError upstream_error\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_come_from_the_configured_embedder_or_there_are_none() {
    let answer = json!({ "data": [{ "index": 0, "embedding": [0.5, -0.25] }] }).to_string();
    let upstream = Upstream::start([vec![response("200 OK", JSON, &answer)]]).await;
    let embedder = format!(
        "embedder: {{ kind: openai, base_url: '{}', model: tiny, dimensions: 2, deadline: 10s }}\n",
        upstream.url("http")
    );
    let banto = Banto::start(&embedder).await;
    assert_eq!(sees(&banto, "embeddings"), "400 invalid_input\n400 invalid_input\n404 model_not_found\n");
    assert_eq!(sees(&Banto::start("").await, "no_embeddings"), "404 no_embedder\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_of_a_service_are_passed_on_as_they_are_and_its_errors_are_not() {
    let vector = |index: u8| json!({ "object": "embedding", "index": index, "embedding": "AAAAPwAAgL4=" });
    let usage = json!({ "prompt_tokens": 3, "total_tokens": 3 });
    let answer = json!({ "object": "list", "model": "large-2026", "data": [vector(0), vector(1)], "usage": usage });
    let busy = response("503 Service Unavailable", JSON, r#"{"error":{"message":"busy"}}"#);
    let refused =
        response("401 Unauthorized", JSON, r#"{"error":{"message":"Incorrect API key provided: sk-secret"}}"#);
    let wrong = response("400 Bad Request", JSON, r#"{"error":{"message":"too long"}}"#);
    let answered = response("200 OK", JSON, &answer.to_string());
    let upstream = Upstream::start([vec![busy], vec![answered], vec![refused], vec![wrong]]).await;
    let config = format!("embeddings: [{{ model: large, base_url: '{}' }}]\n", upstream.url("http"));
    let banto = Banto::start(&config).await;
    assert_eq!(sees(&banto, "passed_on"), "502 upstream_error no key\n400 invalid_request no key\n");
    let asked = upstream.requests();
    assert_eq!(asked.len(), 4, "busy once, asked again, and what cannot help is not repeated");
    assert!(asked[1].contains(r#""user":"reader-7""#) && asked[1].contains("[[1,2],[3]]"), "{}", asked[1]);
}
