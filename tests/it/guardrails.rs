//! What may be said: the shipped rules and Bedrock's guardrails over real sockets, as clients of every format see it.

use std::time::Duration;

use banto::{
    aws::guardrail::BedrockGuardrail,
    engine::guard::guardrail::{Finding, Guardrail, Passage, Side, Unsure},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{
    aws::{AwsDouble, Trouble, account_of, guardrail::Filters},
    banto::{Banto, exchange, get, post},
};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// A double with one guardrail.
async fn double() -> AwsDouble {
    let double = AwsDouble::start().await;
    let filters = Filters { sexual: vec!["forbidden fruit".into()], names: vec!["Aiko".into()] };
    double.world().guardrails.known.insert(("gr1".into(), "3".into()), filters);
    double
}

async fn bedrock(double: &AwsDouble, id: &str) -> BedrockGuardrail {
    BedrockGuardrail::new(&account_of(double).await, id, "3")
}

fn said(text: &str) -> Passage<'_> {
    Passage { side: Side::Answer, intent: "faq", text }
}

#[tokio::test]
async fn bedrock_is_asked_in_its_own_words_and_understood() {
    let double = double().await;
    let rail = bedrock(&double, "gr1").await;
    let seen = rail.look(said("A fine series.")).await.expect("seen");
    assert_eq!((seen.finding, seen.filters), (Finding::Clean, Some(3)));
    let asked = double.calls("ApplyGuardrail").remove(0);
    let content = json!([{ "text": { "text": "A fine series." } }]);
    assert_eq!(
        (&asked["source"], &asked["content"], &asked["outputScope"]),
        (&json!("OUTPUT"), &content, &json!("FULL"))
    );
    let blocked = rail.look(said("It has forbidden fruit.")).await.expect("seen").finding;
    assert_eq!(blocked, Finding::Blocked { by: "bedrock:SEXUAL".into(), says: None });
    let masked = rail.look(said("Ask Aiko.")).await.expect("seen").finding;
    assert_eq!(masked, Finding::Masked { by: "bedrock:NAME".into(), text: "Ask {NAME}.".into() });
    let question = Passage { side: Side::Question, ..said("Hm?") };
    rail.look(question).await.expect("seen");
    assert_eq!(double.calls("ApplyGuardrail")[3]["source"], "INPUT");
}

#[tokio::test]
async fn what_bedrock_does_not_look_at_is_never_clean() {
    let double = double().await;
    assert_eq!(bedrock(&double, "gr2").await.look(said("x")).await, Err(Unsure::Failed));
    double.trouble("ApplyGuardrail", Trouble::Throttle, 1);
    assert_eq!(bedrock(&double, "gr1").await.look(said("x")).await, Err(Unsure::Busy));
    double.trouble("ApplyGuardrail", Trouble::Deny, 1);
    assert_eq!(bedrock(&double, "gr1").await.look(said("x")).await, Err(Unsure::Failed));
    assert_eq!(double.calls("ApplyGuardrail").len(), 3, "nobody pays for a second call");
}

fn openai(text: &str, stream: bool) -> String {
    json!({ "model": "banto", "stream": stream, "messages": [{ "role": "user", "content": text }] }).to_string()
}

fn converse(text: &str) -> String {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] }).to_string()
}

fn messages(text: &str, stream: bool) -> String {
    json!({ "model": "banto", "max_tokens": 500, "stream": stream, "messages": [{ "role": "user", "content": text }] })
        .to_string()
}

async fn ask(banto: &Banto, path: &str, body: &str) -> (Option<String>, Value, String) {
    let headers = [("content-type", "application/json"), ("anthropic-version", "2023-06-01"), ("x-banto-user", "aiko")];
    let (status, headers, text) = exchange("POST", &banto.url(path), &headers, body).await.expect("an answer");
    assert_eq!(status, 200, "{text}");
    let source = headers.get("x-banto-source").and_then(|source| source.to_str().ok()).map(str::to_owned);
    (source, serde_json::from_str(&text).unwrap_or_default(), text)
}

/// The simulated model repeats the question, so that a question decides what the answer says.
const ORDER: &str = "Where is my order? I paid with 4111 1111 1111 1111";

