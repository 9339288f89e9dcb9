//! Prices in cached answers against a live catalogue, and who was told which, with real processes and sockets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    config::{files::Files, problem::Problems},
    dice::Dice,
    digest::Digest,
    engine::{
        completion,
        origin::client::{Client, Place},
        price::{
            PRICE_TAG,
            catalogue::{Asking, Catalogue},
            checker::{Checker, Parts},
        },
        understand::Understanding,
    },
    outbound::Outbound,
    store::{Entry, Shape, Store, Tag, embedded::Embedded},
    tasks::Tasks,
    telemetry::{
        catalogue::{PRICE_CHECKS, PRICE_ERRORS},
        registry::Registry,
    },
};
use serde_json::json;

use crate::{
    stores::{contract::eventually, redis::Node},
    support::{
        banto::{Banto, exchange, get, question},
        origin::{Does, OriginDouble},
        redis::RedisServer,
        upstream::{Script, Upstream, response},
    },
};

/// A shop's cache with the live catalogue beside it.
struct Desk {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    double: Arc<OriginDouble>,
}

const ASK: &str = "catalogue: product\ncurrency: JPY\nask:\n  title: { path: '/prices?title={title}', price: /prices }\n  \
                   product: { path: '/products/{product}/price', price: /price, upper: true }\n";

impl Desk {
    fn new(store: Arc<dyn Store>, double: &Arc<OriginDouble>) -> Self {
        Self { store, registry: Arc::default(), double: double.clone() }
    }

    fn checker(&self, check: &str) -> Checker {
        let mut problems = Problems::default();
        let text = format!("{ASK}{check}");
        let asking =
            Asking::load(&Files::of([("policies/c.yaml", text.as_str())]), &mut problems).expect("a catalogue");
        assert!(problems.is_empty(), "{problems}");
        let place = Place {
            url: self.double.url(),
            headers: Default::default(),
            at_once: 4,
            queue: 64,
            deadline: Duration::from_secs(2),
            largest: 1 << 20,
        };
        let outbound = Outbound::new().expect("certificates");
        let client = Arc::new(Client::new("product".into(), place, outbound, &self.registry));
        let understanding = Understanding::load(&Files::shipped(), &mut problems).expect("the shipped shop");
        Checker::new(Parts {
            store: self.store.clone(),
            understanding: Arc::new(arc_swap::ArcSwap::from_pointee(understanding)),
            catalogue: Arc::new(Catalogue::new(asking, client)),
            dice: Arc::new(Dice::fair()),
            registry: self.registry.clone(),
        })
    }

    /// Keeps an answer about a title.
    async fn keep(&self, name: &str, title: &str, text: &str) -> Digest {
        let key = Digest::of([name.as_bytes()]);
        let tags = [format!("title:{}", title.to_lowercase()), PRICE_TAG.into()].map(|tag| Tag(tag.into()));
        let generations = self.store.generations(&tags).await.expect("known");
        let now = Clock::system().now();
        let entry = Entry {
            key,
            tenant: "shop".into(),
            intent: "product_info".into(),
            entities: vec![title.into()],
            question: name.into(),
            frame: None,
            shape: Shape::Body,
            chunks: vec![completion::say(text, "1", now)],
            model: "primary".into(),
            stored_at: now,
            fresh_until: now + Duration::from_secs(3600),
            keep_until: now + Duration::from_secs(7200),
            tags: tags.into_iter().zip(generations).collect(),
        };
        self.store.put(Arc::new(entry)).await.expect("kept");
        key
    }

    async fn has(&self, key: &Digest) -> bool {
        self.store.get(key).await.expect("readable").is_some()
    }

    fn checked(&self) -> [u64; 3] {
        ["consistent", "mismatch", "unknown"].map(|result| self.registry.counter(&PRICE_CHECKS, &[result]).get())
    }
}

