//! The shipped alarms, trees and policies against incidents written as measurements: what is noticed, what is named as the
//! cause, which knobs are turned how far, and that everything is back at the end. Virtual time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use banto::{
    app::{settings::Settings, shop::Shop},
    clock::{Clock, Timestamp},
    config::{files::Files, problem::Problems},
    controller::{
        act::{
            Hands,
            cache::{Cleaning, Invalidating},
            journal::Journal,
            knobs::Knobs,
        },
        alarm::Severity,
        decide::Limits,
        event::Event,
        incident::{Incident, Outcome},
        judge::table::{Column, Table},
        notice::{Notice, NoticeKind},
        notify::outbox::Outbox,
        query::Series,
        reconcile::{Controller, Parts, Senses},
        rulebook::Rulebook,
    },
    engine::model::configured::ModelSettings,
    knob::{board::Board, catalogue::EngineDefaults},
    store::{Store, Tag, embedded::Embedded},
    telemetry::registry::Registry,
};

/// What is measured in one second: a series, its value, how many samples had it.
type Measured = (Column, f64, u64);

struct Eyes {
    table: Table,
    events: Vec<Event>,
}

#[async_trait]
impl Senses for Eyes {
    async fn look(&mut self, _: Timestamp) {}

    fn series(&self) -> &(dyn Series + Send + Sync) {
        &self.table
    }

    fn events(&self, since: Timestamp) -> Vec<Event> {
        self.events.iter().filter(|event| event.at >= since).cloned().collect()
    }
}

/// A shop as it ships, whose measurements the test makes up.
struct Shift {
    controller: Controller,
    board: Arc<Board>,
    journal: Arc<Journal>,
    eyes: Eyes,
    clock: Clock,
    second: u64,
    /// The time between two looks.
    stride: u64,
}