#[tokio::test]
async fn an_order_is_checked_before_anything_is_said_in_every_format() {
    let banto = Banto::start("").await;
    for (path, body, finish, word) in [
        ("/v1/chat/completions", openai(ORDER, false), "/choices/0/finish_reason", "content_filter"),
        ("/model/banto/converse", converse(ORDER), "/stopReason", "guardrail_intervened"),
        ("/v1/messages", messages(ORDER, false), "/stop_reason", "refusal"),
    ] {
        let (source, answer, text) = ask(&banto, path, &body).await;
        assert_eq!((source.as_deref(), answer.pointer(finish)), (Some("guarded"), Some(&json!(word))), "{text}");
        assert!(text.contains("customer support can") && !text.contains("4111"), "{text}");
    }
    let (_, _, streamed) = ask(&banto, "/v1/chat/completions", &openai(ORDER, true)).await;
    assert!(
        streamed.contains("\"finish_reason\":\"content_filter\"") && streamed.ends_with("data: [DONE]\n\n"),
        "{streamed}"
    );
    assert!(!streamed.contains("4111"), "{streamed}");
}

/// A recommendation whose answer goes on for a while before it says what it may not.
fn long() -> String {
    let titles =
        "One Piece, Bleach, Naruto, Akira, Gintama, Dandadan, Blue Lock, Slam Dunk, Inuyasha and Vagabond; ".repeat(2);
    format!("Can you recommend manga like {titles} but hentai please")
}

