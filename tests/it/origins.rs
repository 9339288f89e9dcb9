//! The origin cache against a real service: what is kept, what never, and what both may suffer.

use std::{sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    config::{files::Files, problem::Problems},
    dice::Dice,
    engine::origin::{
        Found, OriginError, Origins, Parts, Via,
        client::{Place, Trouble},
        clients, file,
    },
    ids::TenantId,
    outbound::Outbound,
    store::{Store, Tag, embedded::Embedded},
    tasks::Tasks,
    telemetry::{
        catalogue::{ORIGIN_FILLS, ORIGIN_READS, ORIGIN_REFRESHES},
        registry::Registry,
    },
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    stores::{contract::eventually, redis::Node},
    support::{
        banto::{Banto, exchange, get, post},
        origin::{Does, OriginDouble},
        redis::RedisServer,
    },
};

/// A node with an origin cache of the shipped origins, all of whose services are one double.
struct Shop {
    origins: Origins,
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    _tasks: Tasks,
}

impl Shop {
    fn new(double: &OriginDouble) -> Self {
        Self::with(double, embedded(), "", |_| {})
    }

    /// With `more` origins beside the shipped ones, and the service changed.
    fn with(double: &OriginDouble, store: Arc<dyn Store>, more: &str, change: impl Fn(&mut Place)) -> Self {
        let (registry, tasks, mut problems) = (Arc::new(Registry::default()), Tasks::default(), Problems::default());
        let mut definitions = file::load(&Files::shipped(), &mut problems);
        definitions.extend(file::load(&Files::of([("policies/more.yaml", more)]), &mut problems));
        assert!(problems.is_empty(), "{problems}");
        let mut place = Place {
            url: double.url(),
            headers: Default::default(),
            at_once: 16,
            queue: 256,
            deadline: Duration::from_secs(5),
            largest: 1 << 20,
        };
        change(&mut place);
        let places = definitions.iter().map(|origin| (origin.place.clone(), place.clone())).collect();
        let outbound = Outbound::new().expect("certificates");
        let parts = Parts {
            definitions,
            clients: clients(&places, &outbound, &registry),
            store: store.clone(),
            registry: registry.clone(),
            clock: Clock::system(),
            dice: Arc::new(Dice::fair()),
            calendar: Arc::default(),
        };
        Self { origins: Origins::start(parts, &tasks), store, registry, _tasks: tasks }
    }

    async fn get(&self, name: &str, key: &str) -> Result<Found, OriginError> {
        self.origins.get(&tenant(), name, vec![key.to_owned()]).await
    }

    fn fills(&self, origin: &str, result: &str) -> u64 {
        self.registry.counter(&ORIGIN_FILLS, &[origin, result]).get()
    }

    /// Waits until what was fetched is kept.
    async fn kept(&self, origin: &str, fills: u64) {
        eventually("the value is kept", || async { self.fills(origin, "stored") >= fills }).await;
    }
}

fn embedded() -> Arc<dyn Store> {
    Arc::new(Embedded::in_memory(Default::default(), Clock::system()))
}

fn tenant() -> TenantId {
    "shop".into()
}

/// A product in the service, with its price.
fn product(double: &OriginDouble, asin: &str, price: i64) {
    double.has(&format!("/products/{asin}"), json!({ "asin": asin, "title": "One Piece 105", "price": 1 }));
    double.has(&format!("/products/{asin}/price"), json!({ "price": price }));
}

