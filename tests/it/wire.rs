//! What no well-meaning client sends, at every door for questions: each gets an answer in that door's own form, and the next
//! request is served.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::banto::{Banto, exchange};

const DOORS: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/messages",
    "/model/banto/converse",
    "/model/banto/converse-stream",
    "/model/banto/invoke",
    "/model/banto/count-tokens",
];

async fn quick() -> Banto {
    let profile = "profile: { first_token: 1ms, cold: 0ms, per_token: 1ms }";
    Banto::start(&format!("models:\n  - {{ name: primary, kind: simulated, {profile} }}\n")).await
}

/// Sends bytes as they are, and closes its side when it announced more; all that comes back.
async fn raw(banto: &Banto, path: &str, length: usize, body: &[u8]) -> String {
    let address = banto.url("").replace("http://", "");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The server may have answered and closed before it has everything.
    let _ = stream.write_all(body).await;
    if body.len() < length {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(60), reading).await.expect("an answer or an end");
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_error_of(door: &str, answer: &str) -> bool {
    match door {
        "/v1/chat/completions" => answer.contains("\"type\":\"invalid_request_error\""),
        "/v1/messages" => answer.contains("{\"error\":{") && answer.contains("\"type\":\"error\""),
        _ => answer.to_ascii_lowercase().contains("x-amzn-errortype: ") && answer.contains("{\"message\":\""),
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_in_the_form_of_their_door() {
    let banto = quick().await;
    let deep = "[".repeat(200_000);
    let nested = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{}", "[".repeat(100_000));
    let twice = r#"{"model":"banto","max_tokens":1,"anthropic_version":"x","messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}]}"#;
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"null",
        b"{\"messages\":\xff\xfe}",
        b"\xf0\x28\x8c\x28",
        deep.as_bytes(),
        nested.as_bytes(),
        twice.as_bytes(),
    ];
    for door in DOORS {
        for body in bodies {
            let answer = raw(&banto, door, body.len(), body).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert!(answer.starts_with("HTTP/1.1 400"), "{door} {shown}: {answer}");
            assert!(is_error_of(door, &answer), "{door} {shown}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_body_deep_enough_to_break_a_stack_is_refused_or_answered_but_breaks_nothing() {
    let banto = quick().await;
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [100, 200, 50_000] {
        let content = format!(
            "[{{\"text\":\"hi\"}},{{\"toolResult\":{{\"toolUseId\":\"t\",\"content\":[{{\"json\":{}}}]}}}}]",
            deep(depth)
        );
        let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{content}}}]}}");
        for door in ["/model/banto/converse", "/model/banto/converse-stream"] {
            let (status, _, answer) = exchange("POST", &banto.url(door), &[], &body).await.expect("an answer");
            assert!(status == 200 || status == 400, "{door} {depth}: {status} {answer}");
        }
    }
}

#[tokio::test]
async fn what_a_body_carries_for_a_model_may_be_deep_at_every_door_and_breaks_nothing() {
    let banto = quick().await;
    let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for depth in [100, 200, 50_000] {
        let deep = deep(depth);
        let tool = format!("[{{\"type\":\"function\",\"function\":{{\"name\":\"f\",\"parameters\":{deep}}}}}]");
        let chat =
            format!("{{\"model\":\"banto\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"tools\":{tool}}}");
        let tool = format!("[{{\"name\":\"f\",\"input_schema\":{deep}}}]");
        let message = format!(
            "{{\"model\":\"banto\",\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"tools\":{tool}}}"
        );
        let invoke = message.replace("\"model\":\"banto\"", "\"anthropic_version\":\"bedrock-2023-05-31\"");
        let tool = format!("{{\"tools\":[{{\"toolSpec\":{{\"name\":\"f\",\"inputSchema\":{{\"json\":{deep}}}}}}}]}}");
        let converse =
            format!("{{\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":\"hi\"}}]}}],\"toolConfig\":{tool}}}");
        for (door, body) in [
            ("/v1/chat/completions", &chat),
            ("/v1/messages", &message),
            ("/model/banto/invoke", &invoke),
            ("/model/banto/converse", &converse),
            ("/model/banto/converse-stream", &converse),
        ] {
            let (status, _, answer) = exchange("POST", &banto.url(door), &[], body).await.expect("an answer");
            assert!(status == 200 || status == 400, "{door} {depth}: {status} {answer}");
            assert!(status == 200 || answer.contains("\"message\":\""), "{door} {depth}: {answer}");
        }
    }
}

/// Two readers of one body could take it for two questions, and the answer to one would be kept for the other.
#[tokio::test]
async fn a_name_that_comes_twice_within_a_message_is_refused_or_at_least_taken_for_no_other_question() {
    let banto = quick().await;
    for (door, body) in [
        ("/v1/chat/completions", r#"{"model":"banto","messages":[{"role":"user","content":"a","content":"b"}]}"#),
        ("/v1/chat/completions", r#"{"model":"banto","messages":[{"role":"user","role":"system","content":"a"}]}"#),
        (
            "/v1/chat/completions",
            r#"{"model":"banto","messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]}"#,
        ),
        (
            "/v1/messages",
            r#"{"model":"banto","max_tokens":9,"messages":[{"role":"user","content":"a","content":"b"}]}"#,
        ),
        (
            "/v1/messages",
            r#"{"model":"banto","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]}"#,
        ),
        (
            "/model/banto/invoke",
            r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"a","content":"b"}]}"#,
        ),
        ("/model/banto/converse", r#"{"messages":[{"role":"user","content":[{"text":"a","text":"b"}]}]}"#),
        (
            "/model/banto/converse",
            r#"{"messages":[{"role":"user","content":[{"text":"a"}],"content":[{"text":"b"}]}]}"#,
        ),
        ("/model/banto/converse-stream", r#"{"messages":[{"role":"user","content":[{"text":"a","text":"b"}]}]}"#),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (door, body))| (door, body.replace(r#""a""#, &format!("\"Who is number {n}?\""))))
    {
        // The second value another one, and the second left out: three questions, if any.
        let bodies = [body.clone(), body.replace(r#""b""#, r#""c""#), body.replace(r#","text":"b""#, "")];
        for body in bodies.into_iter().collect::<BTreeSet<_>>() {
            let (status, headers, answer) = exchange("POST", &banto.url(door), &[], &body).await.expect("an answer");
            let source = headers.get("x-banto-source").and_then(|source| source.to_str().ok());
            let is_refused = status == 400 && answer.contains("\"message\":\"");
            assert!(is_refused || (status == 200 && source == Some("primary")), "{door} {body}: {source:?} {answer}");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_too_large_takes_nobody_elses_place() {
    let banto = quick().await;
    for door in DOORS {
        let cut = raw(&banto, door, 1_000, b"{\"messages\":[").await;
        assert!(cut.is_empty() || cut.starts_with("HTTP/1.1 400"), "{door}: {cut}");
        let large = raw(&banto, door, 100 << 20, b"{").await;
        assert!(large.starts_with("HTTP/1.1 413"), "{door}: {large}");
    }
    let body = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let (status, headers, _) =
        exchange("POST", &banto.url("/model/banto/converse"), &[], body).await.expect("an answer");
    assert_eq!((status, headers["x-amzn-requestid"].len()), (200, 36));
}

#[tokio::test]
async fn signatures_that_are_malformed_are_told_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").expect("written");
    let keys = format!("keys:\n  - {{ tenant: shop, key: {{ file: {} }}, access_key_id: AK1 }}\n", secret.display());
    let banto = Banto::start(&keys).await;
    let body = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let scope = "Credential=AK1/20260101/us-east-1/bedrock/aws4_request";
    for (authorization, status, name) in [
        ("", 403, "MissingAuthenticationTokenException"),
        ("Basic eA==", 403, "MissingAuthenticationTokenException"),
        ("Bearer wrong", 403, "AccessDeniedException"),
        ("AWS4-HMAC-SHA256 ", 400, "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=AK1, SignedHeaders=host, Signature=00", 400, "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=AK2/x, SignedHeaders=host, Signature=00", 403, "UnrecognizedClientException"),
        (&format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=zz"), 400, "IncompleteSignatureException"),
    ] {
        let headers = [("authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
        let url = banto.url("/model/banto/converse");
        let (seen, headers, answer) = exchange("POST", &url, headers, body).await.expect("an answer");
        assert_eq!(
            (seen, &headers["x-amzn-errortype"]),
            (status, &name.parse().expect("a name")),
            "{authorization}: {answer}"
        );
    }
}

/// The same question at each door, whole and as a stream.
fn questions(text: &str) -> [(&'static str, String); 6] {
    let chat =
        |stream: bool| json!({ "model": "banto", "stream": stream, "messages": [{ "role": "user", "content": text }] });
    let message = |stream: bool| {
        let messages = [json!({ "role": "user", "content": text })];
        json!({ "model": "banto", "stream": stream, "max_tokens": 400, "messages": messages })
    };
    let converse = json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] }).to_string();
    [
        ("/v1/chat/completions", chat(false).to_string()),
        ("/v1/chat/completions", chat(true).to_string()),
        ("/v1/messages", message(false).to_string()),
        ("/v1/messages", message(true).to_string()),
        ("/model/banto/converse", converse.clone()),
        ("/model/banto/converse-stream", converse),
    ]
}

#[tokio::test]
async fn an_expired_answer_stands_in_with_its_warning_at_every_door_and_formats_never_mix() {
    const WARNING: &str = "please verify it at checkout";
    let banto = quick().await;
    let asked = questions("How much is volume 3 of One Piece?");
    for (door, body) in asked.iter().step_by(2) {
        let ttl = [("x-banto-ttl", "2s")];
        let (_, headers, answer) = exchange("POST", &banto.url(door), &ttl, body).await.expect("an answer");
        assert_eq!(headers["x-banto-source"], "primary", "each format has an entry of its own: {door} {answer}");
    }
    let (code, told) = banto.command(&["simulate", "primary", "throttle"]);
    assert_eq!(code, 0, "{told}");
    for (door, body) in &asked {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let stale = loop {
            let (status, headers, answer) = exchange("POST", &banto.url(door), &[], body).await.expect("an answer");
            if status == 200 && headers["x-banto-source"] == "stale" {
                break answer;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{door}: {} {answer}",
                headers["x-banto-source"].to_str().expect("a word")
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert!(stale.contains(WARNING) && stale.contains("volume 3"), "{door}: {stale}");
        let form = match *door {
            "/v1/chat/completions" => "\"choices\":[",
            "/v1/messages" => "\"stop_reason\":",
            "/model/banto/converse" => "\"stopReason\":\"end_turn\"",
            _ => "messageStop",
        };
        assert!(stale.contains(form), "{door}: {stale}");
    }
}

#[tokio::test]
async fn clients_that_hardly_read_or_never_finish_asking_take_nothing_from_others() {
    let banto = quick().await;
    let address = banto.url("").replace("http://", "");
    let body = r#"{"messages":[{"role":"user","content":[{"text":"What is the story of Berserk?"}]}]}"#;
    let head = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len())
    };
    let (mut lazy, mut half) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let mut reader = TcpStream::connect(&address).await.expect("connected");
        reader.write_all((head("/model/banto/converse-stream") + body).as_bytes()).await.expect("sent");
        let mut first = [0; 1];
        reader.read_exact(&mut first).await.expect("a first byte");
        lazy.push(reader);
        let mut writer = TcpStream::connect(&address).await.expect("connected");
        writer.write_all(&head("/model/banto/converse").as_bytes()[..20]).await.expect("sent");
        half.push(writer);
    }
    for (door, body) in questions("Is Berserk finished?") {
        let (status, _, answer) = exchange("POST", &banto.url(door), &[], &body).await.expect("an answer");
        assert_eq!(status, 200, "{door}: {answer}");
    }
    // Who reads on after all gets everything.
    for mut reader in lazy {
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.expect("the rest");
        assert!(memchr::memmem::find(&rest, b"messageStop").is_some());
    }
}
