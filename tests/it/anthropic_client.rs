//! The stock `anthropic` client against a running Banto. What the client itself sees is what counts.

use crate::support::banto::{Banto, python};

fn models(faults: &str) -> String {
    let profile = format!("{{ first_token: 1ms, cold: 0ms, per_token: 1ms, faults: [{faults}] }}");
    format!("models:\n  - {{ name: primary, kind: simulated, profile: {profile} }}\n")
}

async fn sees(banto: &Banto, what: &str, more: &[&str]) -> String {
    let url = banto.url("");
    python("anthropic_messages.py", &[&[url.as_str(), what], more].concat())
}

#[tokio::test]
async fn messages_and_their_streams_work_with_the_stock_client() {
    let banto = Banto::start(&models("")).await;
    assert_eq!(sees(&banto, "messages", &[]).await, "");
    let expected = "NotFoundError 404 not_found_error\nBadRequestError 400 invalid_request_error\n\
                    ContentTooLargeError 413 request_too_large\nBadRequestError 400 invalid_request_error\n";
    assert_eq!(sees(&banto, "mistakes", &[]).await, expected);
}

#[tokio::test]
async fn a_stream_that_breaks_off_raises_an_error_in_the_client() {
    let banto = Banto::start(&models("{ kind: cut }")).await;
    assert_eq!(sees(&banto, "broken", &[]).await, "APIStatusError api_error\n");
}

#[tokio::test]
async fn when_no_model_answers_what_stands_in_comes_as_a_message() {
    let banto = Banto::start(&models("{ kind: throttle }")).await;
    assert_eq!(sees(&banto, "stands_in", &[]).await, "degraded end_turn True\n");
}

#[tokio::test]
async fn only_a_right_key_lets_anybody_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-shop").expect("written");
    let keys = format!("keys:\n  - {{ tenant: shop, key: {{ file: {} }} }}\n", key.display());
    let banto = Banto::start(&(models("") + &keys)).await;
    assert_eq!(sees(&banto, "identities", &["sk-shop"]).await, "AuthenticationError 401 authentication_error\n");
}
