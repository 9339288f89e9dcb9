//! Events from outside: who is believed, what becomes void, and that nothing is lost.

mod dead_letters;
mod deliveries;
mod fleet;
#[cfg(feature = "aws")]
mod queues;
mod voids;

use serde_json::{Value, json};

use crate::support::banto::{Banto, exchange, get, post, question};

/// A price that changed, as EventBridge tells it.
pub fn price_changed(id: &str, asin: &str, title: &str) -> Value {
    json!({
        "version": "0", "id": id, "source": "com.mangaassist.catalog", "detail-type": "product.price.changed",
        "account": "123456789012", "region": "ap-northeast-1", "time": "2026-03-01T01:00:00Z", "resources": [],
        "detail": { "change_type": "price_update", "asin": asin, "title": title }
    })
}

/// The value of a series in `/metrics`; 0 when it is not there.
pub async fn metric(banto: &Banto, series: &str) -> f64 {
    let (_, text) = get(&banto.url("/metrics")).await.expect("metrics");
    let line = text.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or(0.0)
}

/// How often something came of an invalidation.
pub async fn counted(banto: &Banto, result: &str) -> f64 {
    metric(banto, &format!("banto_cache_invalidations_total{{result=\"{result}\"}}")).await
}

/// Sends an event with the operator's right; the verdict on its first.
pub async fn tell(banto: &Banto, event: &Value) -> (u16, Value) {
    let (status, body) = post(&banto.url("/v1/events"), &event.to_string()).await.expect("an answer");
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    (status, answer["events"].get(0).cloned().unwrap_or(answer))
}

/// Where the answer to a question comes from.
pub async fn source(banto: &Banto, text: &str) -> String {
    let (_, headers, body) =
        exchange("POST", &banto.url("/v1/chat/completions"), &[], &question(text)).await.expect("an answer");
    headers.get("x-banto-source").unwrap_or_else(|| panic!("no source: {body}")).to_str().expect("text").to_owned()
}

/// Asks until the answer comes from where it should.
pub async fn comes_from(banto: &Banto, text: &str, wanted: &str) {
    for _ in 0..1_000 {
        if source(banto, text).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{text} does not come from {wanted}:\n{}", banto.log());
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 20 s");
}
