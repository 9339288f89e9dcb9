//! What cannot be applied is kept over a kill, tried again, and shown.

use serde_json::{Value, json};

use super::{comes_from, counted, metric, price_changed, source, tell, until};
use crate::support::{banto::Banto, redis::RedisServer};

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["policies", "alarms"] {
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::create_dir(folder.path().join(name)).expect("made");
        for entry in std::fs::read_dir(from).expect("shipped").flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), folder.path().join(name).join(entry.file_name())).expect("copied");
        }
    }
    // Policies name decision trees that are not needed here.
    let keep = ["intents.yaml", "language.yaml", "messages.yaml", "titles.yaml", "events.yaml"];
    for entry in std::fs::read_dir(folder.path().join("policies")).expect("copied").flatten() {
        if !keep.iter().any(|name| entry.file_name() == *name) {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    folder
}

#[tokio::test]
async fn a_renamed_detail_type_is_kept_over_a_kill_until_a_mapping_knows_it() {
    let shop = shop();
    let config = format!("files: {}\n", shop.path().display());
    let banto = Banto::start(&config).await;
    let mut renamed = price_changed("renamed", "B0DS", "Demon Slayer");
    renamed["detail-type"] = json!("product.price.updated");
    let (status, told) = tell(&banto, &renamed).await;
    assert_eq!((status, &told["outcome"]), (202, &json!("kept")), "{told}");
    assert!(told["why"].to_string().contains("no mapping knows the detail-type `product.price.updated`"), "{told}");
    assert_eq!(metric(&banto, "banto_events_dead_letters").await, 1.0);

    let banto = Banto::start_in(banto.kill(), &config).await;
    assert_eq!(metric(&banto, "banto_cache_invalidation_divergence").await, 1.0);
    let (code, listed) = banto.command(&["events", "dead-letters", "list"]);
    assert!(code == 0 && listed.contains("renamed  by http") && listed.contains("product.price.updated"), "{listed}");
    let (code, said) = banto.command(&["events", "dead-letters", "replay", "renamed"]);
    assert!(code == 1 && said.contains("renamed: kept"), "nothing has changed yet: {said}");

    let mapping = shop.path().join("policies/events.yaml");
    let text = std::fs::read_to_string(&mapping).expect("a mapping");
    std::fs::write(
        &mapping,
        text.replacen("[product.price.changed]", "[product.price.changed, product.price.updated]", 1),
    )
    .expect("written");
    let banto = Banto::start_in(banto.kill(), &config).await;
    let (_, _) = banto.command(&["events", "dead-letters", "replay", "--all"]);
    until("the letter is applied", async || metric(&banto, "banto_events_dead_letters").await == 0.0).await;
    assert_eq!(
        (counted(&banto, "applied").await, metric(&banto, "banto_cache_invalidation_divergence").await),
        (1.0, 0.0)
    );
}

#[tokio::test]
async fn what_the_store_did_not_take_is_tried_again_by_itself() {
    let mut redis = RedisServer::start(&[]);
    let banto = Banto::start(&format!("redis: {{ url: '{}' }}\n", redis.url())).await;
    redis.kill();
    until("the store is away", async || metric(&banto, "banto_store_up").await == 0.0).await;
    for n in 0..20 {
        let (status, told) = tell(&banto, &price_changed(&format!("e-{n}"), &format!("B{n}"), "Akira")).await;
        assert_eq!((status, &told["outcome"]), (202, &json!("kept")), "{told}");
    }
    assert_eq!((counted(&banto, "received").await, counted(&banto, "failed").await), (20.0, 20.0));
    assert_eq!(metric(&banto, "banto_cache_invalidation_divergence").await, 20.0);
    redis.start_again();
    until("all are applied", async || counted(&banto, "applied").await == 20.0).await;
    assert_eq!(metric(&banto, "banto_events_dead_letters").await, 0.0);
    assert_eq!(metric(&banto, "banto_cache_invalidation_divergence").await, 0.0);
    let (_, told) = tell(&banto, &price_changed("e-3", "B3", "Akira")).await;
    assert_eq!(told["outcome"], "duplicate");
}

#[tokio::test]
async fn an_event_without_what_its_tags_need_applies_what_it_can_and_is_kept() {
    let banto = Banto::start("").await;
    let asked = "How many volumes of Demon Slayer are there?";
    comes_from(&banto, asked, "exact").await;
    let mut event = price_changed("no-asin", "x", "Demon Slayer");
    event["detail"] = json!({ "title": "Demon Slayer", "product_id": "B0DS" });
    let (_, told) = tell(&banto, &event).await;
    assert_eq!((&told["outcome"], &told["tags"]), (&json!("kept"), &json!(["title:demon slayer"])), "{told}");
    assert!(told["why"].to_string().contains("needs `$.detail.asin`"), "{told}");
    assert_ne!(source(&banto, asked).await, "exact");
    let (code, said) = banto.command(&["events", "dead-letters", "drop", "no-such"]);
    assert!(code == 1 && said.contains("no dead letter is called `no-such`"), "{said}");
    let (code, said) = banto.command(&["events", "dead-letters", "drop", "--all"]);
    assert!(code == 0 && said.contains("1 dropped"), "{said}");
    assert_eq!(metric(&banto, "banto_cache_invalidation_divergence").await, 0.0);
}

#[tokio::test]
async fn a_full_store_refuses_and_the_sender_keeps_what_it_sent() {
    let banto = Banto::start("events: { dead_letters: { most: 2 } }\n").await;
    let renamed = |id: &str| {
        let mut event = price_changed(id, "B1", "Akira");
        event["detail-type"] = json!("unheard.of");
        event
    };
    assert_eq!([tell(&banto, &renamed("a")).await.0, tell(&banto, &renamed("b")).await.0], [202, 202]);
    let (status, told) = tell(&banto, &renamed("c")).await;
    assert_eq!(status, 503, "{told}");
    assert!(told["error"]["message"].to_string().contains("the dead-letter store is full (2 events wait)"), "{told}");
    let fine: Value = tell(&banto, &price_changed("d", "B1", "Akira")).await.1;
    assert_eq!(fine["outcome"], "applied", "what can be applied does not need room");
}