impl Shift {
    fn begin() -> Self {
        let clock = Clock::starting_at(Timestamp(1_800_000_000_000));
        let (files, mut problems) = (Files::shipped(), Problems::default());
        let shop = Shop::load(&files, &mut problems).expect("the shipped shop");
        let models: Vec<_> = Settings::default().models.iter().map(ModelSettings::defaults).collect();
        let board = Arc::new(Board::new(shop.knobs(&EngineDefaults::default(), &models)));
        let Rulebook { rules, trees, policies } = Rulebook::load(&files, &board.catalogue(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(Default::default(), clock));
        let journal = Arc::new(Journal::in_memory().expect("a journal"));
        let hands = Hands::default()
            .with("knob", Arc::new(Knobs::new(board.clone(), clock)))
            .with("clean_up", Arc::new(Cleaning::new(store.clone(), board.clone(), clock)))
            .with("invalidate", Arc::new(Invalidating::new(store, Arc::new(|tag| vec![Tag(tag.into())]))));
        let (limits, lease) = (Limits::default(), None);
        let parts = Parts {
            rules,
            trees,
            policies,
            limits,
            board: board.clone(),
            hands,
            roster: Arc::default(),
            lease,
            journal: journal.clone(),
            clock,
        };
        let controller = Controller::new(parts, &Registry::default()).expect("a new journal");
        let eyes = Eyes { table: Table::default(), events: Vec::new() };
        Self { controller, board, journal, eyes, clock, second: 0, stride: 1 }
    }

    /// Lets seconds pass in which the world measures what it says, given the knobs.
    async fn pass(&mut self, seconds: u64, world: impl Fn(&Self) -> Vec<Measured>) {
        for _ in 0..seconds / self.stride {
            for (column, value, samples) in world(self) {
                self.eyes.table.add(&column, self.clock.now(), value, samples);
            }
            tokio::time::sleep(Duration::from_secs(self.stride)).await;
            self.second += self.stride;
            let now = self.clock.now();
            self.board.expire(now);
            self.controller.tick(&mut self.eyes, now).await;
        }
    }

    fn event(&mut self, kind: &str, subject: &str) {
        let event =
            Event { at: self.clock.now(), kind: kind.into(), subject: subject.into(), details: Default::default() };
        self.eyes.events.push(event);
    }

    fn knob(&self, name: &str) -> String {
        self.board.get(name).expect("a knob").value.to_string()
    }

    fn incident(&self, alarm: &str) -> Incident {
        let incidents = self.journal.incidents(100).expect("readable");
        incidents.into_iter().find(|incident| incident.alarm.as_deref() == Some(alarm)).expect(alarm)
    }

    async fn notices(&self, alarm: &str) -> Vec<Notice> {
        let all = self.journal.due(Timestamp(i64::MAX), 10_000).await.expect("readable");
        all.into_iter().map(|open| open.notice).filter(|notice| notice.dedup_key.starts_with(alarm)).collect()
    }

    /// Every knob stands at its configured value.
    fn all_is_back(&self) {
        for (name, knob) in self.board.catalogue().iter() {
            assert_eq!(self.board.get(name).expect("a knob").value, knob.default, "{name}");
        }
    }
}

fn own(metric: &str, value: f64) -> Measured {
    (Column::own(metric), value, 1)
}

fn of(metric: &str, label: &str, is: &str, value: f64) -> Measured {
    (Column::own(metric).with(label, is), value, 1)
}

fn cause(incident: &Incident) -> Option<&str> {
    incident.diagnosis.as_ref()?.cause.as_deref()
}

fn actions(incident: &Incident) -> Vec<String> {
    incident.actions.iter().map(|action| action.words()).collect()
}

/// Everything answers, nothing is refused.
fn quiet() -> Vec<Measured> {
    vec![
        own("requests", 100.0),
        own("answers.errors", 0.0),
        own("model.throttles", 0.0),
        of("model.throttles", "model", "secondary", 0.0),
        of("model.attempts", "model", "primary", 40.0),
        own("model.retries", 0.0),
        own("coalesce.identical_in_flight", 2.0),
        of("cache.lookups", "result", "miss", 40.0),
        of("cache.lookups", "result", "exact", 60.0),
        of("rate_limit.limited", "scope", "global", 0.0),
        of("rate_limit.limited", "scope", "user", 0.0),
        of("rate_limit.limited", "scope", "network", 0.0),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_stampede_on_a_cold_release_brakes_retries_shares_the_load_and_never_goes_cache_only() {
    let mut shift = Shift::begin();
    shift.pass(120, |_| quiet()).await;
    shift.event("release", "Jujutsu Kaisen 30");
    let crowd = |shift: &Shift| {
        let calm = shift.knob("retry.max_attempts") == "0" && shift.knob("share.secondary") == "0.5";
        let refused = if calm { 1.0 } else { 60.0 };
        assert_eq!(shift.knob("engine.mode"), "normal", "a cold release is in no cache");
        vec![
            own("requests", 300.0),
            own("answers.errors", 0.0),
            of("model.throttles", "model", "primary", refused),
            of("model.attempts", "model", "primary", 100.0),
            own("coalesce.identical_in_flight", 4_000.0),
            of("cache.lookups", "result", "miss", 300.0),
            of("cache.lookups", "result", "exact", 1.0),
        ]
    };
    shift.pass(60, crowd).await;
    shift.pass(900, |_| quiet()).await;
    let incident = shift.incident("CacheStampedeDetected");
    assert_eq!((incident.severity, cause(&incident)), (Severity::P1, Some("no_cache_warming")));
    assert_eq!(actions(&incident), ["knob retry.max_attempts: 2 → 0", "knob share.secondary: 0 → 0.5"]);
    assert!(incident.actions.iter().all(|action| action.verdict == Some(Outcome::Pass)), "{:#?}", incident.timeline);
    let detected = incident.opened.since(shift.clock.now() - Duration::from_secs(shift.second)).as_secs();
    assert!((121..=126).contains(&detected), "noticed within seconds, at {detected} s");
    assert!(incident.closed.is_some());
    shift.all_is_back();
    let kinds: Vec<_> = shift.notices("CacheStampedeDetected").await.iter().map(|notice| notice.kind).collect();
    assert!(kinds.contains(&NoticeKind::Trigger) && kinds.contains(&NoticeKind::Resolve), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn wrong_semantic_answers_raise_the_threshold_and_drop_what_the_lower_one_let_in() {
    let mut shift = Shift::begin();
    let mut at = Vec::new();
    for (seconds, wrong, stride) in [(600, 0.0, 1), (400, 1.0, 1), (12_000, 0.0, 20)] {
        shift.stride = stride;
        let answers = move |shift: &Shift| {
            let wrong = if shift.knob("threshold.recommendation") == "0.96" { wrong } else { 0.0 };
            let mut measured = quiet();
            measured.push((
                Column::own("cache.lookups").with("intent", "recommendation").with("result", "semantic"),
                20.0,
                1,
            ));
            measured.push((
                Column::own("cache.false_positives").with("intent", "recommendation").with("signal", "entity_mismatch"),
                wrong,
                1,
            ));
            measured
        };
        shift.pass(seconds, answers).await;
        at.push(shift.knob("threshold.recommendation"));
    }
    assert_eq!(at, ["0.96", "0.97", "0.96"]);
    let incident = shift.incident("SemanticFalsePositives");
    assert_eq!((incident.severity, cause(&incident)), (Severity::P2, Some("franchise_titles")));
    assert_eq!(actions(&incident), ["knob threshold.recommendation: 0.96 → 0.97", "invalidate intent:recommendation"]);
    assert_eq!(incident.actions[0].verdict, Some(Outcome::Pass), "{:#?}", incident.timeline);
    shift.all_is_back();
}

#[tokio::test(start_paused = true)]
async fn slow_cache_writes_under_memory_pressure_shorten_lives_and_clean_up() {
    let mut shift = Shift::begin();
    let world = |slow: bool| {
        move |shift: &Shift| {
            let full = slow && shift.knob("ttl.recommendation") == "4h";
            let mut measured = quiet();
            measured.push((Column::own("cache.write_latency"), if full { 0.009 } else { 0.003 }, 40));
            measured.push(own("cache.memory_utilization", if full { 0.8 } else { 0.6 }));
            measured
        }
    };
    shift.pass(600, world(false)).await;
    shift.pass(400, world(true)).await;
    let incident = shift.incident("CacheWriteLatencyHigh");
    assert_eq!(cause(&incident), Some("memory_pressure"));
    assert_eq!(actions(&incident), ["clean up low-value entries", "knob ttl.recommendation: 4h → 1h"]);
    shift.stride = 10;
    shift.pass(6_000, world(false)).await;
    shift.all_is_back();
    assert_eq!(shift.incident("CacheWriteLatencyHigh").actions[1].verdict, Some(Outcome::Pass));
}

/// The provider's prompt cache: read from, or written anew.
fn prompt(warm: bool) -> Vec<Measured> {
    let mut measured = quiet();
    let (read, write) = if warm { (80_000.0, 0.0) } else { (0.0, 80_000.0) };
    measured.push(of("prompt_cache.read_tokens", "model", "primary", read));
    measured.push(of("prompt_cache.write_tokens", "model", "primary", write));
    measured.push(of("prompt_cache.prompt_tokens", "model", "primary", 90_000.0));
    measured
}

#[tokio::test(start_paused = true)]
async fn prompt_cache_misses_after_a_deployment_are_watched_and_nobody_is_called_when_they_recover() {
    let mut shift = Shift::begin();
    shift.pass(900, |_| prompt(true)).await;
    shift.event("deployment", "prompt v2.4");
    shift.pass(200, |_| prompt(false)).await;
    assert_eq!(cause(&shift.incident("PromptCacheMissSpike")), Some("prompt_changed"));
    shift.pass(900, |_| prompt(true)).await;
    assert!(shift.incident("PromptCacheMissSpike").closed.is_some());
    let notices = shift.notices("PromptCacheMissSpike").await;
    assert!(notices.iter().all(|notice| notice.kind == NoticeKind::Change), "{notices:#?}");
}

#[tokio::test(start_paused = true)]
async fn prompt_cache_misses_after_a_deployment_that_do_not_recover_call_somebody() {
    let mut shift = Shift::begin();
    shift.pass(900, |_| prompt(true)).await;
    shift.event("deployment", "prompt v2.4");
    shift.pass(900, |_| prompt(false)).await;
    let notices = shift.notices("PromptCacheMissSpike").await;
    let page = notices.iter().find(|notice| notice.kind == NoticeKind::Trigger).expect("somebody is called");
    assert!(page.summary.contains("did not become true"), "{}", page.summary);
}

#[tokio::test(start_paused = true)]
async fn prompt_cache_misses_without_a_deployment_call_somebody_at_once() {
    let mut shift = Shift::begin();
    shift.pass(900, |_| prompt(true)).await;
    shift.pass(200, |_| prompt(false)).await;
    let notices = shift.notices("PromptCacheMissSpike").await;
    assert_eq!((notices[0].kind, notices[0].severity), (NoticeKind::Trigger, Severity::P3));
    assert!(notices[0].body.contains("watch-prompt-cache-recovery: `diagnosis.cause in"), "{}", notices[0].body);
}

/// A primary that bears 30 questions in a second, and a secondary that bears its half; or nobody who bears anything.
fn throttled(shift: &Shift, nobody: bool) -> Vec<Measured> {
    let share: f64 = shift.knob("share.secondary").parse().expect("a number");
    let asked = if shift.knob("engine.mode") == "cache_only" { 0.0 } else { 60.0 };
    let (first, second) = (asked * (1.0 - share), asked * share);
    let refused = |asked: f64| if nobody { asked * 0.9 } else { (asked - 30.0).max(0.0) };
    let retries = if shift.knob("retry.max_attempts") == "0" { 0.0 } else { refused(first) };
    vec![
        own("requests", 60.0),
        own("answers.errors", 0.0),
        own("coalesce.identical_in_flight", 2.0),
        of("model.attempts", "model", "primary", first + retries),
        of("model.attempts", "model", "secondary", second),
        of("model.throttles", "model", "primary", refused(first)),
        of("model.throttles", "model", "secondary", refused(second)),
        of("model.breaker_open", "model", "primary", 0.0),
        of("model.retries", "model", "primary", retries),
        of("cache.lookups", "result", "miss", 30.0),
        of("cache.lookups", "result", "exact", 30.0),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_backoff_storm_stops_retries_and_lets_both_models_share_the_load() {
    let mut shift = Shift::begin();
    shift.pass(200, |_| quiet()).await;
    shift.pass(45, |shift| throttled(shift, false)).await;
    let during = (shift.knob("retry.max_attempts"), shift.knob("share.secondary"), shift.knob("engine.mode"));
    assert_eq!(during, ("0".into(), "0.5".into(), "normal".into()));
    shift.pass(900, |_| quiet()).await;
    let incident = shift.incident("BackoffStorm");
    assert!(incident.actions.iter().all(|action| action.verdict == Some(Outcome::Pass)), "{:#?}", incident.timeline);
    shift.all_is_back();
}

#[tokio::test(start_paused = true)]
async fn models_that_refuse_nearly_everything_are_given_a_minute_of_rest() {
    let mut shift = Shift::begin();
    shift.pass(200, |_| quiet()).await;
    shift.pass(40, |shift| throttled(shift, true)).await;
    assert_eq!(shift.knob("engine.mode"), "cache_only");
    shift.pass(60, |_| quiet()).await;
    assert_eq!(shift.knob("engine.mode"), "normal", "nobody gets a new answer in this mode: it ends early");
    shift.pass(900, |_| quiet()).await;
    shift.all_is_back();
}

#[tokio::test(start_paused = true)]
async fn an_organic_spike_is_admitted_and_the_limits_fall_back_slowly() {
    let mut shift = Shift::begin();
    let spike = |shift: &Shift| {
        let over = (4_200.0 - shift.knob("rate_limit.rate").parse::<f64>().expect("a number")).max(0.0);
        let mut measured = quiet();
        measured[0] = own("requests", 4_200.0);
        measured.push(of("rate_limit.limited", "scope", "global", over));
        measured.push(own("crowd.verdict", 1.0));
        measured
    };
    shift.pass(120, |_| quiet()).await;
    shift.pass(300, spike).await;
    let raised = (shift.knob("rate_limit.rate"), shift.knob("rate_limit.burst"));
    assert_eq!(raised, ("5000".into(), "8000".into()));
    shift.stride = 10;
    shift.pass(600 + 1_400, |_| quiet()).await;
    let half_way: u64 = shift.knob("rate_limit.rate").parse().expect("a number");
    assert!((2_500..4_500).contains(&half_way), "{half_way} on the way back");
    shift.pass(2_000, |_| quiet()).await;
    shift.all_is_back();
    assert_eq!(shift.incident("RateLimitedShareHigh").severity, Severity::P1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_is_not_people_raises_no_limit_and_meets_stricter_ones() {
    for verdict in [0.0, -1.0] {
        let mut shift = Shift::begin();
        let flood = |_: &Shift| {
            let mut measured = quiet();
            measured[0] = own("requests", 4_200.0);
            measured.push(of("rate_limit.limited", "scope", "global", 2_000.0));
            measured.push(own("crowd.verdict", verdict));
            measured
        };
        shift.pass(60, flood).await;
        assert_eq!(shift.knob("rate_limit.rate"), "2000", "a verdict of {verdict}");
        let strict = if verdict < 0.0 { ("0.25", "0.02") } else { ("1", "1") };
        let knobs = (shift.knob("rate_limit.per_client"), shift.knob("rate_limit.network_share"));
        assert_eq!((&*knobs.0, &*knobs.1), strict, "a verdict of {verdict}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_named_and_everything_returns_when_it_is_over() {
    let mut shift = Shift::begin();
    let flood = |shift: &Shift| {
        let over = if shift.knob("rate_limit.network_share") == "1" { "global" } else { "network" };
        let mut measured = quiet();
        measured[0] = own("requests", 4_200.0);
        measured.push(of("rate_limit.limited", "scope", over, 2_000.0));
        measured.push(own("rate_limit.utilization", if over == "global" { 1.0 } else { 0.5 }));
        measured.extend([
            own("crowd.verdict", -1.0),
            own("crowd.confidence", 1.0),
            of("crowd.part", "part", "networks", 0.3),
        ]);
        measured
    };
    shift.pass(60, |_| quiet()).await;
    shift.pass(300, flood).await;
    let incident = shift.incident("AbusiveTraffic");
    assert_eq!(cause(&incident), Some("abusive_flood"));
    assert!(incident.actions.iter().all(|action| action.verdict == Some(Outcome::Pass)), "{:#?}", incident.timeline);
    assert_eq!(shift.knob("rate_limit.rate"), "2000");
    shift.pass(1_500, |_| [quiet(), vec![own("crowd.verdict", 0.0)]].concat()).await;
    shift.all_is_back();
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_which_nobody_tells_where_it_comes_from_turns_nothing_and_calls_somebody() {
    let mut shift = Shift::begin();
    let crowd = |_: &Shift| {
        let mut measured = quiet();
        measured[0] = own("requests", 4_200.0);
        measured.push(of("rate_limit.limited", "scope", "global", 2_000.0));
        measured.extend([own("crowd.verdict", 0.0), own("crowd.confidence", 0.79)]);
        measured
    };
    shift.pass(60, |_| quiet()).await;
    shift.pass(600, crowd).await;
    let incident = shift.incident("CrowdUnknown");
    assert_eq!(cause(&incident), Some("evidence_missing"));
    let notices = shift.notices("CrowdUnknown").await;
    assert!(
        notices.iter().any(|notice| notice.body.contains("cannot be told whether they are people")),
        "{notices:#?}"
    );
    shift.all_is_back();
}

#[tokio::test(start_paused = true)]
async fn limits_stay_when_single_users_are_what_is_over_them() {
    let mut shift = Shift::begin();
    let abuse = |_: &Shift| {
        let mut measured = quiet();
        measured.push(of("rate_limit.limited", "scope", "user", 50.0));
        measured
    };
    shift.pass(300, abuse).await;
    assert_eq!(shift.knob("rate_limit.rate"), "2000");
    let held = &shift.incident("RateLimitedShareHigh").guards["admit-an-organic-spike"];
    assert!(held.ends_with("is false"), "{held}");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_pool_is_widened_from_10_to_25() {
    let mut shift = Shift::begin();
    assert_eq!(shift.knob("pool.primary"), "10");
    let busy = |shift: &Shift| {
        let mut measured = quiet();
        let size: f64 = shift.knob("pool.primary").parse().expect("a number");
        measured.push(of("pool.utilization", "model", "primary", (9.7 / size).min(1.0)));
        measured
    };
    shift.pass(200, busy).await;
    assert_eq!(shift.knob("pool.primary"), "25");
    assert_eq!(shift.incident("PoolUtilizationCritical").actions[0].verdict, Some(Outcome::Pass));
}

#[tokio::test(start_paused = true)]
async fn wrong_prices_page_somebody_at_once_and_prices_live_shorter_until_it_is_calm() {
    let mut shift = Shift::begin();
    let prices = |wrong: f64| {
        let mut measured = quiet();
        measured.extend([own("cache.price_consistency_errors", wrong), own("sales.flushes", 0.0)]);
        measured.push(of("cache.invalidations", "result", "received", 0.0));
        measured
    };
    shift.pass(200, |_| prices(0.0)).await;
    shift.pass(5, |_| prices(1.0)).await;
    shift.pass(60, |_| prices(0.0)).await;
    assert_eq!((shift.knob("ttl.pricing"), shift.knob("ttl.promotion")), ("5m".into(), "5m".into()));
    let incident = shift.incident("StalePriceDetected");
    assert_eq!((incident.severity, cause(&incident)), (Severity::P1, Some("no_event")));
    let notices = shift.notices("StalePriceDetected").await;
    assert!(notices.iter().any(|notice| notice.kind == NoticeKind::Trigger && notice.body.contains("banto exposure")));
    shift.stride = 5;
    shift.pass(4_000, |_| prices(0.0)).await;
    shift.all_is_back();
}
