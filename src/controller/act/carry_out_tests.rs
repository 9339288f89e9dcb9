//! Dying on any line, and what the next life makes of it.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU32, Ordering::SeqCst},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::*;
use crate::controller::{
    act::journal::Changes,
    actuator::Replay,
    alarm::Severity,
    decide::episode::{Episode, Phase},
    lease::Alone,
};

/// A thing with a value and a version, a journal beside it, and a process that dies after so many steps.
struct World {
    journal: Journal,
    thing: Mutex<(String, u64)>,
    sets: AtomicU32,
    steps: AtomicI64,
    died: Notify,
    lost_answers: AtomicU32,
    replay: Replay,
}

/// The part of the world that an actuator sees.
struct Hand(std::sync::Arc<World>);

impl World {
    fn new(replay: Replay) -> std::sync::Arc<Self> {
        let world = Self {
            journal: Journal::in_memory().expect("a journal in memory"),
            thing: Mutex::new(("10".into(), 7)),
            sets: AtomicU32::new(0),
            steps: AtomicI64::new(i64::MAX),
            died: Notify::new(),
            lost_answers: AtomicU32::new(0),
            replay,
        };
        let mut episode = Episode::begin(&"grow".into(), "incident", 1, Phase::Acting, Timestamp(0));
        episode.order = Some(order());
        world.journal.write(&Changes { episodes: vec![episode], ..Changes::default() }).expect("written");
        world.into()
    }

    /// `true` when this step is the last of this life.
    fn last_step(&self) -> bool {
        self.steps.fetch_sub(1, SeqCst) <= 0
    }

    async fn die(&self) {
        self.died.notify_one();
        std::future::pending().await
    }

    /// One life: from what the journal says, until the order is final or the process dies.
    async fn live(self: &std::sync::Arc<Self>, steps: i64, now: Timestamp) -> Order {
        self.steps.store(steps, SeqCst);
        let hands = Hands::default().with("knob", std::sync::Arc::new(Hand(self.clone())));
        let mut order = self.journal.order("order").expect("readable").expect("written with its episode");
        tokio::select! {
            biased;
            _ = carry_out(&mut order, &**self, &hands, &Alone, now) => {}
            () = self.died.notified() => {}
        }
        self.journal.order("order").expect("readable").expect("still there")
    }
}

impl Log for World {
    fn record(&self, order: &Order) -> Result<(), JournalError> {
        let dead = || JournalError::Io(rusqlite::Error::QueryReturnedNoRows);
        if self.last_step() {
            return Err(dead()); // before it was written
        }
        self.journal.record(order)?;
        if self.last_step() { Err(dead()) } else { Ok(()) } // after it was written
    }
}

#[async_trait]
impl Actuator for Hand {
    async fn observe(&self, _: &str) -> Result<Observed, ActError> {
        if self.0.last_step() {
            self.0.die().await;
        }
        let (value, version) = self.0.thing.lock().expect("not poisoned").clone();
        Ok(Observed { value, version: Some(version) })
    }

    async fn set(&self, _: &str, to: &str, expected: &Observed, _: &Stamp) -> Result<(), ActError> {
        if self.0.last_step() {
            self.0.die().await; // before the effect
        }
        {
            let mut thing = self.0.thing.lock().expect("not poisoned");
            if Some(thing.1) != expected.version {
                return Err(ActError::Moved { target: "t".into(), found: thing.0.clone(), expected: "10".into() });
            }
            *thing = (to.to_owned(), thing.1 + 1);
        }
        self.0.sets.fetch_add(1, SeqCst);
        if self.0.last_step() {
            self.0.die().await; // after the effect, before the answer
        }
        if self.0.lost_answers.load(SeqCst) > 0 {
            self.0.lost_answers.fetch_sub(1, SeqCst);
            return Err(ActError::Unsure("the answer was lost".into()));
        }
        Ok(())
    }

    fn replay(&self) -> Replay {
        self.0.replay
    }
}

