use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::*;
use crate::{clock::Timestamp, tasks::Tasks, telemetry::catalogue};

/// A resolver that the test turns.
#[derive(Default)]
struct Turned {
    asked: AtomicU64,
    takes: Mutex<Duration>,
    says: Mutex<Option<IpAddr>>,
}

#[async_trait::async_trait]
impl Lookup for Turned {
    async fn look_up(&self, _: &str) -> Result<Vec<IpAddr>, Trouble> {
        self.asked.fetch_add(1, SeqCst);
        let takes = *self.takes.lock().expect("no panic");
        tokio::time::sleep(takes).await;
        let says = *self.says.lock().expect("no panic");
        says.map(|address| vec![address]).ok_or(Trouble::Failed("SERVFAIL".into()))
    }
}

struct Bench {
    behind: Arc<Turned>,
    resolver: Resolver,
    registry: Registry,
}

impl Bench {
    fn new() -> Self {
        let (behind, registry) = (Arc::new(Turned::default()), Registry::default());
        let clock = Clock::starting_at(Timestamp(1_000_000));
        let resolver = Resolver::new(behind.clone(), Terms::default(), "zone-a", clock, &registry);
        let bench = Self { behind, resolver, registry };
        bench.be(4, Some(7));
        bench
    }

    /// The resolver takes so many milliseconds and says so.
    fn be(&self, millis: u64, says: Option<u8>) {
        *self.behind.takes.lock().expect("no panic") = Duration::from_millis(millis);
        *self.behind.says.lock().expect("no panic") = says.map(|last| IpAddr::from([10, 0, 0, last]));
    }

    async fn resolve(&self) -> Result<u8, NoAddress> {
        let found = self.resolver.resolve("models.example").await?;
        Ok(match found[0] {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        })
    }

    fn counted(&self, result: &str) -> u64 {
        self.registry.counter(&catalogue::DNS_LOOKUPS, &["zone-a", result]).get()
    }

    fn last_good(&self) -> u64 {
        self.registry.counter(&catalogue::DNS_LAST_GOOD, &["zone-a"]).get()
    }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_dies_breaks_nothing_that_is_known_and_delays_it_hardly() {
    let bench = Bench::new();
    assert_eq!(bench.resolve().await, Ok(7));
    bench.be(60_000, None);
    seconds(61).await;
    let began = Instant::now();
    assert_eq!(bench.resolve().await, Ok(7));
    assert_eq!(began.elapsed(), Terms::default().wait, "the short wait, not the resolver's");
    seconds(6).await;
    let again = Instant::now();
    assert_eq!(bench.resolve().await, Ok(7));
    assert!(again.elapsed() <= Terms::default().wait);
    assert_eq!((bench.last_good(), bench.counted("timeout")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_look_up_serves_all_who_ask_at_once_and_outlives_the_first() {
    let bench = Bench::new();
    bench.be(1_000, Some(7));
    let impatient = timeout(Duration::from_millis(10), bench.resolve()).await;
    assert!(impatient.is_err());
    let asking = std::iter::repeat_with(|| bench.resolve()).take(50);
    let answers = futures_util::future::join_all(asking).await;
    assert!(answers.iter().all(|answer| *answer == Ok(7)));
    assert_eq!(bench.behind.asked.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_in_use_is_kept_fresh_so_that_nobody_waits_for_it() {
    let bench = Bench::new();
    assert_eq!(bench.resolve().await, Ok(7));
    let tasks = Tasks::default();
    tasks.spawn_until_stopped(bench.resolver.clone().keep_fresh());
    bench.be(900, Some(8));
    seconds(47).await;
    let began = Instant::now();
    assert_eq!((bench.resolve().await, began.elapsed()), (Ok(8), Duration::ZERO));
    assert_eq!(bench.behind.asked.load(SeqCst), 2);
    tasks.shut_down(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_knows_fails_within_the_deadline_and_is_asked_again_soon() {
    let bench = Bench::new();
    bench.be(60_000, None);
    let began = Instant::now();
    let failed = bench.resolve().await.expect_err("nobody knows it");
    assert_eq!((failed.trouble, began.elapsed()), (Trouble::Late(Duration::from_secs(5)), Duration::from_secs(5)));
    let told = bench.resolve().await.expect_err("a moment later").to_string();
    assert!(told.starts_with("no address for models.example: the resolver did not answer within 5s"), "{told}");
    assert_eq!(bench.behind.asked.load(SeqCst), 1, "not asked again at once");
    bench.be(4, Some(9));
    seconds(2).await;
    assert_eq!(bench.resolve().await, Ok(9));
}

#[tokio::test(start_paused = true)]
async fn what_the_resolver_takes_is_measured_under_the_zone_and_fades_when_nobody_asks() {
    let bench = Bench::new();
    let tasks = Tasks::default();
    tasks.spawn_until_stopped(bench.resolver.clone().keep_fresh());
    bench.be(1_100, Some(7));
    assert_eq!(bench.resolve().await, Ok(7));
    let gauge = bench.registry.gauge(&catalogue::DNS_LATENCY, &["zone-a"]);
    assert!((gauge.get() - 1.1).abs() < 0.01, "{}", gauge.get());
    assert_eq!(bench.counted("answered"), 1);
    seconds(3_600).await;
    seconds(120).await;
    assert!(gauge.get().is_nan(), "nobody has used the name for an hour");
    tasks.shut_down(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_over_by_its_name_is_followed_at_once() {
    let bench = Bench::new();
    assert_eq!(bench.resolve().await, Ok(7));
    bench.be(4, Some(8));
    assert_eq!(bench.resolve().await, Ok(7), "fresh for everybody else");
    let newest = bench.resolver.newest("models.example").await.expect("an address");
    assert_eq!(&*newest, [IpAddr::from([10, 0, 0, 8])]);
    bench.be(4, None);
    assert_eq!(bench.resolver.newest("models.example").await, Ok(newest), "the last good one");
}

#[tokio::test]
async fn an_address_needs_no_resolver() {
    let bench = Bench::new();
    bench.be(0, None);
    for literal in ["127.0.0.1", "[::1]"] {
        assert!(bench.resolver.resolve(literal).await.is_ok(), "{literal}");
    }
    assert_eq!(bench.behind.asked.load(SeqCst), 0);
}

#[tokio::test]
async fn the_machine_s_own_resolver_knows_this_machine() {
    let found = Resolver::system().resolve("localhost").await.expect("an address");
    assert!(found.iter().all(|address| address.is_loopback()), "{found:?}");
}