fn embedded() -> Arc<dyn Store> {
    Arc::new(Embedded::in_memory(Default::default(), Clock::system()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_price_is_found_voided_with_its_product_and_counted_and_right_ones_stay() {
    let double = Arc::new(OriginDouble::start().await);
    double.has("/prices?title=Demon%20Slayer", json!({ "prices": [8_980] }));
    double.has("/prices?title=One%20Piece", json!({ "prices": ["¥528", 484] }));
    let desk = Desk::new(embedded(), &double);
    let wrong = desk.keep("how much is the box", "Demon Slayer", "The box set costs ¥12,800.").await;
    let same_product = desk.keep("tell me about it", "Demon Slayer", "A fine series, 8,980 yen.").await;
    let right = desk.keep("one piece", "One Piece", "Volume 105 is ¥528 (tax included).").await;
    let silent = desk.keep("who wrote it", "One Piece", "Eiichiro Oda, since 1997.").await;
    desk.checker("check: { sample: 50 }\n").round(50).await;
    let there =
        [desk.has(&wrong).await, desk.has(&same_product).await, desk.has(&right).await, desk.has(&silent).await];
    assert_eq!(there, [false, false, true, true], "everything about the product goes, nothing else");
    assert_eq!(desk.registry.counter(&PRICE_ERRORS, &[]).get(), 1);
    assert_eq!(desk.checked(), [2, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_is_away_or_talks_nonsense_makes_nothing_right_and_nothing_wrong() {
    let double = Arc::new(OriginDouble::start().await);
    let desk = Desk::new(embedded(), &double);
    let kept = desk.keep("one piece", "One Piece", "It is ¥528.").await;
    let checker = desk.checker("");
    for (round, does) in [
        Does::Says(500, vec![]),
        Does::Says(200, b"<html>".to_vec()),
        Does::Says(404, vec![]),
        Does::Has(json!({ "prices": [] })),
        Does::Has(json!({ "prices": "soon" })),
    ]
    .into_iter()
    .enumerate()
    {
        double.set("/prices?title=One%20Piece", does.clone());
        checker.round(10).await;
        assert_eq!((desk.checked(), desk.has(&kept).await), ([0, 0, round as u64 + 1], true), "{does:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_bounded_spread_over_products_and_goes_on_where_it_ended() {
    let double = Arc::new(OriginDouble::start().await);
    let desk = Desk::new(embedded(), &double);
    let titles: Vec<_> = {
        let shop = Understanding::load(&Files::shipped(), &mut Problems::default()).expect("the shipped shop");
        shop.titles().iter().map(|title| title.name.to_string()).take(40).collect()
    };
    for (n, title) in titles.iter().enumerate() {
        for copy in 0..20 {
            desk.keep(&format!("{n} {copy}"), title, "It is ¥528.").await;
        }
    }
    let checker = desk.checker("");
    checker.round(10).await;
    assert_eq!(desk.checked(), [0, 0, 10]);
    for _ in 0..20 {
        checker.round(10).await;
    }
    assert_eq!(desk.checked(), [0, 0, 210]);
    assert!(double.most_at_once() <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_checks_each_round() {
    let (double, server) = (Arc::new(OriginDouble::start().await), RedisServer::start(&[]));
    double.has("/prices?title=One%20Piece", json!({ "prices": [528] }));
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::on(&server).await);
    }
    let tasks = Tasks::default();
    let desks: Vec<_> = nodes.iter().map(|node| Desk::new(node.store.clone(), &double)).collect();
    desks[0].keep("one piece", "One Piece", "It is ¥528.").await;
    let began = tokio::time::Instant::now();
    desks.iter().for_each(|desk| desk.checker("check: { every: 1s, hourly: 0 }\n").start(&tasks));
    let checked = || desks.iter().map(|desk| desk.checked()[0]).sum::<u64>();
    eventually("three rounds are done", || async { checked() >= 3 }).await;
    // A round lasts at least nine tenths of a second, however busy the machine is.
    let rounds = began.elapsed().as_secs_f64() / 0.9 + 1.0;
    assert!((checked() as f64) <= rounds, "{} checks in {rounds} rounds", checked());
}

/// A model that says this.
fn says(text: &str) -> Script {
    let body = json!({ "id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        { "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
    vec![response("200 OK", "content-type: application/json\r\n", &body.to_string())]
}

fn broken() -> Script {
    vec![response("503 Service Unavailable", "", "{}")]
}

async fn ask(banto: &Banto, text: &str, user: &str, ttl: &str) -> (String, String) {
    let headers = [("x-banto-user", user), ("x-banto-ttl", ttl)];
    let url = banto.url("/v1/chat/completions");
    let (status, headers, body) = exchange("POST", &url, &headers, &question(text)).await.expect("an answer");
    assert_eq!(status, 200, "{body}");
    (headers["x-banto-source"].to_str().expect("text").to_owned(), body)
}

fn models(upstream: &Upstream) -> String {
    format!("models:\n  - {{ name: primary, kind: openai, base_url: '{}', model: m }}\n", upstream.url("http"))
}

async fn noted(banto: &Banto, at_least: f64) {
    eventually("the answers are noted", || async {
        let (_, text) = get(&banto.url("/metrics")).await.expect("metrics");
        let line = text.lines().find(|line| line.starts_with("banto_exposure_notes_total{result=\"noted\"}"));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).is_some_and(|noted| noted >= at_least)
    })
    .await;
}

const ASKED: &str = "How much is One Piece Volume 105?";

#[tokio::test(flavor = "multi_thread")]
async fn the_monday_after_the_sale_everybody_who_was_quoted_its_price_is_found() {
    let upstream = Upstream::start([says("One Piece Volume 105 is ¥369 (30% off - flash sale!)."), broken()]).await;
    let double = OriginDouble::start().await;
    double.has("/prices?title=One%20Piece", json!({ "prices": [528] }));
    let origins = format!("origins:\n  product: {{ url: '{}' }}\n", double.url());
    let banto = Banto::start(&(models(&upstream) + &origins)).await;
    assert_eq!(ask(&banto, ASKED, "first", "1s").await.0, "primary", "a model's own answer is no exposure");
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    for user in ["u-1", "u-2", "u-1"] {
        let (source, body) = ask(&banto, ASKED, user, "1s").await;
        assert!(source == "stale" && body.contains("verify it at checkout"), "{source}: {body}");
    }
    noted(&banto, 3.0).await;
    let from = ["exposure", "--from", "2020-01-01", "--product", "ワンピース"];
    let told = |more: &[&str]| banto.command(&[&from[..], more].concat());
    let (code, table) = told(&["--true-price", "¥528", "--rate", "JPY=0.0067"]);
    assert!(code == 0 && table.contains("honour  u-1") && table.contains("+¥159"), "{table}");
    assert!(table.contains("3 answers. To contact: 0, to honour: 2") && !table.contains("first"), "{table}");
    let (_, live) = told(&["--catalogue", "--rate", "JPY=0.07", "--format", "csv"]);
    assert!(live.contains("contact,default,u-2,title:one piece,369,528,159,JPY,1,"), "{live}");
    let (_, unclassed) = told(&["--catalogue", "--json"]);
    let unclassed: serde_json::Value = serde_json::from_str(&unclassed).expect("JSON");
    assert_eq!(unclassed["lines"][0]["class"], "look", "no rate is no guess: {unclassed}");
    // The same from the file, with nobody running.
    let folder = banto.kill();
    let file = folder.path().join("state/exposure.sqlite").display().to_string();
    let mut offline = std::process::Command::new(env!("CARGO_BIN_EXE_banto"));
    offline
        .args(from)
        .args(["--file", &file, "--true-price", "528 JPY", "--rate", "JPY=0.0067"])
        .env_remove("BANTO_CONFIG");
    let (code, table) = crate::support::banto::run(&mut offline);
    assert!(code == 0 && table.contains("3 answers. To contact: 0, to honour: 2"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_answers_that_quote_a_price_are_noted_whatever_they_are_about_and_others_are_not() {
    let upstream =
        Upstream::start([says("You will like Bleach; a volume is ¥528."), says("Naruto is about ninjas.")]).await;
    let banto = Banto::start(&models(&upstream)).await;
    for text in ["Can you recommend something like Naruto?", "What is the plot of Naruto?"] {
        ask(&banto, text, "u-1", "10m").await;
        eventually("it is kept", || async { ask(&banto, text, "u-2", "10m").await.0 == "exact" }).await;
    }
    noted(&banto, 1.0).await;
    let (_, told) = banto.command(&["exposure", "--from", "2020-01-01", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let lines = told["lines"].as_array().expect("lines");
    assert_eq!((lines.len(), &lines[0]["user"], &lines[0]["quoted"]), (1, &json!("u-2"), &json!("528 JPY")), "{told}");
}

#[test]
fn a_rate_or_a_price_that_is_none_is_refused_with_what_to_write() {
    let run = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_banto"));
        crate::support::banto::run(command.args(["exposure", "--from", "2026-11-23", "--product", "x"]).args(more))
    };
    let expected: BTreeMap<_, _> = [
        ("--true-price=528", "is not one price with its currency"),
        ("--rate=JPY", "write the dollars for one unit"),
        ("--zone=Asia/Tokio", "is not a time zone"),
        ("--to=2026-11-22", "nothing lies between"),
        ("--file=/no/such/file", "does not exist"),
    ]
    .into();
    for (argument, what) in expected {
        let (code, told) = run(&[argument]);
        assert!(code != 0 && told.contains(what), "{argument}: {told}");
    }
}