fn order() -> Order {
    Order {
        id: "order".into(),
        episode: "grow@1970-01-01T00:00:00Z".into(),
        incident: "incident".into(),
        policy: "grow".into(),
        severity: Severity::P2,
        purpose: Purpose::Apply,
        step: 0,
        kind: "knob".into(),
        target: "pool.primary".into(),
        to: "25".into(),
        expect: Some(Observed { value: "10".into(), version: Some(7) }),
        from: None,
        not_before: Timestamp(0),
        expires: None,
        reason: "a test".into(),
        status: Status::Planned,
        attempts: 0,
        error: None,
        written: Timestamp(0),
    }
}

#[tokio::test(start_paused = true)]
async fn dying_at_any_step_leaves_the_change_made_exactly_once() {
    for steps in 0..20 {
        let world = World::new(Replay::LookFirst);
        world.live(steps, Timestamp(0)).await;
        let order = world.live(i64::MAX, Timestamp(60_000)).await;
        let (value, version) = world.thing.lock().expect("not poisoned").clone();
        let seen = (value.as_str(), version, world.sets.load(SeqCst), order.status);
        assert_eq!(seen, ("25", 8, 1, Status::Done), "died after {steps} steps");
        assert_eq!(order.from.as_deref(), Some("10"), "what to return to is known, died after {steps} steps");
    }
}

#[tokio::test(start_paused = true)]
async fn dying_in_two_lives_in_a_row_is_no_worse() {
    for first in 0..12 {
        for second in 0..12 {
            let world = World::new(Replay::LookFirst);
            world.live(first, Timestamp(0)).await;
            world.live(second, Timestamp(60_000)).await;
            let order = world.live(i64::MAX, Timestamp(120_000)).await;
            let seen = (world.sets.load(SeqCst), order.status);
            assert_eq!(seen, (1, Status::Done), "died after {first}, then {second} steps");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_never_be_repeated_is_left_to_a_person_when_nobody_knows_whether_it_happened() {
    let world = World::new(Replay::Never);
    world.live(3, Timestamp(0)).await; // dies in the call
    let order = world.live(i64::MAX, Timestamp(60_000)).await;
    assert_eq!((order.status, world.sets.load(SeqCst)), (Status::Failed, 0));
    assert!(order.error.is_some_and(|error| error.contains("a person must look")));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_looked_for_later_not_repeated() {
    let world = World::new(Replay::LookFirst);
    world.lost_answers.store(1, SeqCst);
    let unsure = world.live(i64::MAX, Timestamp(0)).await;
    assert_eq!((unsure.status, unsure.not_before), (Status::Unknown, Timestamp(1_000)));
    assert_eq!(world.live(i64::MAX, Timestamp(500)).await.status, Status::Unknown, "not before its time");
    let seen = world.live(i64::MAX, Timestamp(1_000)).await;
    assert_eq!((seen.status, world.sets.load(SeqCst)), (Status::Done, 1));
}

#[tokio::test(start_paused = true)]
async fn a_thing_that_moved_since_the_plan_is_left_alone() {
    let world = World::new(Replay::LookFirst);
    *world.thing.lock().expect("not poisoned") = ("12".into(), 8);
    let order = world.live(i64::MAX, Timestamp(0)).await;
    assert_eq!((order.status, world.sets.load(SeqCst)), (Status::Failed, 0));
    assert!(order.error.is_some_and(|error| error.contains("somebody else changes it")));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_lost_its_lease_touches_nothing() {
    struct Lost;
    #[async_trait]
    impl Fence for Lost {
        async fn holds(&self) -> bool {
            false
        }
    }
    let world = World::new(Replay::LookFirst);
    let hands = Hands::default().with("knob", std::sync::Arc::new(Hand(world.clone())));
    let mut order = order();
    let stopped = carry_out(&mut order, &*world, &hands, &Lost, Timestamp(0)).await;
    assert!(matches!(stopped, Err(Interrupted::NotOurs)));
    assert_eq!((order.status, world.sets.load(SeqCst)), (Status::Planned, 0));
}
