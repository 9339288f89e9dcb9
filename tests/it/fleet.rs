//! Several nodes as one: identical questions on all of them are one question to the model.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use banto::{
    engine::coalesce::{Cleared, Coalesce, LeadTurn, Turn, Waits},
    store::{Shape, Store},
    tasks::Tasks,
    telemetry::registry::Registry,
};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::{
    stores::{
        contract::{LONG, entry, key},
        redis::Node,
    },
    support::redis::RedisServer,
};

/// A node's engine, as far as coalescing goes: a miss leads or follows, the leader asks, stores and hands over.
struct Engine {
    store: Arc<dyn Store>,
    coalesce: Coalesce,
    asked: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Engine {
    fn new(node: &Node, asked: &Arc<AtomicUsize>) -> Self {
        let (store, tasks) = (node.store.clone(), Tasks::default());
        let coalesce = Coalesce::new(store.clone(), Waits::default(), &Registry::default(), &tasks);
        Self { store, coalesce, asked: asked.clone(), tasks }
    }

    async fn answer(&self) -> Vec<u8> {
        let log = match self.coalesce.join(key("what is new")) {
            Turn::Follow(log) => log,
            Turn::Lead(turn) => {
                let log = turn.log();
                self.tasks.spawn(lead(turn, self.store.clone(), self.asked.clone()));
                log
            }
        };
        let (_, chunks) = tokio::time::timeout(LONG, log.whole()).await.expect("in time").expect("an answer");
        chunks.concat()
    }
}

async fn lead(turn: LeadTurn, store: Arc<dyn Store>, asked: Arc<AtomicUsize>) {
    let look = || async { store.get(&key("what is new")).await.ok().flatten() };
    let Cleared::Ask(mut turn) = turn.clear(look).await else { return };
    asked.fetch_add(1, SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let entry = entry("what is new", vec![]);
    turn.writer().push(Shape::Body, Bytes::clone(&entry.chunks[0]));
    turn.land(store.put(entry)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_identical_questions_on_two_nodes_and_one_redis_are_one_call() {
    let server = RedisServer::start(&[]);
    let (first, second) = (Node::on(&server).await, Node::on(&server).await);
    let asked = Arc::default();
    let engines = [Engine::new(&first, &asked), Engine::new(&second, &asked)];
    let answers = join_all((0..1_000).map(|n| engines[n % 2].answer())).await;
    assert!(answers.iter().all(|answer| answer == b"an answer to what is new"));
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_node_asks_once() {
    let mut server = RedisServer::start(&[]);
    let (first, second) = (Node::on(&server).await, Node::on(&server).await);
    server.kill();
    let asked = Arc::default();
    let engines = [Engine::new(&first, &asked), Engine::new(&second, &asked)];
    let answers = join_all((0..1_000).map(|n| engines[n % 2].answer())).await;
    assert!(answers.iter().all(|answer| answer == b"an answer to what is new"));
    assert_eq!(asked.load(SeqCst), 2);
}
