//! The Redis store: two nodes on one server, and that server frozen, killed, restarted and full.

use std::{sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    dice::Dice,
    store::{
        Change, Entry, Lead, Put, Store, StoreError, Unfit,
        measured::Measured,
        redis::{Options, Redis},
    },
    tasks::Tasks,
    telemetry::{
        catalogue::{STORE_ERRORS, STORE_FAULTS, STORE_UP},
        registry::Registry,
    },
};
use bytes::Bytes;
use tokio::time::timeout;

use super::contract::{LONG, Pair, begin, entry, eventually, has, hear, key, put, tag};
use crate::support::redis::RedisServer;

/// A node on a server.
pub struct Node {
    pub store: Arc<dyn Store>,
    pub redis: Redis,
    pub registry: Registry,
    _tasks: Tasks,
}

impl Node {
    /// A node that does not mistake a busy machine for a silent server.
    pub async fn on(server: &RedisServer) -> Self {
        Self::connected(Options { silence: LONG, ..Options::at(server.url()) }).await
    }

    /// A node that notices silence as soon as it does outside of tests.
    async fn alert_on(server: &RedisServer) -> Self {
        Self::connected(Options::at(server.url())).await
    }

    pub async fn connected(options: Options) -> Self {
        let node = Self::new(options);
        node.is_back().await;
        node
    }

    pub fn new(options: Options) -> Self {
        let (tasks, registry) = (Tasks::default(), Registry::default());
        let redis = Redis::connect(options, Clock::system(), Arc::new(Dice::fair()), &registry, &tasks).expect("a URL");
        Self { store: Arc::new(redis.clone()), redis, registry, _tasks: tasks }
    }

    pub async fn is_back(&self) {
        assert!(self.redis.connected(LONG).await, "the node connects");
    }

    pub fn is_up(&self) -> bool {
        self.registry.gauge(&STORE_UP, &[]).get() == 1.0
    }

    /// How often something went wrong for this reason.
    pub fn faults(&self, reason: &str) -> u64 {
        self.registry.counter(&STORE_FAULTS, &[reason]).get()
    }

    /// Waits until the node has noticed that its server is away.
    async fn has_noticed(&self) {
        eventually("the node notices", || async {
            let _ = self.store.get(&key("q")).await;
            !self.is_up()
        })
        .await;
    }
}

