//! Stock `boto3` against a running Banto: Converse, InvokeModel, streams, signatures and everything that goes wrong. What the
//! client itself sees is what counts.

use std::path::PathBuf;

use serde_json::{Value, json};

#[cfg(feature = "aws")]
use crate::support::banto::{exchange, free_port, question};
use crate::support::{
    banto::{Banto, python},
    upstream::{Upstream, piece, response, stream_end, stream_head},
};

const ARN: &str = "arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0";

fn quick(more: &str) -> String {
    let profile = "profile: { first_token: 1ms, cold: 0ms, per_token: 1ms }";
    format!("models:\n  - {{ name: primary, kind: simulated, {profile} }}\naliases: ['{ARN}']\n{more}")
}

fn broken(fault: &str) -> String {
    let profile = format!("{{ first_token: 1ms, cold: 0ms, per_token: 1ms, faults: [{{ kind: {fault} }}] }}");
    format!("models:\n  - {{ name: primary, kind: simulated, profile: {profile} }}\n")
}

async fn sees(banto: &Banto, what: &str, more: &[&str]) -> String {
    let url = banto.url("");
    python("bedrock.py", &[&[url.as_str(), what], more].concat())
}

#[tokio::test]
async fn whole_answers_streams_and_invocations_work_with_the_stock_client() {
    let banto = Banto::start(&quick("")).await;
    assert_eq!(sees(&banto, "whole", &[]).await, "");
    assert_eq!(sees(&banto, "streams", &[]).await, "");
    assert_eq!(sees(&banto, "invocations", &[]).await, "ValidationException 400 ValidationException\n");
    assert_eq!(sees(&banto, "counts", &[]).await, "");
    assert_eq!(sees(&banto, "arn", &[ARN]).await, "");
}

#[tokio::test]
async fn langchain_works_with_another_address_and_nothing_else() {
    let model = "anthropic.claude-3-5-sonnet-20240620-v1:0";
    let banto = Banto::start(&quick("").replace(ARN, model)).await;
    assert_eq!(python("langchain_bedrock.py", &[&banto.url(""), model]), "");
}

#[tokio::test]
async fn who_asks_the_same_at_once_reads_the_same_stream() {
    let slow =
        "models:\n  - { name: primary, kind: simulated, profile: { first_token: 3s, cold: 0ms, per_token: 20ms } }\n";
    let banto = Banto::start(slow).await;
    assert_eq!(sees(&banto, "together", &[]).await, "");
}

#[tokio::test]
async fn a_guardrail_that_would_not_be_heard_of_is_refused() {
    let banto = Banto::start(&quick("")).await;
    assert_eq!(sees(&banto, "guarded", &[]).await, "ValidationException 400 ValidationException\n");
}

#[tokio::test]
async fn mistakes_have_the_names_and_statuses_of_the_services_model() {
    let banto = Banto::start(&quick("")).await;
    let expected = "ResourceNotFoundException 404 ResourceNotFoundException\n\
                    ResourceNotFoundException 404 ResourceNotFoundException\n\
                    ValidationException 400 ValidationException\n\
                    ValidationException 400 ValidationException\n\
                    ClientError 413 RequestEntityTooLargeException\n\
                    ValidationException 400 ValidationException\n\
                    ValidationException 400 ValidationException\n\
                    ResourceNotFoundException 404 ResourceNotFoundException\n";
    assert_eq!(sees(&banto, "mistakes", &[]).await, expected);
}

#[tokio::test]
async fn a_stream_that_breaks_off_raises_an_error_in_the_client() {
    let banto = Banto::start(&broken("cut")).await;
    let told = sees(&banto, "broken", &[]).await;
    let words = "EventStreamError modelStreamErrorException The answer broke off because the model behind it failed\n";
    assert_eq!(told, words);
}

#[tokio::test]
async fn when_no_model_answers_what_stands_in_comes_in_the_clients_format() {
    let banto = Banto::start(&broken("throttle")).await;
    let told = sees(&banto, "stands_in", &[]).await;
    assert_eq!(told, "ValidationException 400 ValidationException\ndegraded end_turn True\ndegraded True\n");
}

#[tokio::test]
async fn who_is_over_a_limit_sees_a_throttling_exception() {
    let banto = Banto::start(&quick("limits: { rate: 1, burst: 1, queue: 1ms }\n")).await;
    assert_eq!(sees(&banto, "throttled", &[]).await, "ThrottlingException 429\n");
}

#[tokio::test]
async fn only_a_right_signature_or_token_lets_anybody_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret: PathBuf = folder.path().join("secret");
    std::fs::write(&secret, "s3cret/with+signs\n").expect("written");
    let keys =
        format!("keys:\n  - {{ tenant: shop, key: {{ file: {} }}, access_key_id: AKBANTO1 }}\n", secret.display());
    let banto = Banto::start(&quick(&keys)).await;
    let expected = "ClientError 403 InvalidSignatureException\n\
                    ClientError 403 UnrecognizedClientException\n\
                    ClientError 403 InvalidSignatureException\n\
                    ClientError 403 InvalidSignatureException\n\
                    AccessDeniedException 403 AccessDeniedException\n";
    assert_eq!(sees(&banto, "identities", &["AKBANTO1", "s3cret/with+signs"]).await, expected);
}

