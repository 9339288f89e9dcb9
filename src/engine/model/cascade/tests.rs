use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Timestamp,
    engine::{
        answer_log::AnswerLog,
        model::{
            simulated::{
                Simulated, Simulation,
                profile::{Fault, FaultKind, Profile},
            },
            testing::asked,
        },
    },
    knob::{
        board::Change,
        catalogue::{Catalogue, EngineDefaults, ModelDefaults},
        value::Value,
    },
    store::embedded::{Embedded, Limits},
    units::Ratio,
};

/// A primary and a secondary that are simulated, and everything around them.
struct Shop {
    cascade: Cascade,
    primary: Arc<Simulation>,
    secondary: Arc<Simulation>,
    board: Arc<Board>,
    metrics: Registry,
}

impl Shop {
    fn open(retries: u64) -> Self {
        Self::fleet(1, retries).remove(0)
    }

    /// Nodes that share a store and have the same models.
    fn fleet(nodes: usize, retries: u64) -> Vec<Self> {
        let (dice, clock) = (Arc::new(Dice::seeded(11)), Clock::starting_at(Timestamp(0)));
        let simulation = || Arc::new(Simulation::new(Profile::default(), dice.clone()));
        let (primary, secondary) = (simulation(), simulation());
        let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
        let node = |_| Self::node(retries, &primary, &secondary, store.clone(), dice.clone(), clock);
        (0..nodes).map(node).collect()
    }

    fn node(
        retries: u64,
        primary: &Arc<Simulation>,
        secondary: &Arc<Simulation>,
        store: Arc<Embedded>,
        dice: Arc<Dice>,
        clock: Clock,
    ) -> Self {
        let metrics = Registry::default();
        let model = |name: &str, simulation: &Arc<Simulation>| {
            let kind = Arc::new(Simulated::new(name, simulation.clone(), clock));
            ConfiguredModel::new(name, kind)
        };
        let models = vec![model("primary", primary), model("secondary", secondary)];
        let defaults = |model: &ConfiguredModel| ModelDefaults { model: model.name.clone(), pool_size: 10 };
        let engine = EngineDefaults { retry_attempts: retries, ..EngineDefaults::default() };
        let defaults: Vec<_> = models.iter().map(defaults).collect();
        let board = Arc::new(Board::new(Catalogue::new(&engine, &[], &defaults)));
        let cascade = Cascade::new(models, &metrics, board.clone(), store, dice, clock);
        Self { cascade, primary: primary.clone(), secondary: secondary.clone(), board, metrics }
    }

    async fn ask(&self) -> Result<Filled, Failure> {
        let (mut writer, _log) = AnswerLog::open();
        self.cascade.fill(&asked("?"), &mut writer, Instant::now() + Duration::from_secs(30)).await
    }

    fn turn(&self, knob: &str, to: Value) {
        let change = Change {
            knob: knob.into(),
            to,
            expect: None,
            author: "test".into(),
            reason: "a test".into(),
            incident: None,
            expires: None,
        };
        self.board.set(change, Timestamp(0)).expect("within bounds");
    }

    fn attempts(&self, model: &str) -> u64 {
        self.metrics.counter(&catalogue::ATTEMPTS, &[model]).get()
    }

    fn refused(&self, reason: Refused) -> u64 {
        self.metrics.counter(&catalogue::RETRIES_REFUSED, &[reason.label()]).get()
    }
}

#[tokio::test(start_paused = true)]
async fn the_primary_answers_while_it_can() {
    let shop = Shop::open(2);
    let filled = shop.ask().await.expect("an answer");
    assert_eq!((filled.model, filled.is_primary, filled.attempts), ("primary".into(), true, 1));
    assert!(filled.usage.is_some_and(|usage| usage.completion > 0));
}

