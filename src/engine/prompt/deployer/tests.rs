//! Whole deployments on engines as `serve` wires them, under virtual time, with a provider that keeps prefixes.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use tokio::time::sleep;

use super::*;
use crate::{
    app::{node, settings::Settings, shop::Shop},
    clock::Clock,
    config::{files::Files, problem::Problems},
    engine::{
        model::{
            cascade::{ConfiguredModel, PromptCache},
            prices::Prices,
            simulated::{
                Simulated, Simulation,
                profile::{Fault, FaultKind, Profile},
            },
            testing::asked,
        },
        prompt::alive::KeepAlive,
        recall::embed::hashed::Hashed,
    },
    knob::{board::Board, catalogue::EngineDefaults},
    store::embedded::{Embedded, Limits},
    tasks::Tasks,
};

const LONG: &str = "Be kind, be brief, and never invent a price, a date or a name that nobody has told you of. ";

/// One node of a fleet that shares one board, store and provider.
struct House {
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    deployer: Deployer,
    simulation: Arc<Simulation>,
    clock: Clock,
    tasks: Tasks,
}

fn prompts(wanted: &str) -> String {
    let versions = [("v1", LONG.repeat(6)), ("v2", LONG.repeat(5)), ("short", "Be kind.".into())];
    let version = |(name, text): &(&str, String)| format!("  - {{ version: {name}, text: '{text}' }}\n");
    let versions: String = versions.iter().map(version).collect();
    let dynamic = "  - { version: dynamic, text: 'You speak with {user_name}.' }\n";
    format!("prompt: p\nfor: {{ everybody: true }}\nwanted: {wanted}\nversions:\n{versions}{dynamic}")
}

/// A fleet of one that starts at this time, with a provider that keeps prefixes from 100 tokens on.
fn house(start: &str, wanted: &str, keep_alive: Option<KeepAlive>) -> House {
    let clock = Clock::starting_at(DateTime::parse_from_rfc3339(start).expect("a time").to_utc().into());
    node_on(Arc::new(Embedded::in_memory(Limits::default(), clock)), clock, wanted, keep_alive)
}

fn node_on(store: Arc<dyn Store>, clock: Clock, wanted: &str, keep_alive: Option<KeepAlive>) -> House {
    let (tasks, registry, dice) = (Tasks::default(), Arc::new(Registry::default()), Arc::new(Dice::seeded(7)));
    let mut problems = Problems::default();
    let files = Files::shipped().with("prompts/p.yaml", &prompts(wanted));
    let shop = Shop::load(&files, &mut problems).expect("the shipped shop");
    assert!(problems.is_empty(), "{problems}");
    let board = Arc::new(Board::new(shop.knobs(&EngineDefaults::default(), &[])));
    let profile = Profile { least_prefix: 100, ..Profile::default() };
    let simulation = Arc::new(Simulation::new(profile, dice.clone()));
    let kind = Arc::new(Simulated::new("primary", simulation.clone(), clock));
    let prompt_cache = PromptCache { keep_alive, ..PromptCache::default() };
    let prices = Prices { prompt: 3.0, cached: 0.3, written: 3.75, completion: 15.0 };
    let model = ConfiguredModel { prompt_cache, prices, ..ConfiguredModel::new("primary", kind) };
    let settings = Settings::default();
    let parts = node::Parts {
        embedder: Arc::new(Hashed::new(shop.understanding.lexicon().clone())),
        shop,
        models: vec![model],
        store: store.clone(),
        board,
        registry: registry.clone(),
        clock,
        dice,
        admission: settings.limits.admitted(false),
        deadline: settings.deadline,
        trail: None,
        resolver: None,
        guardrail: None,
        upkeep: Duration::from_secs(1),
    };
    let engine = node::start(parts, &tasks);
    let deployer = Deployer::new(engine.clone(), store, registry.clone());
    House { engine, registry, deployer, simulation, clock, tasks }
}

impl House {
    async fn ask(&self, question: &str) {
        let answer = self.engine.answer(asked(question)).await.expect("let in");
        answer.log.whole().await.expect("answered");
    }

