use bytes::Bytes;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::{
    clock::{Clock, Timestamp},
    engine::model::failure::{Class, Failure},
    store::{
        Entry, Lead, Shape,
        embedded::{Embedded, Limits},
    },
};

/// Nodes on one store, and models that count how often they are asked.
struct Fleet {
    store: Arc<dyn Store>,
    tasks: Tasks,
    registry: Arc<Registry>,
    asked: Arc<AtomicUsize>,
}

fn key() -> Digest {
    Digest::of([b"what is new".as_slice()])
}

fn entry() -> Arc<Entry> {
    Arc::new(Entry {
        key: key(),
        tenant: "shop".into(),
        intent: "faq".into(),
        entities: vec![],
        question: "what is new".into(),
        frame: None,
        shape: Shape::Body,
        chunks: vec![Bytes::from_static(b"volume 12")],
        model: "primary".into(),
        stored_at: Timestamp(0),
        fresh_until: Timestamp(i64::MAX),
        keep_until: Timestamp(i64::MAX),
        tags: vec![],
    })
}

impl Fleet {
    fn new() -> Self {
        let store = Embedded::in_memory(Limits::default(), Clock::starting_at(Timestamp(0)));
        Self { store: Arc::new(store), tasks: Tasks::default(), registry: Arc::default(), asked: Arc::default() }
    }

    fn node(&self) -> Coalesce {
        Coalesce::new(self.store.clone(), Waits::default(), &self.registry, &self.tasks)
    }