/// An origin without live fields that lives for as long as it says.
fn short(ttl: &str, more: &str) -> String {
    format!("origin: short\nkey: 'short:{{id}}'\npath: '/short/{{id}}'\nttl: {ttl}\n{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_wire_a_value_is_kept_and_its_price_is_always_todays() {
    let double = OriginDouble::start().await;
    product(&double, "B1", 528);
    let banto = Banto::start(&format!("origins:\n  product: {{ url: '{}/' }}\n", double.url())).await;
    let url = banto.url("/origin/product/B1");
    let (status, headers, body) = exchange("GET", &url, &[], "").await.expect("an answer");
    assert_eq!((status, headers["x-banto-cache"].to_str().ok()), (200, Some("miss")), "{body}");
    double.has("/products/B1/price", json!({ "price": 369 }));
    eventually("it is kept", || async {
        exchange("GET", &url, &[], "").await.is_some_and(|(_, headers, _)| headers["x-banto-cache"] == "hit")
    })
    .await;
    let (_, headers, body) = exchange("GET", &url, &[], "").await.expect("an answer");
    let value: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value, json!({ "asin": "B1", "title": "One Piece 105", "price": 369 }));
    assert_eq!(
        (&headers["x-banto-live"], &headers["cache-control"]),
        (&"/price".parse().unwrap(), &"no-store".parse().unwrap())
    );
    assert_eq!(double.asked("/products/B1"), 1);
    assert_eq!(get(&banto.url("/origin/product/B2")).await.expect("an answer").0, 404);
    let (status, said) = get(&banto.url("/origin/review/B1")).await.expect("an answer");
    assert!(status == 404 && said.contains("there are: product"), "{said}");
    assert_eq!(get(&banto.url("/origin/product/B1/more")).await.expect("an answer").0, 400);
    let (status, said) =
        post(&banto.url("/origin/product"), "[\"B1\", \"B2\", [\"B1\", \"x\"]]").await.expect("an answer");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (status, &said["values"][0]["cache"], &said["values"][0]["value"]["price"]),
        (200, &json!("hit"), &json!(369))
    );
    assert_eq!((&said["values"][1]["found"], &said["values"][2]["status"]), (&json!(false), &json!(400)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_cannot_be_fetched_is_null_and_never_a_kept_one() {
    let double = OriginDouble::start().await;
    product(&double, "B1", 528);
    let shop = Shop::with(&double, embedded(), "", |place| place.deadline = Duration::from_millis(300));
    assert_eq!(shop.get("product", "B1").await.expect("a value").value.expect("found")["price"], 528);
    shop.kept("product", 1).await;
    for does in [
        Does::Says(500, vec![]),
        Does::Says(404, vec![]),
        Does::Says(200, b"<html>".to_vec()),
        Does::Has(json!({ "price": null })),
        Does::Hangs,
    ] {
        double.set("/products/B1/price", does.clone());
        let found = shop.get("product", "B1").await.expect("a value");
        assert_eq!((found.via, found.absent), (Via::Hit, vec!["/price".to_owned()]), "{does:?}");
        assert_eq!(
            found.value.expect("found"),
            json!({ "asin": "B1", "title": "One Piece 105", "price": null }),
            "{does:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_on_two_nodes_are_one_fetch() {
    let (double, server) = (OriginDouble::start().await, RedisServer::start(&[]));
    double.set("/reviews/B1", Does::Slowly(Duration::from_millis(300), json!({ "stars": 5 })));
    let (one, two) = (Node::on(&server).await, Node::on(&server).await);
    let nodes = [&one, &two].map(|node| Shop::with(&double, node.store.clone(), "", |_| {}));
    let found = join_all((0..100).map(|n| nodes[n % 2].get("review", "B1"))).await;
    assert!(
        found.iter().all(|found| found.as_ref().is_ok_and(|found| found.value == Some(json!({ "stars": 5 })))),
        "{found:?}"
    );
    assert_eq!(double.asked("/reviews/B1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_cache_or_none_at_all_does_not_drown_the_service() {
    let double = OriginDouble::start().await;
    for n in 0..200 {
        double.set(&format!("/reviews/B{n}"), Does::Slowly(Duration::from_millis(5), json!({ "n": n })));
    }
    let nowhere = banto::store::redis::Options::at("redis://127.0.0.1:1");
    let tasks = Tasks::default();
    let away = banto::store::redis::Redis::connect(
        nowhere,
        Clock::system(),
        Arc::new(Dice::fair()),
        &Registry::default(),
        &tasks,
    );
    for store in [embedded(), Arc::new(away.expect("a URL")) as Arc<dyn Store>] {
        let shop = Shop::with(&double, store, "", |place| place.at_once = 4);
        let keys: Vec<_> = (0..200).map(|n| format!("B{n}")).collect();
        let found = join_all(keys.iter().map(|key| shop.get("review", key))).await;
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
    assert!(double.most_at_once() <= 4, "{} at once", double.most_at_once());
    assert_eq!(double.asked("/reviews/B0"), 2, "once for each of the two");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_queue_a_service_is_not_even_asked() {
    let double = OriginDouble::start().await;
    (0..8).for_each(|n| double.set(&format!("/reviews/B{n}"), Does::Hangs));
    let shop = Shop::with(&double, embedded(), "", |place| {
        (place.at_once, place.queue, place.deadline) = (1, 2, Duration::from_millis(500));
    });
    let keys: Vec<_> = (0..8).map(|n| format!("B{n}")).collect();
    let found = join_all(keys.iter().map(|key| shop.get("review", key))).await;
    let troubles = found.into_iter().map(|found| match found {
        Err(OriginError::Failed(failed)) => failed.trouble,
        other => panic!("{other:?}"),
    });
    let troubles: Vec<_> = troubles.collect();
    let busy = troubles.iter().filter(|trouble| **trouble == Trouble::Busy).count();
    assert_eq!((busy, troubles.len() - busy), (5, 3), "{troubles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_service_is_ill_an_expired_value_stands_in_with_its_age_and_not_for_ever() {
    let double = OriginDouble::start().await;
    double.has("/short/a", json!({ "v": 1 }));
    let brief = "---\norigin: brief\nkey: 'brief:{id}'\npath: '/short/{id}'\nttl: 200ms\n";
    let shop = Shop::with(&double, embedded(), &short("200ms", &format!("max_stale: 1h\n{brief}")), |_| {});
    for origin in ["short", "brief"] {
        shop.get(origin, "a").await.expect("a value");
        shop.kept(origin, 1).await;
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    for (status, body) in [(503, &b""[..]), (200, b"garbage"), (302, b""), (401, b"{}")] {
        double.set("/short/a", Does::Says(status, body.to_vec()));
        let found = shop.get("short", "a").await.expect("a stale value");
        assert_eq!((found.via, found.value), (Via::Stale, Some(json!({ "v": 1 }))), "{status}");
        assert!(found.age >= Duration::from_millis(200));
    }
    assert!(matches!(shop.get("brief", "a").await, Err(OriginError::Failed(_))), "without max_stale");
    double.has("/short/a", json!({ "v": 2 }));
    assert_eq!(shop.get("short", "a").await.expect("back").value, Some(json!({ "v": 2 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_none_is_believed_for_a_short_time_only() {
    let double = OriginDouble::start().await;
    let shop = Shop::with(&double, embedded(), &short("1h", "missing: 3s\n"), |_| {});
    assert_eq!(shop.get("short", "a").await.expect("an answer").value, None);
    shop.kept("short", 1).await;
    double.has("/short/a", json!(1));
    let again = shop.get("short", "a").await.expect("an answer");
    assert_eq!((again.via, again.value, double.asked("/short/a")), (Via::Hit, None, 1));
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(shop.get("short", "a").await.expect("an answer").value, Some(json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_not_read_and_one_that_is_merely_long_is_given() {
    let double = OriginDouble::start().await;
    double.has("/reviews/long", json!("x".repeat(200_000)));
    double.set("/reviews/huge", Does::Says(200, vec![b'1'; 6 << 20]));
    let shop = Shop::new(&double);
    assert!(shop.get("review", "long").await.is_ok());
    let huge = shop.get("review", "huge").await;
    assert!(matches!(&huge, Err(OriginError::Failed(failed)) if failed.trouble == Trouble::TooLarge), "{huge:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_began_before_an_invalidation_is_not_kept_nor_shared_with_who_asks_after_it() {
    let double = OriginDouble::start().await;
    double.set("/reviews/B1", Does::Slowly(Duration::from_millis(600), json!("old")));
    let shop = Shop::new(&double);
    let early = shop.get("review", "B1");
    let late = async {
        eventually("the fetch is under way", || async { double.asked("/reviews/B1") == 1 }).await;
        double.has("/reviews/B1", json!("new"));
        shop.store.invalidate(&[Tag("review:b1".into())]).await.expect("invalidated");
        shop.get("review", "B1").await
    };
    let (early, late) = tokio::join!(early, late);
    assert_eq!(early.expect("a value").value, Some(json!("old")), "who asked before may have it");
    assert_eq!(late.expect("a value").value, Some(json!("new")));
    eventually("the old one is refused", || async { shop.fills("review", "outdated") == 1 }).await;
    assert_eq!(shop.get("review", "B1").await.expect("a value").value, Some(json!("new")));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_invalidated_by_product_user_section_and_origin_in_any_spelling() {
    let double = OriginDouble::start().await;
    double.has("/recommendations/U1/B1", json!(["B2"]));
    double.has("/promotions/Manga-Home", json!("20% off"));
    let shop = Shop::new(&double);
    let reco = async || shop.origins.get(&tenant(), "reco", vec!["U1".into(), "B1".into()]).await.expect("a value").via;
    let promo = async || shop.get("promo", "Manga-Home").await.expect("a value").via;
    let mut fills = 0;
    for tag in ["product:b1", "user:u1", "reco:u1:b1", "origin:reco"] {
        assert_eq!(reco().await, Via::Miss, "before {tag}");
        fills += 1;
        shop.kept("reco", fills).await;
        assert_eq!(reco().await, Via::Hit);
        shop.store.invalidate(&[Tag(tag.into())]).await.expect("invalidated");
    }
    promo().await;
    shop.kept("promo", 1).await;
    shop.store.invalidate(&[Tag("section:manga-home".into())]).await.expect("invalidated");
    assert_eq!(promo().await, Via::Miss);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_share_nothing_and_the_service_hears_for_whom_it_is_asked() {
    let double = OriginDouble::start().await;
    double.has("/reviews/B1", json!(1));
    let shop = Shop::new(&double);
    for (tenant, fills) in [("one", 1), ("two", 2)] {
        let found = shop.origins.get(&tenant.into(), "review", vec!["B1".into()]).await.expect("a value");
        assert_eq!(found.via, Via::Miss, "{tenant}");
        shop.kept("review", fills).await;
    }
    assert_eq!(double.tenants(), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_keys_only_the_misses_are_fetched_and_one_failure_spoils_no_other() {
    let double = OriginDouble::start().await;
    (0..10).for_each(|n| double.has(&format!("/reviews/B{n}"), json!(n)));
    double.set("/reviews/B9", Does::Says(500, vec![]));
    let shop = Shop::new(&double);
    let keys = |to: usize| (0..to).map(|n| vec![format!("B{n}")]).collect::<Vec<_>>();
    shop.origins.get_many(&tenant(), "review", keys(4)).await.expect("values");
    shop.kept("review", 4).await;
    let found = shop.origins.get_many(&tenant(), "review", keys(10)).await.expect("values");
    let via: Vec<_> = found.iter().map(|found| found.as_ref().ok().map(|found| found.via)).collect();
    assert_eq!(via[..9], [vec![Some(Via::Hit); 4], vec![Some(Via::Miss); 5]].concat());
    assert!(via[9].is_none() && found[3].as_ref().is_ok_and(|found| found.value == Some(json!(3))));
    assert_eq!((double.asked("/reviews/B0"), double.asked("/reviews/B5")), (1, 1));
    assert_eq!(shop.registry.counter(&ORIGIN_READS, &["review", "hit"]).get(), 4);
    assert!(shop.origins.get_many(&tenant(), "review", keys(101)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_ask_for_is_fetched_anew_before_it_expires() {
    let double = OriginDouble::start().await;
    double.has("/short/a", json!(1));
    let shop = Shop::with(&double, embedded(), &short("6s", "refresh: 1h\nmax_stale: 1h\n"), |_| {});
    shop.get("short", "a").await.expect("a value");
    shop.kept("short", 1).await;
    double.has("/short/a", json!(2));
    eventually("it is fetched anew", || async { shop.registry.counter(&ORIGIN_REFRESHES, &["short"]).get() >= 1 })
        .await;
    shop.kept("short", 2).await;
    let found = shop.get("short", "a").await.expect("a value");
    assert_eq!((found.via, found.value), (Via::Hit, Some(json!(2))), "nobody had to wait for it");
}
