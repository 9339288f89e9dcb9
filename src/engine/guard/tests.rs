//! Guardrails on a paused clock: budgets, deadlines, streams in pieces, and who is told afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    guardrail::{Finding, Guardrail, Passage, Seen, Side, Unsure},
    over::{Held, Over, Verdict},
    plan::Plan,
    pump::{Flow, Pump},
    revise::Reader,
    *,
};
use crate::{
    config::{files::Files, problem::Problems},
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        dialect::Dialect,
        source::Source,
        understand::question::Question,
    },
    knob::{board::Change, catalogue::EngineDefaults},
    tasks::Tasks,
};

/// A service that takes its time and blocks `forbidden`.
struct Slow {
    takes: Duration,
    asked: AtomicU64,
}

#[async_trait]
impl Guardrail for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn look(&self, passage: Passage<'_>) -> Result<Seen, Unsure> {
        self.asked.fetch_add(1, Relaxed);
        sleep(self.takes).await;
        let finding = match passage.text.contains("forbidden") {
            true => Finding::Blocked { by: "slow".into(), says: None },
            false => Finding::Clean,
        };
        Ok(Seen { finding, filters: Some(4) })
    }
}

const CLOSED: &str =
    "guardrails: x\ndefault: { mode: chunked, late: closed }\nblocked: { en: 'No.', ja: 'だめです。' }\n";
const OPEN: &str = "guardrails: x\ndefault: { mode: chunked, late: open }\n";

struct House {
    guard: Arc<Guard>,
    board: Arc<Board>,
    understanding: Understanding,
    service: Arc<Slow>,
    registry: Arc<Registry>,
    tasks: Tasks,
}

impl House {
    fn new(file: &str, millis: u64) -> Self {
        let files = Files::shipped().with("policies/guardrails.yaml", file);
        let mut problems = Problems::default();
        let understanding = Understanding::load(&files, &mut problems).expect("intents");
        let plan = Arc::new(Plan::load(&files, &understanding, &mut problems));
        assert!(problems.is_empty(), "{problems}");
        let mut knobs = crate::knob::catalogue::Catalogue::new(&EngineDefaults::default(), &[], &[]);
        knobs.add_guardrails(understanding.intents().map(|intent| {
            let care = plan.care(&intent.id);
            let may = Mode::ALL.iter().filter(|mode| **mode >= care.least).map(|mode| mode.label());
            (&intent.id, care.mode.label(), may.collect())
        }));
        let board = Arc::new(Board::new(knobs));
        let registry = Arc::new(Registry::default());
        let service = Arc::new(Slow { takes: Duration::from_millis(millis), asked: AtomicU64::new(0) });
        let guard = Arc::new(Guard::new(Parts {
            plan,
            service: Some(service.clone()),
            understanding: &understanding,
            board: &board,
            registry: &registry,
            trail: None,
            clock: Clock::starting_at(crate::clock::Timestamp(0)),
        }));
        Self { guard, board, understanding, service, registry, tasks: Tasks::default() }
    }

    fn over(&self, intent: &str) -> Over {
        self.guard.over(self.understanding.intent(intent).expect("an intent")).expect("it is looked after")
    }

    async fn hold(&self, text: &str) -> (Held, Duration) {
        let (over, began) = (self.over("faq"), Instant::now());
        let watch = self.guard.watch(&over);
        let held = over.hold(Side::Answer, text.to_owned(), "Why?", &watch, &self.tasks).await;
        (held, began.elapsed())
    }

    fn count(&self, name: &str) -> u64 {
        let readings = self.registry.read();
        let counts =
            readings.iter().filter(|reading| reading.metric.name == name).map(|reading| match &reading.value {
                crate::telemetry::registry::Value::Count(count) => *count,
                crate::telemetry::registry::Value::Spread(spread) => spread.count(),
                crate::telemetry::registry::Value::Level(level) => *level as u64,
            });
        counts.sum()
    }
}

