//! The status page and the status API, told by a process whose models, and everything else, are down.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::banto::{Banto, exchange, get, post, question};

/// Models that a test can break; no request waits long for one that is down.
const TWO: &str =
    "deadline: 3s\nmodels:\n  - { name: primary, kind: simulated }\n  - { name: secondary, kind: simulated }\n";

async fn status(banto: &Banto) -> Value {
    let (code, text) = get(&banto.url("/status.json")).await.expect("a status");
    assert_eq!(code, 200, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

async fn everything(banto: &Banto, outage: bool) {
    for model in ["primary", "secondary"] {
        let url = banto.url(&format!("/api/v1/simulated/{model}"));
        let broken = json!({ "break": { "fault": "throttle", "share": 1.0 } });
        let wish = if outage { broken } else { json!("heal") };
        let (code, text) = post(&url, &wish.to_string()).await.expect("an answer");
        assert_eq!(code, 200, "{text}");
    }
}

/// Asks new questions until the status is as wanted.
async fn ask_until(banto: &Banto, wanted: &str) -> Value {
    for n in 0..300 {
        post(&banto.url("/v1/chat/completions"), &question(&format!("Please tell me about volume {n} of Naruto")))
            .await;
        let told = status(banto).await;
        if told["status"] == wanted {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never {wanted}: {}\n{}", status(banto).await, banto.log());
}

#[tokio::test]
async fn the_status_follows_an_outage_and_outlives_the_process() {
    let banto = Banto::start(TWO).await;
    let told = status(&banto).await;
    assert_eq!((&told["status"], &told["incidents"]), (&json!("operational"), &json!([])));
    everything(&banto, true).await;
    let told = ask_until(&banto, "outage").await;
    assert!(told["message"]["ja"].is_string() && told["estimated_recovery"].is_null(), "{told}");
    everything(&banto, false).await;
    let told = ask_until(&banto, "operational").await;
    assert_eq!(told["incidents"].as_array().map(Vec::len), Some(1), "{told}");
    let file = "outages.json";
    let folder = wait_for_file(banto, file).await;
    let banto = Banto::start_in(folder, TWO).await;
    assert_eq!(status(&banto).await["incidents"].as_array().map(Vec::len), Some(1), "remembered");
}

/// Kills it once its history of outages is on disk with an end.
async fn wait_for_file(banto: Banto, file: &str) -> tempfile::TempDir {
    let path = banto.folder().join("state").join(file);
    let written = || std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    for _ in 0..600 {
        if written().is_some_and(|page| page["outages"][0]["end"].is_number()) {
            return banto.kill();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} was not written:\n{}", path.display(), banto.log());
}

#[tokio::test]
async fn the_page_speaks_the_readers_language_and_needs_no_token_and_no_store() {
    // Nobody listens there: the node starts and serves without its store.
    let banto = Banto::start("token: { env: PATH }\nredis: { url: 'redis://127.0.0.1:1' }\n").await;
    for (language, word) in [("ja-JP,ja;q=0.9", "稼働状況"), ("en", "Service status"), ("fr", "Service status")] {
        let (code, headers, page) =
            exchange("GET", &banto.url("/status"), &[("accept-language", language)], "").await.expect("a page");
        assert_eq!((code, &headers["content-type"]), (200, &"text/html; charset=utf-8".parse().expect("a header")));
        assert!(page.contains(word) && !page.contains("<script"), "{page}");
    }
    let (_, _, page) = exchange("GET", &banto.url("/status?lang=ja"), &[], "").await.expect("a page");
    assert!(page.contains("稼働状況"), "{page}");
    assert_eq!(status(&banto).await["status"], "operational");
    assert_eq!(post(&banto.url("/status"), "{}").await.expect("an answer").0, 405);
}
