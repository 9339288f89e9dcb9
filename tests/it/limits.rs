//! Limits on the wire: which one it was, when to come back, and whose word about an address counts.

use serde_json::Value;

use crate::support::banto::{Banto, exchange, get, question};

async fn ask(banto: &Banto, text: &str, headers: &[(&str, &str)]) -> (u16, Option<String>, Value) {
    let url = banto.url("/v1/chat/completions");
    let (status, told, body) = exchange("POST", &url, headers, &question(text)).await.expect("an answer");
    let wait = told.get("retry-after").and_then(|wait| wait.to_str().ok()).map(str::to_owned);
    (status, wait, serde_json::from_str(&body).expect("JSON"))
}

#[tokio::test]
async fn a_network_behind_a_trusted_proxy_has_a_limit_of_its_own_and_is_told_so() {
    let more = "clients: { hops: 1, proxies: [127.0.0.0/8] }\nlimits: { per_network: { rate: 0.05, burst: 2 } }\n";
    let banto = Banto::start(more).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for n in 0..2 {
        assert_eq!(ask(&banto, &format!("hi {n}"), &from("198.51.100.7, 192.0.2.1")).await.0, 200);
    }
    // What stands further left was written by the client.
    let (status, wait, body) = ask(&banto, "hi", &from("203.0.113.5, 192.0.2.99")).await;
    assert_eq!((status, &body["error"]["code"]), (429, &"network_limit_exceeded".into()), "{body}");
    let wait: u64 = wait.and_then(|wait| wait.parse().ok()).expect("a Retry-After");
    assert!((10..=20).contains(&wait), "a token takes 20 s: {wait}");
    assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains("network")), "{body}");
    assert_eq!(ask(&banto, "hi", &from("192.0.2.1, 203.0.113.5")).await.0, 200);
}

#[tokio::test]
async fn by_default_nobody_is_believed_about_addresses() {
    let banto = Banto::start("limits: { per_network: { rate: 0.001, burst: 1 } }\n").await;
    for n in 0..5 {
        assert_eq!(ask(&banto, &format!("hi {n}"), &[("x-forwarded-for", "192.0.2.1")]).await.0, 200);
    }
    let (status, text) = get(&banto.url("/api/v1/crowd")).await.expect("an answer");
    let judged: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &judged["verdict"]), (200, &"quiet".into()), "{text}");
}

#[tokio::test]
async fn whoever_cannot_be_served_in_time_is_told_at_once_which_limit_it_was_and_how_long_it_takes() {
    let banto = Banto::start("limits: { rate: 1, burst: 1, queue: 30s, per_user: null }\n").await;
    let mut refused = None;
    for n in 0..5 {
        let (status, wait, body) = ask(&banto, &format!("hi {n}"), &[("x-banto-within", "1ms")]).await;
        if status == 429 {
            refused = Some((wait, body));
            break;
        }
    }
    let (wait, body) = refused.expect("one was refused");
    assert_eq!(body["error"]["code"], "capacity_exceeded", "{body}");
    assert!(wait.is_some_and(|wait| wait.parse::<u64>().is_ok_and(|wait| (1..=10).contains(&wait))));
    assert!(!body["error"]["message"].as_str().unwrap_or_default().contains("too fast"), "{body}");
    // Who can wait is served.
    assert_eq!(ask(&banto, "hello", &[]).await.0, 200);
}