#[tokio::test(start_paused = true)]
async fn the_secondary_answers_when_the_primary_is_down() {
    let shop = Shop::open(2);
    shop.primary.strike(Fault::outage(FaultKind::ServerError));
    let filled = shop.ask().await.expect("an answer");
    assert_eq!((filled.model, filled.is_primary, filled.attempts), ("secondary".into(), false, 3));
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_of_a_minute_fifteen_requests_send_at_most_four_attempts_to_the_primary() {
    let shop = Shop::open(2);
    shop.primary.strike(Fault::outage(FaultKind::ServerError));
    for _ in 0..15 {
        let next = Instant::now() + Duration::from_secs(4);
        assert!(shop.ask().await.is_ok());
        tokio::time::sleep_until(next).await;
    }
    assert!(shop.attempts("primary") <= 4, "{} attempts", shop.attempts("primary"));
    shop.primary.heal();
    tokio::time::sleep(Duration::from_secs(36)).await;
    assert!(shop.ask().await.expect("an answer").is_primary, "it comes back by itself");
}

#[tokio::test(start_paused = true)]
async fn of_many_nodes_one_probes_a_model_that_is_down_and_all_come_back_to_it() {
    let fleet = Shop::fleet(10, 0);
    let attempts = || fleet.iter().map(|shop| shop.attempts("primary")).sum::<u64>();
    let everybody_asks = || async {
        for shop in &fleet {
            assert!(shop.ask().await.is_ok());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    fleet[0].primary.strike(Fault::outage(FaultKind::ServerError));
    for _ in 0..2 {
        everybody_asks().await;
    }
    let until_open = attempts();
    let noticed = Instant::now();
    while noticed.elapsed() < Duration::from_secs(60) {
        everybody_asks().await;
    }
    let probes = attempts() - until_open;
    assert!((1..=5).contains(&probes), "{probes} probes of ten nodes in a minute");
    fleet[0].primary.heal();
    tokio::time::sleep(Duration::from_secs(40)).await;
    for _ in 0..5 {
        everybody_asks().await;
    }
    for shop in &fleet {
        assert!(shop.ask().await.expect("an answer").is_primary);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_refuses_everybody_is_retried_once_and_then_passed_over() {
    let shop = Shop::open(2);
    for _ in 0..20 {
        assert!(shop.ask().await.expect("an answer").is_primary);
    }
    shop.primary.strike(Fault::outage(FaultKind::Throttle).for_share(Ratio::basis_points(3_500)));
    for _ in 0..60 {
        shop.ask().await.expect("an answer");
    }
    let retries = shop.metrics.counter(&catalogue::RETRIES, &["primary"]).get();
    assert!(retries <= 4, "{retries} retries of a model that refuses a third of its attempts");
    assert!(shop.refused(Refused::Load) >= 10, "{}", shop.refused(Refused::Load));
}

#[tokio::test(start_paused = true)]
async fn the_storm_brake_leaves_one_attempt_for_each_model() {
    let shop = Shop::open(0);
    shop.primary.strike(Fault::outage(FaultKind::Throttle));
    shop.secondary.strike(Fault::outage(FaultKind::Throttle));
    assert_eq!(shop.ask().await.expect_err("nobody answers").class, Class::Throttled);
    assert_eq!((shop.attempts("primary"), shop.attempts("secondary")), (1, 1));
    assert_eq!(shop.refused(Refused::Brake), 2);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_names_its_wait_is_left_alone_and_comes_back_after_it() {
    let shop = Shop::open(2);
    let wait = Duration::from_secs(7);
    shop.primary.strike(Fault::outage(FaultKind::Throttle).retry_after(wait).until(Timestamp(1_000)));
    assert!(!shop.ask().await.expect("an answer").is_primary);
    assert!(!shop.ask().await.expect("an answer").is_primary);
    assert_eq!(shop.attempts("primary"), 1);
    tokio::time::sleep(wait).await;
    assert!(shop.ask().await.expect("an answer").is_primary);
}

#[tokio::test(start_paused = true)]
async fn with_nobody_else_to_ask_a_named_wait_is_waited_for() {
    let shop = Shop::open(2);
    shop.turn("engine.mode", Value::Choice("secondary_only".into()));
    let fault = Fault::outage(FaultKind::Throttle).retry_after(Duration::from_secs(3));
    shop.secondary.strike(fault.until(Timestamp(1_000)));
    let filled = shop.ask().await.expect("an answer");
    assert_eq!((filled.model, filled.attempts), ("secondary".into(), 2));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_error_is_not_repeated_but_the_next_model_is_asked() {
    let shop = Shop::open(2);
    shop.primary.strike(Fault::outage(FaultKind::NewCode));
    assert!(!shop.ask().await.expect("an answer").is_primary);
    assert_eq!(shop.attempts("primary"), 1);
    let seen = &shop.cascade.codes()[0];
    assert_eq!((&*seen.code, seen.class, seen.count), ("ModelTransientException", Class::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_broke_off_after_its_first_chunk_stays_broken() {
    let shop = Shop::open(2);
    shop.primary.strike(Fault::outage(FaultKind::Cut));
    let (mut writer, log) = AnswerLog::open();
    let asked = Asked { stream: true, ..asked("?") };
    let deadline = Instant::now() + Duration::from_secs(30);
    let failure = shop.cascade.fill(&asked, &mut writer, deadline).await.expect_err("cut");
    assert_eq!((failure.class, shop.attempts("secondary")), (Class::Cut, 0));
    assert_eq!(log.origin().map(|origin| origin.source), Some(Source::Primary));
}

#[tokio::test(start_paused = true)]
async fn no_request_outlives_its_deadline() {
    let shop = Shop::open(2);
    shop.primary.strike(Fault::outage(FaultKind::Hang));
    let (mut writer, _log) = AnswerLog::open();
    let begun = Instant::now();
    let failed = shop.cascade.fill(&asked("?"), &mut writer, begun + Duration::from_secs(5)).await;
    assert_eq!(failed.expect_err("too late").class, Class::Timeout);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    assert_eq!(shop.metrics.gauge(&catalogue::POOL_ACTIVE, &["primary"]).get(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn knobs_are_followed_from_one_request_to_the_next() {
    let shop = Shop::open(2);
    shop.turn("model.primary", Value::Choice("secondary".into()));
    assert_eq!(shop.ask().await.expect("an answer").model, "secondary");
    shop.turn("engine.mode", Value::Choice("cache_only".into()));
    assert_eq!(shop.ask().await.expect_err("no model").class, Class::NotSent);
    shop.turn("engine.mode", Value::Choice("normal".into()));
    shop.turn("model.primary", Value::Choice("primary".into()));
    shop.turn("share.secondary", Value::Ratio(Ratio::ONE));
    shop.turn("pool.primary", Value::Count(25));
    assert_eq!(shop.ask().await.expect("an answer").model, "secondary");
    assert_eq!(shop.metrics.gauge(&catalogue::POOL_SIZE, &["primary"]).get(), 25.0);
}

#[tokio::test(start_paused = true)]
async fn a_full_primary_sends_its_overflow_to_the_secondary_at_the_end_of_the_wait() {
    let shop = Shop::open(2);
    shop.turn("pool.primary", Value::Count(1));
    shop.primary.set(Profile { per_token: crate::units::TimeSpan::millis(100), ..Profile::default() });
    let (one, two) = tokio::join!(shop.ask(), shop.ask());
    let mut answered = [one.expect("an answer").model.to_string(), two.expect("an answer").model.to_string()];
    answered.sort();
    assert_eq!(answered, ["primary", "secondary"]);
    assert_eq!(shop.metrics.counter(&catalogue::POOL_OVERFLOW, &["primary"]).get(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_all_models_is_remembered_from_start_to_end() {
    let shop = Shop::open(0);
    for simulation in [&shop.primary, &shop.secondary] {
        simulation.strike(Fault::outage(FaultKind::Refuse).until(Timestamp(40_000)));
    }
    while shop.cascade.outages().list().first().is_none_or(|outage| outage.end.is_none()) {
        let _ = shop.ask().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let outage = shop.cascade.outages().list()[0];
    assert_eq!(outage.start, Timestamp(0));
    assert!(outage.length(Timestamp(0)) >= Duration::from_secs(40));
}

/// A model that fails as it is told, and counts.
struct Failing(Vec<Class>, Arc<AtomicU32>);

#[async_trait::async_trait]
impl Model for Failing {
    async fn ask(&self, _: &Asked, _: &Deadlines) -> Result<crate::engine::model::Reply, Failure> {
        let asked = self.1.fetch_add(1, Relaxed) as usize;
        Err(Failure::new(self.0[asked % self.0.len()], "as told"))
    }
}

proptest! {
    #[test]
    fn whatever_fails_no_request_sends_more_than_its_budget(
        classes in prop::collection::vec(prop::sample::select(&Class::ALL[..]), 1..6),
        models in 1..6usize,
        retries in 0..6u64,
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let (sent, dice, clock) = (Arc::default(), Arc::new(Dice::seeded(seed)), Clock::starting_at(Timestamp(0)));
            let model = |n| ConfiguredModel::new(format!("m{n}"), Arc::new(Failing(classes.clone(), Arc::clone(&sent))));
            let names = |n| ModelDefaults { model: format!("m{n}").into(), pool_size: 1 };
            let engine = EngineDefaults { retry_attempts: retries, ..EngineDefaults::default() };
            let board = Arc::new(Board::new(Catalogue::new(&engine, &[], &(0..models).map(names).collect::<Vec<_>>())));
            let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
            let models = (0..models).map(model).collect();
            let cascade = Cascade::new(models, &Registry::default(), board, store, dice, clock);
            let (mut writer, _log) = AnswerLog::open();
            let begun = Instant::now();
            let failed = cascade.fill(&asked("?"), &mut writer, begun + Duration::from_secs(30)).await;
            prop_assert!(failed.is_err());
            prop_assert!(sent.load(Relaxed) <= MOST_SENDS);
            prop_assert!(begun.elapsed() <= Duration::from_secs(30));
            Ok(())
        })?;
    }
}