    /// One request from its miss to its answer, with a leader that runs beside it, as the engine does it.
    async fn request(
        &self,
        node: &Coalesce,
        model: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) -> String {
        let log = match node.join(key()) {
            Turn::Follow(log) => log,
            Turn::Lead(turn) => {
                let log = turn.log();
                self.tasks.spawn(lead(turn, self.store.clone(), self.asked.clone(), model));
                log
            }
        };
        match log.whole().await {
            Ok((_, chunks)) => String::from_utf8_lossy(&chunks.concat()).into_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    fn count(&self, metric: &'static crate::telemetry::catalogue::Metric) -> u64 {
        self.registry.counter(metric, &[]).get()
    }
}

async fn lead(
    turn: LeadTurn,
    store: Arc<dyn Store>,
    asked: Arc<AtomicUsize>,
    model: impl Future<Output = Result<(), Failure>>,
) {
    let look = || async { store.get(&key()).await.ok().flatten() };
    let Cleared::Ask(mut turn) = turn.clear(look).await else { return };
    asked.fetch_add(1, SeqCst);
    match model.await {
        Ok(()) => {
            turn.writer().push(Shape::Body, Bytes::from_static(b"volume 12"));
            turn.land(store.put(entry())).await;
        }
        Err(failure) => turn.fail(failure).await,
    }
}

async fn slow() -> Result<(), Failure> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(())
}

async fn broken() -> Result<(), Failure> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Err(Failure::new(Class::Server, "out of order"))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_identical_requests_on_two_nodes_are_one_question() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.node(), fleet.node());
    let requests = (0..1_000).map(|n| fleet.request(if n % 2 == 0 { &one } else { &two }, slow()));
    let answers = join_all(requests).await;
    assert!(answers.iter().all(|answer| answer == "volume 12"));
    assert_eq!(fleet.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_missed_before_the_answer_was_stored_and_joins_after_does_not_ask_again() {
    let fleet = Fleet::new();
    let node = fleet.node();
    fleet.request(&node, slow()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fleet.request(&node, slow()).await, "volume 12");
    assert_eq!(fleet.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_slower_than_its_lease_keeps_it() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.node(), fleet.node());
    let (first, second) = tokio::join!(fleet.request(&one, slow()), fleet.request(&two, slow()));
    assert_eq!((first, second), ("volume 12".into(), "volume 12".into()));
    assert_eq!((fleet.asked(), fleet.count(&LEADERS_REPLACED)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_dropped_fails_its_followers_and_the_next_request_leads() {
    let fleet = Fleet::new();
    let node = fleet.node();
    let Turn::Lead(turn) = node.join(key()) else { panic!("nobody is under way") };
    let Turn::Follow(log) = node.join(key()) else { panic!("one is under way") };
    drop(turn);
    assert_eq!(log.whole().await.expect_err("no answer").class, Class::Cut);
    assert_eq!(fleet.request(&node, slow()).await, "volume 12");
}

#[tokio::test(start_paused = true)]
async fn a_leader_elsewhere_that_dies_costs_its_waiters_one_lease() {
    let fleet = Fleet::new();
    let dead = fleet.store.lead(&key(), Waits::default().lease).await;
    assert!(matches!(dead, Ok(Lead::Granted(_))));
    let began = tokio::time::Instant::now();
    let quick = async { Ok(()) };
    assert_eq!(fleet.request(&fleet.node(), quick).await, "volume 12");
    assert!(began.elapsed() <= Waits::default().lease + Duration::from_millis(1));
    assert_eq!(fleet.count(&LEADERS_REPLACED), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_waiters_of_other_nodes_try_one_at_a_time() {
    let fleet = Fleet::new();
    let nodes = [fleet.node(), fleet.node(), fleet.node()];
    let (first, second, third) = tokio::join!(
        fleet.request(&nodes[0], broken()),
        fleet.request(&nodes[1], slow()),
        fleet.request(&nodes[2], slow())
    );
    assert_eq!(first, "server: out of order");
    assert_eq!((second.as_str(), third.as_str()), ("volume 12", "volume 12"));
    assert_eq!(fleet.asked(), 2, "the one that failed and one more");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_patience_ends_asks_once_for_all_its_followers() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.node(), fleet.node());
    let stuck = fleet.request(&one, std::future::pending());
    let waiting = join_all((0..100).map(|_| fleet.request(&two, slow())));
    let answers = tokio::select! {
        biased;
        _ = stuck => panic!("it is stuck"),
        answers = waiting => answers,
    };
    assert!(answers.iter().all(|answer| answer == "volume 12"));
    assert_eq!((fleet.asked(), fleet.count(&WAIT_TIMEOUTS)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn of_all_followers_of_a_stuck_leader_one_asks_anew() {
    let fleet = Fleet::new();
    let node = fleet.node();
    let Turn::Lead(_stuck) = node.join(key()) else { panic!("nobody is under way") };
    let followers = (0..100).map(|_| match node.join(key()) {
        Turn::Follow(log) => log,
        Turn::Lead(_) => panic!("one is under way"),
    });
    let followers: Vec<_> = followers.collect();
    let anew = followers.iter().filter(|log| match node.overdue(key(), log) {
        Turn::Lead(turn) => {
            std::mem::forget(turn);
            true
        }
        Turn::Follow(_) => false,
    });
    assert_eq!(anew.count(), 1);
    assert_eq!((fleet.count(&WAIT_TIMEOUTS), fleet.count(&LEADERS_REPLACED)), (100, 1));
}

#[tokio::test(start_paused = true)]
async fn gauges_show_the_most_wanted_answer_and_nothing_is_left_behind() {
    let fleet = Fleet::new();
    let node = fleet.node();
    let Turn::Lead(turn) = node.join(key()) else { panic!("nobody is under way") };
    let _followers: Vec<_> = (0..9).map(|_| node.join(key())).collect();
    let _other = node.join(Digest::of([b"another".as_slice()]));
    let gauges = || (fleet.registry.gauge(&IDENTICAL, &[]).get(), fleet.registry.gauge(&WAITERS, &[]).get());
    assert_eq!(gauges(), (10.0, 9.0));
    turn.fail(Failure::new(Class::Server, "out of order")).await;
    assert_eq!(gauges(), (1.0, 0.0));
    drop(_other);
    assert_eq!(gauges(), (0.0, 0.0));
}