#[tokio::test]
async fn a_stream_is_cut_where_it_may_not_go_on_and_ends_as_its_format_does() {
    let banto = Banto::start("").await;
    let (source, _, text) = ask(&banto, "/v1/chat/completions", &openai(&long(), true)).await;
    assert_eq!(source.as_deref(), Some("primary"), "{text}");
    assert!(text.contains("One") && !text.contains("hentai"), "{text}");
    assert!(text.contains("\"finish_reason\":\"content_filter\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let (_, _, text) = ask(&banto, "/v1/messages", &messages(&long(), true)).await;
    assert!(text.contains("One") && !text.contains("hentai"), "{text}");
    assert!(text.contains("\"stop_reason\":\"refusal\"") && text.contains("event: message_stop"), "{text}");
    // What was cut is not kept.
    let (source, ..) = ask(&banto, "/v1/chat/completions", &openai(&long(), true)).await;
    assert_eq!(source.as_deref(), Some("primary"));
}

#[tokio::test]
async fn converse_streams_end_with_the_stop_reason_of_bedrocks_own_guardrails() {
    let banto = Banto::start("").await;
    let body = converse(&long());
    let raw = raw(&banto, "/model/banto/converse-stream", &body).await;
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains("One") && !text.contains("hentai"), "{text}");
    assert!(text.contains("guardrail_intervened") && text.contains("metadata"), "{text}");
}

/// The bytes of a response.
async fn raw(banto: &Banto, path: &str, body: &str) -> Vec<u8> {
    use http_body_util::{BodyExt, Full};
    let uri: http::Uri = banto.url(path).parse().expect("an address");
    let stream = TcpStream::connect(uri.authority().expect("a host").as_str()).await.expect("connected");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.expect("HTTP");
    #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
    tokio::spawn(connection);
    let request =
        http::Request::post(uri.path()).header("host", "localhost").header("content-type", "application/json");
    let request = request.body(Full::new(bytes::Bytes::copy_from_slice(body.as_bytes()))).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    response.into_body().collect().await.expect("a body").to_bytes().to_vec()
}

#[tokio::test]
async fn what_is_found_after_it_was_said_is_revised_noted_and_not_kept() {
    let banto = Banto::start("").await;
    let stream = TcpStream::connect(banto.url("").trim_start_matches("http://")).await.expect("connected");
    let url = banto.url("/v1/chat/ws?user=aiko").replace("http:", "ws:");
    let (mut socket, _) = client_async(url, stream).await.expect("open");
    let question = "What is your return policy for hentai?";
    socket.send(Message::text(json!({ "type": "ask", "id": "7", "text": question }).to_string())).await.expect("sent");
    let (mut words, mut revision) = (String::new(), Value::Null);
    while revision.is_null() {
        let heard = timeout(LONG, socket.next()).await.expect("in time").expect("open").expect("a message");
        let Message::Text(text) = heard else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        match message["type"].as_str() {
            Some("token") => words.push_str(message["text"].as_str().unwrap_or_default()),
            Some("revision") => revision = message,
            _ => {}
        }
    }
    assert!(words.contains("hentai"), "it is said first: {words}");
    assert_eq!(revision["id"], "7");
    assert!(revision["text"].as_str().is_some_and(|text| text.starts_with("I need to revise")), "{revision}");
    let trace = revision["trace_id"].as_str().expect("a trace id");
    let (_, listed) = get(&banto.url(&format!("/api/v1/revisions?trace_id={trace}"))).await.expect("a list");
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let expected = (&json!("adult-content"), &json!("aiko"));
    assert_eq!((&listed["revisions"][0]["rule"], &listed["revisions"][0]["user"]), expected, "{listed}");
    let (source, ..) = ask(&banto, "/v1/chat/completions", &openai(question, false)).await;
    assert_eq!(source.as_deref(), Some("primary"), "it was not kept");
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let (_, noted) = get(&banto.url("/api/v1/exposure?from=0&to=9999999999999")).await.expect("a trail");
        if noted.contains(trace) && noted.contains("guardrail:adult-content") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "no note of {trace} in {noted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_kept_answer_is_looked_at_again_when_other_rules_are_in_force() {
    let files = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(files.path().join("policies")).expect("a folder");
    let rules = files.path().join("policies/guardrails.yaml");
    let intents = "intent: _other\nscope: public\nsemantic: false\nthreshold: 0.99\nttl: 1h\n";
    std::fs::write(files.path().join("policies/intents.yaml"), intents).expect("written");
    std::fs::write(&rules, "rule: a\nwords: [nothing like it]\naction: block\n").expect("written");
    let free = "limits: { per_user: null }";
    let banto = Banto::start(&format!("files: {}\n{free}\n", files.path().display())).await;
    let question = openai("What is a tankobon?", false);
    let source = async || ask(&banto, "/v1/chat/completions", &question).await.0.unwrap_or_default();
    assert_eq!(source().await, "primary");
    let deadline = tokio::time::Instant::now() + LONG;
    while source().await != "exact" {
        assert!(tokio::time::Instant::now() < deadline, "it is not kept:\n{}", banto.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::write(&rules, "rule: a\nwords: [tankobon]\naction: block\n").expect("written");
    while source().await == "exact" {
        assert!(tokio::time::Instant::now() < deadline, "the old answer is still given:\n{}", banto.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(banto.log().contains("did not pass the guardrails"), "{}", banto.log());
}

#[tokio::test]
async fn bedrock_looks_after_the_rules_and_a_masked_answer_is_kept_as_it_was_said() {
    let double = double().await;
    let banto = Banto::start(&format!(
        "guardrail: {{ id: gr1, version: '3', region: ap-northeast-1, endpoint: '{}' }}\n",
        double.url
    ))
    .await;
    let recommend = |more: &str| openai(&format!("Can you recommend something like Bleach{more}?"), false);
    let (source, _, text) = ask(&banto, "/v1/chat/completions", &recommend(", with forbidden fruit")).await;
    assert_eq!(source.as_deref(), Some("guarded"), "{text}");
    let (source, _, text) = ask(&banto, "/v1/chat/completions", &recommend(" for Aiko")).await;
    assert!(source.as_deref() == Some("primary") && text.contains("for {NAME}") && !text.contains("Aiko"), "{text}");
    let asked = double.calls("ApplyGuardrail").len();
    let mut told = ask(&banto, "/v1/chat/completions", &recommend(" for Aiko")).await;
    // It is said before it is kept.
    for _ in 0..200 {
        if told.0.as_deref() == Some("exact") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        told = ask(&banto, "/v1/chat/completions", &recommend(" for Aiko")).await;
    }
    let (source, _, again) = told;
    assert!(source.as_deref() == Some("exact") && again.contains("{NAME}"), "{again}");
    assert_eq!(double.calls("ApplyGuardrail").len(), asked, "what was checked is not checked again");
    // What a rule blocks is shown to nobody else.
    let (source, ..) = ask(&banto, "/v1/chat/completions", &recommend(" and 4111 1111 1111 1111")).await;
    assert_eq!((source.as_deref(), double.calls("ApplyGuardrail").len()), (Some("guarded"), asked));
}

#[tokio::test]
async fn an_order_is_not_told_while_nobody_can_check_it_and_other_answers_are() {
    let double = AwsDouble::start().await;
    let banto = Banto::start(&format!(
        "guardrail: {{ id: gone, version: '1', region: ap-northeast-1, endpoint: '{}' }}\n",
        double.url
    ))
    .await;
    let (source, ..) = ask(&banto, "/v1/chat/completions", &openai("Where is my order 123?", false)).await;
    assert_eq!(source.as_deref(), Some("guarded"));
    let (source, ..) = ask(&banto, "/v1/chat/completions", &openai("What is your return policy?", false)).await;
    assert_eq!(source.as_deref(), Some("primary"));
    // The knob may not loosen an order's check.
    let (status, told) =
        post(&banto.url("/api/v1/knobs/guardrail.order_status"), r#"{"value":"async","by":"me","reason":"x"}"#)
            .await
            .expect("told");
    assert!(status >= 400, "{told}");
}
