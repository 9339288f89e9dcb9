//! What stands in Redis is spoilt, foreign, huge or of another version, and Redis itself is not itself: each is a miss with
//! a reason, never a wrong answer.

use std::sync::Arc;

use banto::store::{Change, Entry, Put, StoreError};
use bytes::Bytes;

use super::{
    contract::{begin, entry, eventually, has, hear, key, put, tag},
    redis::Node,
};
use crate::support::redis::RedisServer;

/// Does something to the key of every entry, as `k`.
fn to_entries(server: &RedisServer, what: &str) {
    let answer =
        server.say(&format!("EVAL \"for _, k in ipairs(redis.call('KEYS', '*:e:*')) do {what} end return 'done'\" 0"));
    assert!(answer.starts_with("$4"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_not_ours_is_a_miss_with_a_reason() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let damages = [
        ("other_form", "redis.call('SETRANGE', k, 0, string.char(1))"),
        ("spoilt", "redis.call('SETRANGE', k, 2 + string.byte(redis.call('GETRANGE', k, 1, 1)), 'zzzz')"),
        ("spoilt", "redis.call('SET', k, string.sub(redis.call('GET', k), 1, 30))"),
        ("too_long", "redis.call('SETRANGE', k, 50000000, 'z')"),
        ("wrong_type", "redis.call('DEL', k) redis.call('LPUSH', k, 'z')"),
    ];
    for (reason, damage) in damages {
        assert_eq!(put(&node.store, "q", vec![]).await, Put::Stored, "whatever stood there is written over");
        assert!(has(&node.store, "q").await);
        let before = node.faults(reason);
        to_entries(&server, damage);
        assert!(!matches!(node.store.get(&key("q")).await, Ok(Some(_))), "{reason}");
        assert_eq!(node.faults(reason), before + 1, "{reason}");
        assert_eq!(node.store.page(None, 10).await.ok().map_or(0, |page| page.0.len()), 0);
    }
    assert!(node.is_up(), "none of this is a Redis that is away");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_pass_over_a_value_that_is_not_ours_and_tell_of_the_others() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let only = |what: &str| {
        format!("if redis.call('TYPE', k).ok == 'string' and #redis.call('GET', k) > 5000 then {what} end")
    };
    let large = || Entry { chunks: vec![Bytes::from(vec![b'x'; 6_000])], ..(*entry("large", vec![])).clone() };
    let damages = [
        ("other_form", "redis.call('SETRANGE', k, 0, string.char(2))"),
        ("spoilt", "redis.call('SETRANGE', k, 2, 'zzzz')"),
        ("spoilt", "redis.call('SET', k, string.sub(redis.call('GET', k), 1, 5500))"),
        ("spoilt", "redis.call('SET', k, string.sub(redis.call('GET', k), 1, 30) .. string.rep(' ', 6000))"),
        ("too_long", "redis.call('SETRANGE', k, 50000000, 'z')"),
        ("wrong_type", "redis.call('DEL', k) redis.call('LPUSH', k, 'z')"),
    ];
    put(&node.store, "fine", vec![]).await;
    for (reason, damage) in damages {
        node.store.put(Arc::new(large())).await.expect("put");
        let (both, _) = node.store.ledger(None, 100).await.expect("a list");
        assert_eq!(both.len(), 2, "before it is {reason}");
        let before = node.faults(reason);
        to_entries(&server, &only(damage));
        let (listed, _) = node.store.ledger(None, 100).await.expect("a list all the same");
        assert_eq!(listed.iter().map(|about| about.key).collect::<Vec<_>>(), [key("fine")], "{reason}");
        let about = node.store.about(&[key("large"), key("fine")]).await.expect("an answer");
        assert!(about[0].is_none() && about[1].is_some(), "{reason}");
        assert_eq!(node.faults(reason), before + 2, "{reason}, and seen twice");
    }
}

/// An entry as the build before this one wrote it stands under a key: it is counted where that build counted it.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_form_before_leaves_the_ledger_when_it_is_written_over_or_removed() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let entries = async || node.store.usage().await.expect("usage").entries;
    for leaves in ["written over", "removed"] {
        put(&node.store, "q", vec![]).await;
        to_entries(&server, "redis.call('SETRANGE', k, 0, string.char(2))");
        assert_eq!(entries().await, 1);
        if leaves == "removed" {
            assert_eq!(node.store.remove(&[key("q")]).await.expect("removed"), 1);
            assert_eq!(entries().await, 0, "{leaves}");
        } else {
            put(&node.store, "q", vec![]).await;
            assert_eq!(entries().await, 1, "{leaves}, and counted once");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_another_question_is_never_served() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    put(&node.store, "a", vec![]).await;
    put(&node.store, "b", vec![]).await;
    let swap = "local all = redis.call('KEYS', '*:e:*') local v = redis.call('GET', all[1]) \
                redis.call('SET', all[1], redis.call('GET', all[2])) redis.call('SET', all[2], v)";
    assert!(server.say(&format!("EVAL \"{swap} return 'done'\" 0")).starts_with("$4"));
    assert!(!has(&node.store, "a").await && !has(&node.store, "b").await);
    assert_eq!(node.faults("foreign"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_that_redis_evicted_void_every_entry_from_before() {
    let server = RedisServer::start(&[]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "q", before.clone()).await;
    two.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    put(&one.store, "kept", begin(&one.store, &["title:b"]).await).await;
    let evict =
        "EVAL \"for _, k in ipairs(redis.call('KEYS', '*:ledger:tags')) do redis.call('DEL', k) end return 'done'\" 0";
    assert!(server.say(evict).starts_with("$4"));
    let fresh = Node::on(&server).await;
    assert!(!has(&fresh.store, "q").await && !has(&fresh.store, "kept").await, "nobody can tell any more");
    assert_eq!(put(&fresh.store, "q", before).await, Put::Outdated);
    assert_eq!(put(&fresh.store, "q", begin(&fresh.store, &["title:a"]).await).await, Put::Stored);
    assert!(has(&fresh.store, "q").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_became_a_replica_is_left_and_taken_back() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    put(&node.store, "q", vec![]).await;
    assert!(server.say("REPLICAOF 127.0.0.1 1").starts_with("+OK"));
    let written = node.store.put(entry("q", vec![])).await;
    assert!(matches!(written, Err(StoreError::Unreachable(_))), "{written:?}");
    assert!(node.faults("read_only") + node.faults("loading") > 0);
    eventually("it is left", || async { !node.is_up() }).await;
    eventually("the operator is told", || async {
        node.redis.trouble().is_some_and(|why| why.contains("it is a replica"))
    })
    .await;
    assert!(server.say("REPLICAOF NO ONE").starts_with("+OK"));
    node.is_back().await;
    assert!(has(&node.store, "q").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_loads_its_data_is_waited_for_without_a_delay_for_anybody() {
    let slow = ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"];
    let mut server = RedisServer::start(&slow);
    let node = Node::on(&server).await;
    put(&node.store, "q", vec![]).await;
    let fill = "EVAL \"for i = 1, 5000 do redis.call('SET', 'other:' .. i, string.rep('x', 50)) end return 'done'\" 0";
    assert!(server.say(fill).starts_with("$4") && server.say("SAVE").starts_with("+OK"));
    server.kill();
    server.start_again();
    assert!(server.say("PING").starts_with("-LOADING"), "it loads for some seconds");
    for _ in 0..1_000 {
        assert!(node.store.get(&key("q")).await.is_err());
    }
    node.is_back().await;
    assert!(has(&node.store, "q").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_warm_and_one_that_breaks_takes_nobody_with_it() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    put(&node.store, "q", vec![]).await;
    let connected = || {
        let clients = server.say("INFO clients");
        let line = clients.lines().find_map(|line| line.strip_prefix("connected_clients:")).map(str::trim);
        line.and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
    };
    // Ten and the ear, and the one that asks.
    eventually("ten are warm", || async { connected() == 12 }).await;
    let mut changes = node.store.changes();
    let ear = server.say("CLIENT LIST TYPE pubsub");
    let ear = ear.split("id=").nth(1).and_then(|rest| rest.split(' ').next()).expect("an ear").to_owned();
    let normal = server.say("CLIENT LIST TYPE normal");
    let ids = normal.split("id=").skip(1).filter_map(|rest| rest.split(' ').next()).filter(|id| *id != ear);
    for id in ids.take(10) {
        server.say(&format!("CLIENT KILL ID {id}"));
    }
    eventually("they are warm again", || async { connected() == 12 }).await;
    eventually("and serve", || async { node.store.get(&key("q")).await.is_ok_and(|q| q.is_some()) }).await;
    assert!(changes.try_recv().is_err(), "the ear stood: nothing was missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ear_that_breaks_voids_what_was_held_although_calls_go_on() {
    let server = RedisServer::start(&[]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    put(&one.store, "q", begin(&one.store, &["title:a"]).await).await;
    assert!(has(&two.store, "q").await);
    let mut changes = two.store.changes();
    let kill = "CLIENT KILL TYPE pubsub";
    server.say(kill);
    hear(&mut changes, |change| matches!(change, Change::Lost)).await;
    one.is_back().await;
    two.is_back().await;
    one.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    eventually("the new ear hears", || async { !has(&two.store, "q").await }).await;
}
