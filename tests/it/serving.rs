//! `banto serve` from its start to its end, and what clients may do to it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::banto::{Banto, exchange, get, post, question, send};

/// The value of a series in `/metrics`.
async fn metric(banto: &Banto, series: &str) -> f64 {
    let (_, text) = get(&banto.url("/metrics")).await.expect("metrics");
    let line = text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
}

#[tokio::test]
async fn with_no_configuration_at_all_it_says_where_it_listens_and_what_it_loaded() {
    let banto = Banto::start("").await;
    let log = banto.log();
    for word in ["127.0.0.1", "alarms", "policies", "intents", "primary", "secondary"] {
        assert!(log.contains(word), "{word} is missing in:\n{log}");
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let banto = Banto::start("").await;
    let url = banto.url("/v1/chat/completions");
    let (_, first) = post(&url, &question("When is the next volume of One Piece out?")).await.expect("an answer");
    // Acknowledged writes survive; wait for this one's acknowledgement.
    while metric(&banto, "banto_cache_writes_total{result=\"stored\"}").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let banto = Banto::start_in(banto.kill(), "").await;
    let url = banto.url("/v1/chat/completions");
    let (_, headers, again) =
        exchange("POST", &url, &[], &question("When is the next volume of One Piece out?")).await.expect("an answer");
    assert_eq!(headers["x-banto-source"], "exact", "{again}");
    let content = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["choices"].clone();
    assert_eq!(content(&again), content(&first));
}

#[tokio::test]
async fn at_sigterm_requests_under_way_are_finished_and_new_connections_refused() {
    let mut banto =
        Banto::start("models:\n  - { name: primary, kind: simulated, profile: { first_token: 1500ms } }\n").await;
    let url = banto.url("/v1/chat/completions");
    let asked = tokio::task::spawn(async move { post(&url, &question("What is a tankobon?")).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    banto.terminate();
    let (status, body) = asked.await.expect("no panic").expect("an answer, not a cut");
    assert_eq!(status, 200, "{body}");
    assert!(banto.ended().await.success(), "{}", banto.log());
    assert!(get(&banto.url("/healthz")).await.is_none());
}

#[tokio::test]
async fn wrong_requests_get_the_right_error_and_harm_nobody() {
    let banto = Banto::start("").await;
    let url = banto.url("/v1/chat/completions");
    for (body, status) in [("{", 400), ("[]", 400), ("null", 400), ("{\"model\":1}", 400), ("\u{0}", 400), ("", 400)] {
        let (got, text) = post(&url, body).await.expect("an answer");
        assert_eq!(got, status, "{body:?}: {text}");
        let error: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string(), "{text}");
    }
    let deep = format!("{{\"model\":\"banto\",\"messages\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post(&url, &deep).await.expect("an answer").0, 400);
    assert_eq!(send("DELETE", &url, &[], "").await.expect("an answer").0, 405);
    assert_eq!(get(&banto.url("/v1/nothing")).await.expect("an answer").0, 404);
    assert_eq!(post(&url, &question("hi")).await.expect("an answer").0, 200);
}

#[tokio::test]
async fn wrong_wishes_get_an_error_in_json_too() {
    let banto = Banto::start("").await;
    for (path, body, status) in [
        ("/v1/feedback", "{bad", 400),
        ("/v1/feedback", "{}", 400),
        ("/v1/feedback", "{\"trace_id\":\"x\",\"helpful\":\"yes\"}", 400),
        ("/api/v1/hold", "{\"on\":true}", 400),
        ("/api/v1/knobs/engine.mode", "{\"value\":\"x\",\"by\":\"x\",\"reason\":\"x\",\"for\":\"99999999999d\"}", 400),
    ] {
        let (got, text) = post(&banto.url(path), body).await.expect("an answer");
        let error: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
        assert!(got == status && error["error"]["message"].is_string(), "{path}: {got} {text}");
    }
    let (status, text) = send("DELETE", &banto.url("/v1/feedback"), &[], "").await.expect("an answer");
    assert!(status == 405 && text.contains("does not know this method"), "{status}: {text}");
    assert_eq!(get(&banto.url("/healthz")).await.expect("an answer"), (200, "ok\n".into()));
}

#[tokio::test]
async fn keys_decide_who_may_ask_and_tenants_share_nothing() {
    // Both processes of the key live in files, as secrets do.
    let folder = tempfile::tempdir().expect("a folder");
    let mut keys = String::from("keys:\n");
    for tenant in ["one", "two"] {
        let path = folder.path().join(tenant);
        std::fs::write(&path, format!("key-{tenant}\n")).expect("written");
        keys += &format!("  - {{ tenant: {tenant}, tier: premium, key: {{ file: '{}' }} }}\n", path.display());
    }
    let banto = Banto::start(&keys).await;
    let url = banto.url("/v1/chat/completions");
    let ask = async |key: &str| {
        let bearer = format!("Bearer {key}");
        exchange("POST", &url, &[("authorization", &bearer)], &question("What is shonen?")).await.expect("an answer")
    };
    assert_eq!(post(&url, &question("What is shonen?")).await.expect("an answer").0, 401);
    assert_eq!(ask("wrong").await.0, 401);
    assert_eq!(ask("key-one").await.1["x-banto-source"], "primary");
    // From the cache, or from the answer that is still on its way there.
    assert_ne!(ask("key-one").await.1["x-banto-source"], "primary");
    assert_eq!(ask("key-two").await.1["x-banto-source"], "primary", "another tenant's answer was served");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_nobody_else_and_leaks_no_place_in_the_pool() {
    let banto = Banto::start("models:\n  - { name: primary, kind: simulated, profile: { first_token: 1s } }\n").await;
    let body = question("Who draws Kaiju No. 8?");
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut leaving = TcpStream::connect(banto.url("").trim_start_matches("http://")).await.expect("connected");
    leaving.write_all(head.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let url = banto.url("/v1/chat/completions");
    let following = tokio::task::spawn(async move { exchange("POST", &url, &[], &body).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(leaving);
    let (status, headers, text) = following.await.expect("no panic").expect("an answer");
    assert_eq!((status, headers["x-banto-source"].to_str().ok()), (200, Some("coalesced")), "{text}");
    assert_eq!(metric(&banto, "banto_model_attempts_total{model=\"primary\"}").await, 1.0);
    assert_eq!(metric(&banto, "banto_pool_active{model=\"primary\"}").await, 0.0);
}

#[tokio::test]
async fn a_client_that_sends_half_a_request_is_told_so_or_let_go_while_others_are_served() {
    let banto = Banto::start("").await;
    let address = banto.url("").trim_start_matches("http://").to_owned();
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        stream
            .write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{\"mod")
            .await
            .expect("sent");
        slow.push(stream);
    }
    assert_eq!(post(&banto.url("/v1/chat/completions"), &question("hi there")).await.expect("an answer").0, 200);
    let mut answer = Vec::new();
    slow[0].read_to_end(&mut answer).await.expect("an answer or an end");
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn nobody_holds_a_place_with_half_a_wish() {
    let banto = Banto::start("").await;
    let mut stream = TcpStream::connect(banto.url("").trim_start_matches("http://")).await.expect("connected");
    let head =
        b"POST /v1/feedback HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer or an end");
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}
