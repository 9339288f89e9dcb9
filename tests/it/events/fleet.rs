//! Three nodes on one Redis: what one is told, all know.

use futures_util::future::join_all;
use serde_json::json;

use super::{comes_from, price_changed, source, tell};
use crate::{
    stores::{
        contract::{LONG, tag},
        redis::Node,
    },
    support::{banto::Banto, redis::RedisServer},
};

#[tokio::test]
async fn an_event_to_one_process_voids_the_near_caches_of_all() {
    let redis = RedisServer::start(&[]);
    let config = format!("redis: {{ url: '{}', silence: 500ms }}\nlimits: {{ per_user: null }}\n", redis.url());
    let nodes = join_all((0..3).map(|_| Banto::start(&config))).await;
    let asked = "How many volumes of Demon Slayer are there?";
    for round in 0..5 {
        for node in &nodes {
            comes_from(node, asked, "exact").await;
        }
        let event = price_changed(&format!("e-{round}"), "B0DS", "鬼滅の刃");
        let (_, told) = tell(&nodes[round % 3], &event).await;
        assert_eq!(told["outcome"], json!("applied"), "{told}");
        // The one that was told answers anew at once; the others as soon as they hear of it.
        assert_ne!(source(&nodes[round % 3], asked).await, "exact", "round {round}");
        super::until("another answer is in all caches", async || {
            let ages = join_all(nodes.iter().map(|node| source(node, asked))).await;
            ages.iter().all(|source| source == "exact")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_hears_every_invalidation_in_its_order() {
    use banto::store::Change;
    let server = RedisServer::start(&[]);
    let nodes = [Node::on(&server).await, Node::on(&server).await, Node::on(&server).await];
    let mut heard: Vec<_> = nodes.iter().map(|node| node.store.changes()).collect();
    let tags: Vec<_> = (0..500).map(|n| tag(&format!("product:b{n}"))).collect();
    for tag in &tags {
        nodes[0].store.invalidate(std::slice::from_ref(tag)).await.expect("invalidated");
    }
    for changes in &mut heard {
        let mut order = Vec::new();
        while order.len() < tags.len() {
            match tokio::time::timeout(LONG, changes.recv()).await.expect("in time").expect("a change") {
                Change::Invalidated(tags) => order.extend(tags),
                Change::Lost => panic!("changes were lost"),
                _ => {}
            }
        }
        assert_eq!(order, tags);
    }
}