    /// Ten questions a second for so long, none of which was asked before.
    async fn serve(&self, secs: u64) {
        let began = self.clock.now().0;
        for n in 0..secs * 2 {
            self.ask(&format!("What happens in Bleach chapter {}?", began + n as i64)).await;
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn in_force(&self) -> String {
        self.engine.prompts.all_in_force()["prompt.p"].clone()
    }

    async fn put(&self, version: &str) -> Result<Deployment, NotDeployed> {
        self.deployer.deploy(wish(version)).await
    }

    async fn last(&self) -> Deployment {
        self.deployer.past().await.expect("the store answers").1.pop().expect("a deployment")
    }

    fn counted(&self, result: &str) -> u64 {
        self.registry.counter(&catalogue::PROMPT_DEPLOYMENTS, &[result]).get()
    }
}

fn wish(version: &str) -> Wish {
    let prompts = vec![("p".to_owned(), Some(version.to_owned()))];
    Wish { prompts, now: true, by: "aiko".into(), reason: "a test".into(), ..Wish::default() }
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_by_itself_when_the_window_opens_and_stays_when_it_is_found() {
    // 02:58 in Tokyo.
    let house = house("2026-03-10T17:58:00Z", "v1", None);
    house.serve(20).await;
    assert_eq!(house.in_force(), "off");
    let cost = |metric, label| house.registry.counter(metric, &[label]).get();
    let (paid, read) = (cost(&catalogue::COST, "primary"), cost(&catalogue::CACHE_READ_TOKENS, "primary"));
    sleep(Duration::from_secs(150)).await;
    assert_eq!(house.in_force(), "v1", "the window is open");
    assert_eq!(cost(&catalogue::COST, "primary"), paid, "warming is nobody's question");
    assert_eq!(cost(&catalogue::CACHE_READ_TOKENS, "primary"), read);
    assert!(cost(&catalogue::PROBE_COST, "deployment") > 0);
    house.serve(100).await;
    let last = house.last().await;
    assert_eq!((last.state, last.why, last.warming().0), (State::Kept, Why::Window, 5), "{last:?}");
    assert!(last.hit_rate.is_some_and(|rate| rate >= 0.9), "{last:?}");
    assert_eq!((house.counted("rolled_out"), house.counted("kept"), house.counted("returned")), (1, 1, 0));
    assert_eq!(house.registry.counter(&catalogue::WARM_UPS, &["primary"]).get(), 5);
    let setting = house.engine.board.get("prompt.p").expect("a knob");
    assert_eq!((setting.expires, setting.before.map(|it| it.to_string()).as_deref()), (None, Some("off")));
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_one_deploys_and_both_turn() {
    let one = house("2026-03-10T17:59:00Z", "v1", None);
    let two = node_on(one.deployer.store.clone(), one.clock, "v1", None);
    for node in [&one, &two] {
        crate::knob::shared::share(node.engine.board.clone(), node.deployer.store.clone(), &node.tasks).await;
    }
    sleep(Duration::from_secs(90)).await;
    assert_eq!((one.in_force().as_str(), two.in_force().as_str()), ("v1", "v1"));
    assert_eq!(one.counted("rolled_out") + two.counted("rolled_out"), 1);
    let version = |node: &House| node.engine.board.get("prompt.p").map(|setting| (setting.version, setting.expires));
    assert_eq!(version(&one), version(&two));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_provider_does_not_keep_comes_back_by_itself_after_five_minutes() {
    let house = house("2026-03-11T03:00:00Z", "v1", None);
    house.put("v1").await.expect("deployed");
    house.serve(60).await;
    assert_eq!(house.last().await.state, State::Kept);
    let deployed = house.put("short").await.expect("somebody insists");
    assert_eq!((deployed.state, deployed.warming().1), (State::Watched, 0), "{deployed:?}");
    let rolled_out = house.clock.now();
    while house.in_force() == "short" {
        house.serve(5).await;
    }
    let took = house.clock.now().since(rolled_out);
    assert!((290..330).contains(&took.as_secs()), "{took:?}");
    assert_eq!(house.in_force(), "v1");
    house.serve(10).await;
    let last = house.last().await;
    assert!(last.state == State::Returned && last.note.contains("only 0 % of the calls"), "{last:?}");
    assert_eq!(house.counted("returned"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_engine_keeps_the_deadline_when_whoever_watches_is_gone() {
    let house = house("2026-03-11T03:00:00Z", "v1", None);
    house.put("v1").await.expect("deployed");
    house.serve(60).await;
    let setting = |to: &str, expires| Change {
        knob: "prompt.p".into(),
        to: Value::Choice(to.into()),
        expect: None,
        author: "deployment:1".into(),
        reason: "by a node that died".into(),
        incident: None,
        expires,
    };
    let until = house.clock.now() + Duration::from_secs(360);
    house.engine.board.set(setting("v2", Some(until)), house.clock.now()).expect("a known version");
    sleep(Duration::from_secs(362)).await;
    assert_eq!(house.in_force(), "v1");
}

#[tokio::test(start_paused = true)]
async fn in_the_window_a_text_that_changes_or_is_never_read_is_refused_and_not_tried_again() {
    for (wanted, why) in [("dynamic", "a place that is filled in"), ("short", "in none of 5 requests")] {
        // Noon before; v1 is in force, and its prefix is found.
        let house = house("2026-03-10T17:50:00Z", wanted, None);
        house.put("v1").await.expect("deployed");
        house.serve(60).await;
        sleep(Duration::from_secs(500)).await;
        house.serve(5).await;
        sleep(Duration::from_secs(60)).await;
        let last = house.last().await;
        assert!(last.state == State::Refused && last.note.contains(why), "{last:?}");
        assert_eq!((house.in_force(), house.counted("refused")), ("v1".into(), 1));
        sleep(Duration::from_secs(86_400)).await;
        assert_eq!((house.in_force(), house.counted("refused")), ("v1".into(), 1), "nor the next night");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_in_trouble_puts_a_deployment_off_and_not_out() {
    let house = house("2026-03-10T17:59:00Z", "v1", None);
    house.simulation.strike(Fault::outage(FaultKind::ServerError));
    sleep(Duration::from_secs(300)).await;
    assert_eq!((house.in_force(), house.deployer.past().await.expect("read").1), ("off".into(), vec![]));
    house.simulation.heal();
    sleep(Duration::from_secs(300)).await;
    assert_eq!(house.in_force(), "v1");
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_at_night_and_small_requests_tell() {
    let house = house("2026-03-10T18:10:00Z", "v1", None);
    sleep(Duration::from_secs(400)).await;
    let last = house.last().await;
    assert_eq!((last.state, house.in_force().as_str()), (State::Kept, "v1"), "{last:?}");
    assert_eq!(last.hit_rate, Some(1.0));
    assert_eq!(house.registry.counter(&catalogue::WARM_UPS, &["primary"]).get(), 10);
}

#[tokio::test(start_paused = true)]
async fn without_a_reason_or_beside_another_nothing_is_deployed() {
    let house = house("2026-03-11T03:00:00Z", "v1", None);
    let told = house.deployer.deploy(Wish { reason: " ".into(), ..wish("v1") }).await.expect_err("no reason");
    assert!(told.to_string().contains("say why"), "{told}");
    let told = house.deployer.deploy(Wish { now: false, ..wish("v1") }).await.expect_err("closed").to_string();
    assert!(told.contains("next at 2026-03-11T18:00:00Z"), "{told}");
    house.put("v1").await.expect("deployed");
    let told = house.put("v2").await.expect_err("one at a time").to_string();
    assert!(told.contains("aiko deploys already"), "{told}");
    let kept = house.deployer.deploy(Wish { keep: true, ..wish("v3") }).await.expect_err("unknown").to_string();
    assert!(kept.contains("has no version `v3`"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_prefix_is_kept_alive_within_its_budget_and_found_by_the_next_question() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let terms = KeepAlive { after: minutes(4), used_within: minutes(30), most_per_hour: 4 };
    let house = house("2026-03-11T03:00:00Z", "v1", Some(terms));
    house.put("v1").await.expect("deployed");
    house.serve(30).await;
    let read = || house.registry.counter(&catalogue::KEEP_ALIVES, &["primary", "read"]).get();
    sleep(minutes(17)).await;
    assert_eq!(read(), 4, "one after each four minutes");
    let hits = |house: &House| house.registry.counter(&catalogue::PROMPT_HITS, &["primary", "p/v1"]).get();
    let before = hits(&house);
    house.ask("Who wrote Bleach?").await;
    assert_eq!(hits(&house), before + 1, "the provider still has it");
    sleep(minutes(20)).await;
    assert_eq!(read(), 4, "no more than four an hour");
    house.ask("Who wrote Naruto?").await;
    assert_eq!(hits(&house), before + 1, "it was dropped");
    house.simulation.forget_prompts();
}