/// Server-sent events of an OpenAI-compatible endpoint.
fn events(events: &[Value]) -> String {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.collect::<String>() + "data: [DONE]\n\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_go_to_a_model_of_another_format_and_come_back() {
    let call = |id: &str, title: &str| {
        let arguments = json!({ "title": title }).to_string();
        json!({ "id": id, "type": "function", "function": { "name": "release_date", "arguments": arguments } })
    };
    let message =
        json!({ "role": "assistant", "content": null, "tool_calls": [call("a", "Bleach"), call("b", "Naruto")] });
    let usage = json!({ "prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24, "prompt_tokens_details": { "cached_tokens": 8 } });
    let whole = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
        "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }] });
    let delta = |delta: Value, finish: Value| json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    let part = |part: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] });
    let begun = json!({ "role": "assistant", "content": null,
        "tool_calls": [{ "index": 0, "id": "t", "type": "function", "function": { "name": "release_date", "arguments": "" } }] });
    let streamed = events(&[
        delta(begun, Value::Null),
        delta(part("{\"title\":"), Value::Null),
        delta(part(" \"One Piece\"}"), Value::Null),
        delta(json!({}), json!("tool_calls")),
        json!({ "id": "c", "choices": [], "usage": usage }),
    ]);
    let upstream = Upstream::start([
        vec![response("200 OK", "content-type: application/json\r\n", &whole.to_string())],
        vec![stream_head("text/event-stream"), piece(streamed), stream_end()],
    ])
    .await;
    let model =
        format!("models:\n  - {{ name: primary, kind: openai, base_url: '{}', model: m }}\n", upstream.url("http"));
    let banto = Banto::start(&model).await;
    let told = sees(&banto, "tools", &[]).await;
    assert!(told.starts_with("12 {'inputTokens': 12, 'outputTokens': 4"), "{told}");
    let sent: Vec<Value> = upstream
        .requests()
        .iter()
        .map(|request| serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON"))
        .collect();
    assert_eq!((&sent[0]["tool_choice"], &sent[0]["model"]), (&json!("required"), &json!("m")));
    let roles: Vec<_> = sent[1]["messages"].as_array().expect("messages").iter().map(|m| m["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool"]);
    assert_eq!(
        sent[1]["messages"][2],
        json!({ "role": "tool", "tool_call_id": "a", "content": "{\"date\":\"2026-12-01\"}" })
    );
    assert_eq!(sent[1]["stream_options"], json!({ "include_usage": true }));
}

/// A Banto whose OpenAI-compatible primary is down and whose secondary is a model of Bedrock: another Banto, which lets in who
/// signs as the AWS SDK does.
#[cfg(feature = "aws")]
async fn before_bedrock(folder: &tempfile::TempDir) -> (Banto, Banto) {
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").expect("written");
    let keys =
        format!("keys:\n  - {{ tenant: front, key: {{ file: {} }}, access_key_id: AKIDEXAMPLE }}\n", secret.display());
    let back = Banto::start(&quick(&keys)).await;
    let models = format!(
        "models:\n  - {{ name: primary, kind: openai, base_url: 'http://127.0.0.1:{}/v1', model: m }}\n  \
         - {{ name: secondary, kind: bedrock, model: '{ARN}', region: ap-northeast-1, endpoint: '{}' }}\n",
        free_port(),
        back.url("")
    );
    (Banto::start(&models).await, back)
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn a_client_of_openais_is_answered_by_bedrock_when_its_own_model_is_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let (front, _back) = before_bedrock(&folder).await;
    let mut wish: Value = serde_json::from_str(&question("How long does shipping to Osaka take?")).expect("JSON");
    wish["seed"] = json!(7);
    let url = front.url("/v1/chat/completions");
    let (status, headers, answer) = exchange("POST", &url, &[], &wish.to_string()).await.expect("an answer");
    assert_eq!(
        (status, &headers["x-banto-source"], &headers["x-banto-lost"]),
        (200, &"secondary".parse().expect("a word"), &"seed".parse().expect("a word"))
    );
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let text = answer["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(text.contains("shipping to Osaka"), "{text}");
    assert!(answer["usage"]["completion_tokens"].as_u64() > Some(0), "{answer}");
    // A seed may matter: nobody else is given this answer.
    let (_, headers, _) = exchange("POST", &url, &[], &wish.to_string()).await.expect("an answer");
    assert_eq!(headers["x-banto-source"], "secondary");
    let mut wish: Value = serde_json::from_str(&question("What is One Piece about?")).expect("JSON");
    wish["stream"] = json!(true);
    let (_, headers, events) = exchange("POST", &url, &[], &wish.to_string()).await.expect("an answer");
    assert_eq!(headers["x-banto-source"], "secondary");
    assert!(events.matches("data: ").count() > 5 && events.ends_with("data: [DONE]\n\n"), "{events}");
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn what_boto3_asks_goes_through_two_bantos_to_a_model_of_bedrock() {
    let folder = tempfile::tempdir().expect("a folder");
    let (front, back) = before_bedrock(&folder).await;
    assert_eq!(sees(&front, "arn", &[ARN]).await, "");
    assert_eq!(sees(&front, "counts", &[]).await, "", "{}", back.log());
}
