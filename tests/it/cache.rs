//! The cache as an operator sees it: through the commands, against a running Banto.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::banto::{Banto, exchange, get, post, question};

const QUESTION: &str = "What is your return policy?";

/// Asks until the answer comes from the cache.
async fn keep(banto: &Banto, body: &str) {
    let url = banto.url("/v1/chat/completions");
    for _ in 0..200 {
        let (status, headers, told) = exchange("POST", &url, &[], body).await.expect("an answer");
        assert_eq!(status, 200, "{told}");
        if headers["x-banto-source"] == "exact" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never kept:\n{}", banto.log());
}

fn told(banto: &Banto, arguments: &[&str]) -> String {
    let (code, text) = banto.command(arguments);
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}

fn json_of(banto: &Banto, arguments: &[&str]) -> Value {
    let text = told(banto, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn an_operator_sees_what_is_kept_and_why_a_question_hits_or_misses() {
    let banto = Banto::start("limits: { per_user: null }\n").await;
    let asked = question(QUESTION);
    keep(&banto, &asked).await;

    let listed = json_of(&banto, &["cache", "list", "--text", "RETURN  policy"]);
    let entry = &listed["entries"][0];
    let key = entry["key"].as_str().expect("a key").to_owned();
    assert_eq!((&entry["question"], &entry["intent"]), (&json!(QUESTION), &json!("faq")));
    assert!(told(&banto, &["cache", "list", "--intent", "greeting"]).contains("No such entries"));

    let inspected = told(&banto, &["cache", "inspect", &key]);
    for part in [QUESTION, "intent:faq", "for another", "by its key and by meaning"] {
        assert!(inspected.contains(part), "{part} is missing in:\n{inspected}");
    }
    let request = banto_file(&asked);
    let explain = |more: &[&str]| {
        let path = request.path().to_str().expect("a path").to_owned();
        told(&banto, &[&["cache", "explain", "--request", &path], more].concat())
    };
    assert!(explain(&[]).starts_with("HIT: the same question is kept and fresh"), "{}", explain(&[]));
    assert!(explain(&["--tenant", "another"]).starts_with("MISS"), "tenants never share");

    let (_, invalidated) = banto.command(&["cache", "invalidate", "Intent: FAQ"]);
    assert!(invalidated.contains("Void from now on: intent:faq"), "{invalidated}");
    let missed = explain(&[]);
    assert!(missed.starts_with("MISS: a model would be asked"), "{missed}");
    let (code, gone) = banto.command(&["cache", "inspect", &key]);
    assert!(code == 1 && gone.contains("no entry has the key"), "{gone}");
    let (code, wrong) = banto.command(&["cache", "inspect", "xyz"]);
    assert!(code == 1 && wrong.contains("a key has 32 hexadecimal digits"), "{wrong}");
}

#[tokio::test]
async fn hits_are_counted_and_a_clean_up_by_hand_says_what_it_removed() {
    let banto = Banto::start("limits: { per_user: null }\n").await;
    keep(&banto, &question(QUESTION)).await;
    let hits = |hot: &Value| hot[0]["hits"].as_u64().unwrap_or(0);
    let mut hot = Value::Null;
    for _ in 0..200 {
        hot = json_of(&banto, &["cache", "hot"]);
        if hits(&hot) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(hits(&hot) > 0, "the store hears of hits: {hot}");

    let audit = json_of(&banto, &["cache", "audit"]);
    assert_eq!((&audit["entries"], &audit["intents"][0]["intent"]), (&json!(1), &json!("faq")));
    let budgets = audit["budgets"].as_array().expect("budgets");
    let faq = budgets.iter().find(|stands| stands["intent"] == "faq").expect("faq has a budget");
    assert_eq!(faq["budget"], json!((256 << 20) / 4));
    let shown = told(&banto, &["cache", "audit"]);
    assert!(shown.contains("by time to live") && shown.contains("% of its budget"), "{shown}");

    let (code, refused) = banto.command(&["cache", "clean-up"]);
    assert!(code != 0 && refused.contains("--budgets"), "nothing never means everything: {refused}");
    let cleaned = told(&banto, &["cache", "clean-up", "--intent", "faq", "--by", "aiko"]);
    assert!(cleaned.starts_with("Removed 1 entries"), "{cleaned}");
    let runs = json_of(&banto, &["cache", "audit"])["runs"].clone();
    assert_eq!((&runs[0]["by"], &runs[0]["why"]), (&json!("operator:aiko"), &json!("clean_up")));
}

#[tokio::test]
async fn a_release_is_warm_before_the_first_reader_asks() {
    let banto = Banto::start("limits: { per_user: null }\n").await;
    let event = json!({ "kind": "release", "subject": "One Piece", "details": { "volume": "111" } });
    let (status, body) = post(&banto.url("/v1/events"), &event.to_string()).await.expect("an answer");
    assert_eq!(status, 202, "{body}");
    let request = json!({
        "model": "banto", "messages": [{ "role": "user", "content": "When does volume 111 of One Piece come out?" }],
    });
    let mut source = String::new();
    for _ in 0..300 {
        let headers = [("cache-control", "only-if-cached")];
        let answer = exchange("POST", &banto.url("/v1/chat/completions"), &headers, &request.to_string()).await;
        let (status, headers, _) = answer.expect("an answer");
        if status == 200 {
            source = headers["x-banto-source"].to_str().unwrap_or_default().to_owned();
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, metrics) = get(&banto.url("/metrics")).await.expect("metrics");
    assert_eq!(source, "exact", "{metrics}");
    assert!(metrics.contains("banto_cache_warmed_total{result=\"asked\"}"), "{metrics}");
}

/// A request in a file.
fn banto_file(request: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), request).expect("written");
    file
}