fn reader(id: &str, text: &str, understanding: &Understanding) -> Reader {
    let asked = Asked {
        dialect: Dialect::OpenAi,
        body: Bytes::new(),
        model: 0..0,
        stream: true,
        include_usage: false,
        ask_usage: false,
        caller: Caller { tenant: "shop".into(), user: Some("aiko".into()), tier: Tier::Premium, address: None },
        text: text.into(),
        context: Digest::of([]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    };
    let question: Arc<Question> = Arc::new(understanding.question(asked));
    Reader { id: id.into(), question, source: Source::Primary, age: Duration::ZERO }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_open_waits_for_its_budget_and_not_longer() {
    let house = House::new(OPEN, 480);
    let (held, took) = house.hold("It is fine.").await;
    let Held::Released(Some(verdict)) = held else { panic!("{held:?}") };
    assert_eq!(took, Duration::from_millis(50));
    assert_eq!(verdict.await, Ok(Verdict::Clean), "the check goes on");
    assert_eq!(house.count("guardrail.over_budget"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_closed_waits_and_is_not_said_after_the_deadline() {
    let (held, took) = House::new(CLOSED, 480).hold("It is fine.").await;
    assert!(matches!(held, Held::Said(None)), "{held:?}");
    assert_eq!(took, Duration::from_millis(480));
    let house = House::new(CLOSED, 5_000);
    let (held, took) = house.hold("It is fine.").await;
    assert!(matches!(&held, Held::Refused(words) if words == "No."), "{held:?}");
    assert_eq!(took, Duration::from_secs(1));
    assert_eq!(house.count("guardrail.duration"), 2, "what was given up has taken its time, too");
}

#[tokio::test(start_paused = true)]
async fn long_answers_are_looked_at_in_passages_side_by_side() {
    let house = House::new(CLOSED, 100);
    let long = "A sentence of about ten tokens in it. ".repeat(100);
    let (held, took) = house.hold(&long).await;
    assert!(matches!(held, Held::Said(None)), "{held:?}");
    assert_eq!(took, Duration::from_millis(100));
    assert!(house.service.asked.load(Relaxed) >= 5);
    let (held, _) = house.hold(&(long + "It has forbidden things.")).await;
    assert!(matches!(held, Held::Refused(_)), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn so_many_passages_are_looked_at_at_once_and_not_more() {
    let house = House::new(&CLOSED.replace("guardrails: x\n", "guardrails: x\nat_once: 2\n"), 100);
    let (_, took) = house.hold(&"A sentence of about ten tokens in it. ".repeat(100)).await;
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_rules_block_is_shown_to_no_service() {
    let house =
        House::new(&format!("{CLOSED}---\nrule: a\nwords: [gore]\naction: block\nsays: {{ en: 'Not that.' }}\n"), 100);
    let (held, took) = house.hold("It has gore.").await;
    assert!(matches!(&held, Held::Refused(words) if words == "Not that."), "{held:?}");
    assert_eq!((took, house.service.asked.load(Relaxed)), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn everybody_who_got_a_wrong_answer_is_told_once_whenever_they_got_it() {
    let house = House::new(OPEN, 480);
    let over = house.over("faq");
    let (watch, mut told) = (house.guard.watch(&over), house.guard.revisions.subscribe());
    watch.given_to(reader("one", "Why?", &house.understanding));
    watch.settle(&Verdict::Clean);
    assert!(told.try_recv().is_err());
    watch.settle(&Verdict::Blocked { by: "slow".into(), says: None });
    watch.settle(&Verdict::Blocked { by: "slow".into(), says: None });
    watch.given_to(reader("two", "なぜ?", &house.understanding));
    let ids: Vec<_> = house.guard.revisions.recent().iter().map(|it| it.trace_id.to_string()).collect();
    assert_eq!(ids, ["two", "one"]);
    assert_eq!(
        told.recv().await.map(|it| (it.trace_id.to_string(), it.rule.to_string())),
        Ok(("one".into(), "slow".into()))
    );
    assert_eq!((house.count("guardrail.violations"), house.count("guardrail.revisions")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_knob_moves_the_check_off_the_path_but_not_an_orders() {
    let file = format!("{CLOSED}intents:\n  order_status: {{ mode: sync, least: sync }}\n");
    let house = House::new(&file, 480);
    let shipped = Understanding::load(&Files::shipped(), &mut Problems::default()).expect("intents");
    let following = house.guard.clone().follow(house.board.subscribe(), Arc::new(ArcSwap::from_pointee(shipped)));
    house.tasks.spawn_until_stopped(following);
    tokio::task::yield_now().await;
    let set = |knob: &str, to: &str| {
        let (to, author, reason) = (Value::Choice(to.into()), "me".into(), "why".into());
        let change = Change { knob: knob.into(), to, expect: None, author, reason, incident: None, expires: None };
        house.board.set(change, crate::clock::Timestamp(0))
    };
    set(CEILING, "async").expect("within its bounds");
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    assert_eq!((house.over("faq").mode(), house.over("order_status").mode()), (Mode::Async, Mode::Sync));
    assert!(set("guardrail.order_status", "async").is_err(), "its least is sync");
}

fn piece(words: &str) -> Bytes {
    json!({ "choices": [{ "index": 0, "delta": { "content": words } }] }).to_string().into()
}

/// What comes out of a stream of words, and the words that it was cut with.
async fn pumped(house: &House, words: &[&str]) -> (String, Option<String>, usize) {
    let over = house.over("faq");
    let watch = house.guard.watch(&over);
    let mut pump = Pump::new(&over, "Why?", &watch, &house.tasks);
    let (mut said, mut first) = (Vec::new(), usize::MAX);
    for (at, words) in words.iter().enumerate() {
        match pump.take(piece(words)).await {
            Flow::Out(events) => {
                if !events.is_empty() {
                    first = first.min(at);
                }
                said.extend(events);
            }
            Flow::Cut(words) => return (told(&said), Some(words), first),
        }
    }
    match pump.finish().await {
        Flow::Out(events) => said.extend(events),
        Flow::Cut(words) => return (told(&said), Some(words), first),
    }
    (told(&said), None, first)
}

fn told(events: &[Bytes]) -> String {
    crate::engine::completion::text(crate::store::Shape::Events, events).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_held_for_a_chunk_and_nothing_of_it_is_lost() {
    let house = House::new(CLOSED, 20);
    let words: Vec<_> = (0..200).map(|n| format!("word{n:03} ")).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (said, cut, first) = pumped(&house, &words).await;
    assert_eq!((said, cut), (words.concat(), None));
    assert_eq!(first, 49, "100 tokens are 50 words of 8 letters");
    assert!((4..=5).contains(&house.service.asked.load(Relaxed)), "four chunks of 100 tokens and the rest");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_cut_before_the_words_that_may_not_be_said() {
    let house = House::new(CLOSED, 20);
    let mut words = vec!["fine word "; 60];
    words.extend(["for", "bid", "den "]);
    words.extend(["more words "; 60]);
    let (said, cut, _) = pumped(&house, &words).await;
    assert!(said.starts_with("fine word ") && !said.contains("for"), "{said}");
    assert_eq!(cut.as_deref(), Some("No."));
}

#[tokio::test(start_paused = true)]
async fn what_stands_across_two_looks_is_masked_as_a_whole() {
    let rules = format!(
        "{}---\nrule: card\npersonal: card_number\naction: mask\n",
        CLOSED.replace("late: closed", "service: false")
    );
    let house = House::new(&rules, 20);
    let mut words = vec!["some words "; 5];
    words.extend(["4111 ", "1111 ", "1111 ", "1111 "]);
    words.extend(["and more "; 20]);
    let (said, cut, _) = pumped(&house, &words).await;
    assert_eq!(cut, None);
    let whole = words.concat().replace("4111 1111 1111 1111", "[card number]");
    assert_eq!(said, whole);
}
