//! Several `banto serve` processes, and the loop as an operator sees it.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    banto::{Banto, exchange, get, post, question},
    redis::RedisServer,
    upstream::{Script, Step, Upstream, response},
};

const ANSWER: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"On Friday."},"finish_reason":"stop"}]}"#;

/// A model that thinks for a while and then answers, however often it is asked.
async fn thoughtful() -> Upstream {
    let answer = response("200 OK", "content-type: application/json\r\n", ANSWER);
    Upstream::start([Script::from([Step::Wait(Duration::from_millis(800)), answer])]).await
}

#[tokio::test]
async fn a_thousand_identical_questions_to_two_processes_and_one_redis_are_one_call() {
    let (redis, upstream) = (RedisServer::start(&[]), thoughtful().await);
    let config = format!(
        "redis: {{ url: '{}', silence: 500ms }}\nlimits: {{ rate: 100000, burst: 100000 }}\nmodels:\n  - {{ name: primary, kind: openai, base_url: '{}/v1', model: m }}\n",
        redis.url(),
        upstream.url("http")
    );
    let nodes = [Banto::start(&config).await, Banto::start(&config).await];
    let body = question("Is the final volume of Jujutsu Kaisen available?");
    let urls = nodes.each_ref().map(|node| node.url("/v1/chat/completions"));
    let asking = (0..1_000).map(|n| {
        let (url, body) = (urls[n % 2].clone(), body.clone());
        tokio::task::spawn(async move { exchange("POST", &url, &[], &body).await })
    });
    for answer in futures_util::future::join_all(asking).await {
        let (status, _, body) = answer.expect("no panic").expect("an answer");
        assert!(status == 200 && body.contains("On Friday."), "{status}: {body}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn when_redis_freezes_answers_go_on_and_the_cache_comes_back_with_it() {
    let redis = RedisServer::start(&[]);
    let banto = Banto::start(&format!("redis: {{ url: '{}' }}\n", redis.url())).await;
    let url = banto.url("/v1/chat/completions");
    redis.freeze();
    for n in 0..20 {
        let (status, body) =
            post(&url, &question(&format!("What happens in volume {n} of Monster?"))).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }
    redis.thaw();
    let asked = question("Who is the author of Pluto?");
    for _ in 0..200 {
        let (_, headers, _) = exchange("POST", &url, &[], &asked).await.expect("an answer");
        if headers["x-banto-source"] == "exact" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cache did not come back:\n{}", banto.log());
}

#[tokio::test]
async fn a_model_that_throttles_is_noticed_and_named_and_left_to_the_breaker_while_that_does() {
    let banto = Banto::start("limits: { per_user: null }\n").await;
    let (code, told) = banto.command(&["simulate", "primary", "throttle", "--for", "120s"]);
    assert_eq!(code, 0, "{told}");
    let url = banto.url("/v1/chat/completions");
    for n in 0..600 {
        let asking = (0..4).map(|m| {
            let (url, body) = (url.clone(), question(&format!("Please tell me about volume {n}{m} of Naruto")));
            async move { post(&url, &body).await }
        });
        for answer in futures_util::future::join_all(asking).await {
            let (status, body) = answer.expect("an answer");
            assert_eq!(status, 200, "a user saw an error: {body}");
        }
        let (_, incidents) = get(&banto.url("/api/v1/incidents")).await.expect("incidents");
        let incidents: Vec<Value> = serde_json::from_str(&incidents).expect("a list");
        let storm = incidents.iter().find(|incident| incident.to_string().contains("BackoffStorm"));
        let told = storm.map(Value::to_string).unwrap_or_default();
        if told.contains("throttling") && told.contains("set share.secondary") {
            assert!(told.contains("its condition is false"), "a step that is left out says why: {told}");
            let (_, knob) = get(&banto.url("/api/v1/knobs/share.secondary")).await.expect("a knob");
            let knob: Value = serde_json::from_str(&knob).expect("a knob");
            assert_eq!(knob["value"], "0", "the breaker sends everybody to the secondary already: {knob}");
            return;
        }
    }
    panic!("nothing was done:\n{}", banto.log());
}
