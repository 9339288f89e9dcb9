//! What an entry costs in Redis, and how soon a node serves from a Redis that is full of them.

use std::sync::Arc;

use banto::store::Entry;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{
    contract::{begin, entry, has, key},
    redis::Node,
};
use crate::support::redis::RedisServer;

const ENTRIES: usize = 20_000;

/// What Redis says of itself.
fn info(server: &RedisServer, field: &str) -> f64 {
    let info = server.say("INFO all");
    let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::to_owned);
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {field}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_costs_at_most_four_hundred_bytes_beside_its_own() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let tags = begin(&node.store, &["title:a"]).await;
    let answer = Bytes::from("An answer of ordinary length, as a shop's assistant gives it. ".repeat(12));
    let before = info(&server, "used_memory");
    let put = |n: usize| {
        let intent = ["faq", "product_info", "shipping_info", "pricing"][n % 4];
        let about = entry(&format!("question number {n}"), tags.clone());
        let filled = Entry { intent: intent.into(), chunks: vec![answer.clone()], ..(*about).clone() };
        let store = node.store.clone();
        async move { store.put(Arc::new(filled)).await.expect("put") }
    };
    stream::iter(0..ENTRIES).map(put).buffer_unordered(64).for_each(|_| async {}).await;
    let used = (info(&server, "used_memory") - before) / ENTRIES as f64;
    let sum = "EVAL \"local n, k, c = 0, {}, '0' repeat local r = redis.call('SCAN', c, 'MATCH', '*:e:*', 'COUNT', 1000) c = r[1] for _, e in ipairs(r[2]) do n = n + redis.call('STRLEN', e) end until c == '0' return n\" 0";
    let sum: u64 = server.say(sum).lines().next().expect("a number").trim_start_matches(':').parse().expect("bytes");
    let stored = sum as f64 / ENTRIES as f64;
    println!("an entry of {stored:.0} bytes takes {used:.0}: {:.0} more", used - stored);
    assert!(used - stored <= 400.0, "{:.0} bytes beside the {stored:.0} of an entry", used - stored);

    let usage = node.store.usage().await.expect("usage");
    assert_eq!(usage.entries, ENTRIES as u64);
    let bytes: u64 = usage.bytes.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!((usage.bytes.len(), bytes), (4, sum), "counted to the byte, by intent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_from_a_full_redis_before_it_has_gone_through_it() {
    let server = RedisServer::start(&[]);
    let first = Node::on(&server).await;
    first.store.put(entry("q", vec![])).await.expect("put");
    // Other people's keys and our own: a survey must pass them all, in small steps.
    let fill = "EVAL \"for i = 1, 300000 do redis.call('SET', 'other:' .. i, i) end return 'done'\" 0";
    assert!(server.say(fill).starts_with("$4"));
    let second = Node::on(&server).await;
    assert!(has(&second.store, "q").await, "before any page was read");
    let (mut cursor, mut pages, mut seen) = (None, 0, 0);
    loop {
        let (entries, next) = second.store.page(cursor, 256).await.expect("page");
        (pages, seen, cursor) = (pages + 1, seen + entries.len(), next);
        if cursor.is_none() {
            break;
        }
    }
    assert!(seen == 1 && pages > 100, "{seen} entries in {pages} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entries_are_is_told_without_their_answers_crossing_the_network() {
    const LARGE: usize = 100_000;
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let named = |n: usize| format!("question number {n}");
    for n in 0..300 {
        let filled = Entry { chunks: vec![vec![b'x'; LARGE].into()], ..(*entry(&named(n), vec![])).clone() };
        node.store.put(Arc::new(filled)).await.expect("put");
    }
    let keys: Vec<_> = (0..300).map(|n| key(&named(n))).collect();
    let sent = || info(&server, "total_net_output_bytes");
    let before = sent();
    let about = node.store.about(&keys).await.expect("an answer");
    let each = (sent() - before) / 300.0;
    println!("{each:.0} bytes for each entry of {LARGE}");
    assert!(about.iter().zip(&keys).all(|(about, key)| about.as_ref().is_some_and(|about| about.key == *key)));
    assert!(about.iter().flatten().all(|about| about.bytes > LARGE as u64));
    assert!(each < 400.0, "{each:.0} bytes for each, with the look at the traffic itself");
}