/// Two nodes on a server of their own.
pub async fn pair() -> Pair {
    let server = RedisServer::start(&[]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    Pair { one: one.store.clone(), two: two.store.clone(), _keep: Box::new((one, two, server)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_documents_has_an_end() {
    let server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    node.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    put(&node.store, "q", begin(&node.store, &["title:a"]).await).await;
    node.store.lead(&key("q"), LONG).await.expect("lead");
    node.store.take("retries", 5).await.expect("take");
    let endless = "EVAL \"local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('TTL', k) < 0 and not k:find(':ledger:') then n = n + 1 end end return {n, redis.call('DBSIZE')}\" 0";
    let answer = server.say(endless);
    assert!(answer.starts_with("*2\r\n:0\r\n:5\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cap_on_entries_new_ones_are_refused() {
    let server = RedisServer::start(&[]);
    let node = Node::connected(Options { silence: LONG, entries: 100, ..Options::at(server.url()) }).await;
    for n in 0..100 {
        assert_eq!(put(&node.store, &n.to_string(), vec![]).await, Put::Stored);
    }
    assert_eq!(put(&node.store, "one more", vec![]).await, Put::Refused(Unfit::Full));
    assert_eq!(put(&node.store, "7", vec![]).await, Put::Stored, "a known one is not one more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_entries_and_goes_on_with_everything_else() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "q", before.clone()).await;
    assert!(server.say("CONFIG SET maxmemory 1mb").starts_with("+OK"));

    let large = Entry { chunks: vec![Bytes::from(vec![b'x'; 100_000])], ..(*entry("large", vec![])).clone() };
    assert_eq!(one.store.put(Arc::new(large)).await.expect("no error"), Put::Refused(Unfit::NoMemory));
    assert!(has(&two.store, "q").await, "reading goes on");
    assert!(matches!(one.store.lead(&key("q"), LONG).await, Ok(Lead::Granted(_))));
    assert!(matches!(two.store.lead(&key("q"), LONG).await, Ok(Lead::Taken)));
    one.store.invalidate(&[tag("title:a")]).await.expect("the most important write of all");
    eventually("the other node hears of it", || async { !has(&two.store, "q").await }).await;
    assert!(one.store.write_document("knobs", 0, b"turned").await.expect("write").is_some());
    assert!(one.is_up() && two.is_up(), "a full Redis is not a Redis that is away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_fails_calls_at_once_after_the_first_and_is_trusted_again() {
    let server = RedisServer::start(&[]);
    let node = Node::alert_on(&server).await;
    put(&node.store, "q", vec![]).await;
    server.freeze();
    node.has_noticed().await;
    for _ in 0..10_000 {
        // Ten thousand calls that each waited would take minutes; the test would not end.
        let answer = node.store.get(&key("q")).await;
        assert!(matches!(answer, Err(StoreError::Unreachable(_) | StoreError::Timeout(_))), "{answer:?}");
    }
    assert!(node.store.lead(&key("q"), LONG).await.is_err() && node.store.put(entry("q", vec![])).await.is_err());
    server.thaw();
    node.is_back().await;
    eventually("the entry is served again", || async { node.store.get(&key("q")).await.is_ok_and(|q| q.is_some()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_meets_a_freeze_waits_no_longer_than_it_takes_to_notice() {
    let server = RedisServer::start(&[]);
    let node = Node::alert_on(&server).await;
    server.freeze();
    let wanted = key("q");
    let answers = futures_util::future::join_all((0..100).map(|_| node.store.get(&wanted))).await;
    server.thaw();
    for answer in answers {
        match answer {
            // On a busy machine a late thread may wait a few rounds; the cap is what is promised then.
            Err(StoreError::Timeout(waited)) => assert!(waited < Duration::from_millis(600), "{waited:?}"),
            Err(StoreError::Unreachable(_)) => {}
            other => panic!("a frozen Redis answered {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_voids_what_is_held_and_reads_again_what_changed_meanwhile() {
    let mut server = RedisServer::start(&[]);
    let node = Node::on(&server).await;
    let mut changes = node.store.changes();
    put(&node.store, "q", begin(&node.store, &["title:a"]).await).await;
    server.kill();
    hear(&mut changes, |change| matches!(change, Change::Lost)).await;
    assert!(node.store.get(&key("q")).await.is_err());
    server.start_again();
    hear(&mut changes, |change| matches!(change, Change::Lost)).await;
    node.is_back().await;
    assert!(!has(&node.store, "q").await, "the new server is empty");
    assert_eq!(put(&node.store, "q", begin(&node.store, &["title:a"]).await).await, Put::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_that_redis_missed_counts_here_at_once_and_everywhere_later() {
    let server = RedisServer::start(&[]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "q", before.clone()).await;
    let mut changes = one.store.changes();
    server.freeze();
    hear(&mut changes, |change| matches!(change, Change::Lost)).await;
    assert!(one.store.invalidate(&[tag("title:a")]).await.is_err(), "other nodes do not know yet");
    server.thaw();
    one.is_back().await;
    assert!(!has(&one.store, "q").await, "this node does");
    eventually("the other node no longer serves it", || async { matches!(two.store.get(&key("q")).await, Ok(None)) })
        .await;
    assert_eq!(put(&two.store, "q", before).await, Put::Outdated);
    assert_eq!(put(&two.store, "q", begin(&two.store, &["title:a"]).await).await, Put::Stored);
    eventually("the new answer is served by both", || async { matches!(one.store.get(&key("q")).await, Ok(Some(_))) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_missed_in_a_moment_of_doubt_is_told_when_it_is_over() {
    let server = RedisServer::start(&[]);
    let (one, two) = (Node::alert_on(&server).await, Node::on(&server).await);
    put(&two.store, "q", begin(&two.store, &["title:a"]).await).await;
    server.freeze();
    one.has_noticed().await;
    let told = one.store.invalidate(&[tag("title:a")]).await;
    server.thaw();
    assert!(told.is_err(), "Redis was frozen");
    eventually("the other node no longer serves it", || async { matches!(two.store.get(&key("q")).await, Ok(None)) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_are_let_go_when_redis_dies() {
    let mut server = RedisServer::start(&[]);
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    one.store.lead(&key("q"), LONG * 10).await.expect("lead");
    let key = key("q");
    let waiting = two.store.released(&key, LONG * 10);
    let kill = async {
        tokio::task::yield_now().await;
        server.kill();
    };
    let (waited, ()) = timeout(LONG, async { tokio::join!(waiting, kill) }).await.expect("long before the lease ends");
    drop(waited);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_redis_calls_fail_at_once_and_fills_begin_all_the_same() {
    let nowhere = Node::new(Options::at("redis://127.0.0.1:1"));
    assert!(nowhere.store.get(&key("q")).await.is_err() && nowhere.store.take("retries", 20).await.is_err());
    assert!(nowhere.store.lead(&key("q"), LONG).await.is_err());
    assert_eq!(nowhere.store.generations(&[tag("title:a")]).await.expect("degrades"), [0]);
    let measured = Measured::new(nowhere.redis.clone(), &nowhere.registry);
    assert!(measured.get(&key("q")).await.is_err());
    assert_eq!(nowhere.registry.counter(&STORE_ERRORS, &["get"]).get(), 1, "and every failure is counted");
}
