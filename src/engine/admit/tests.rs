#![expect(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::future::join_all;

use super::*;
use crate::{
    clock::Clock,
    dice::Dice,
    store::{
        Lease, Store, StoreError,
        embedded::{Embedded, Limits},
    },
    tasks::Tasks,
};

fn caller(tier: Tier, user: Option<&str>) -> Caller {
    Caller { tenant: "shop".into(), user: user.map(Into::into), tier, address: None }
}

fn admitted(rate: f64, burst: f64) -> Admitted {
    Admitted {
        all: Limit { rate, burst },
        shares: Shares::default(),
        per_user: Some(Limit { rate: 1.0, burst: 2.0 }),
        per_network: None,
        queue: Duration::from_secs(2),
        shared: false,
    }
}

fn start(admitted: &Admitted) -> (Arc<Admission>, Tasks) {
    let (admission, tasks) = (Arc::new(Admission::new(admitted, &Registry::default())), Tasks::default());
    tasks.spawn_until_stopped(admission.clone().turnstile());
    (admission, tasks)
}

async fn admit_all(admission: &Admission, tier: Tier, many: usize) -> Vec<Result<(), Limited>> {
    let someone = caller(tier, None);
    join_all((0..many).map(|_| admission.admit(&someone, None))).await
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_common_limit_wait_their_turn_and_the_rest_is_refused_at_once() {
    let (admission, _tasks) = start(&admitted(10.0, 10.0));
    let started = Instant::now();
    let outcomes = admit_all(&admission, Tier::Premium, 40).await;
    let entered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    // Of ten tokens four are kept for others; of ten a second, all come to premium while nobody else asks.
    assert!((24..=27).contains(&entered), "{entered}");
    assert!(started.elapsed() <= Duration::from_millis(2_100), "{:?}", started.elapsed());
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.err()).collect();
    let at_once = refused.iter().filter(|it| it.wait > Duration::from_secs(2)).count();
    assert!(refused.iter().all(|it| it.scope == Scope::Global) && refused.len() - at_once <= 2, "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_user_who_is_too_fast_is_told_so_and_nobody_pays_for_what_was_refused() {
    let (admission, _tasks) = start(&admitted(1_000.0, 1_000.0));
    let (fast, other) = (caller(Tier::Anonymous, Some("fast")), caller(Tier::Anonymous, Some("other")));
    for _ in 0..2 {
        assert_eq!(admission.admit(&fast, None).await, Ok(()));
    }
    let limited = Limited { scope: Scope::User, wait: Duration::from_secs(1) };
    assert_eq!(admission.admit(&fast, None).await, Err(limited));
    admission.set_global(Limit { rate: 0.001, burst: 0.001 });
    while admission.admit(&caller(Tier::Anonymous, None), None).await.is_ok() {}
    for _ in 0..10 {
        let refused = admission.admit(&other, None).await.map_err(|limited| limited.scope);
        assert_eq!(refused, Err(Scope::Global));
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_too_fast_is_refused_whatever_its_users_are_called() {
    let limits = Admitted { per_network: Some(Limit { rate: 1.0, burst: 5.0 }), ..admitted(1_000.0, 1_000.0) };
    let (admission, _tasks) = start(&limits);
    let from =
        |user: &str, address: &str| Caller { address: address.parse().ok(), ..caller(Tier::Anonymous, Some(user)) };
    for n in 0..5 {
        assert_eq!(admission.admit(&from(&format!("u{n}"), &format!("192.0.2.{n}")), None).await, Ok(()));
    }
    let refused = admission.admit(&from("u9", "192.0.2.99"), None).await.map_err(|limited| limited.scope);
    assert_eq!(refused, Err(Scope::Network));
    assert_eq!(admission.admit(&from("u9", "198.51.100.1"), None).await, Ok(()));
    admission.be_strict(0.2);
    assert_eq!(admission.admit(&from("a", "203.0.113.1"), None).await, Ok(()));
    let refused = admission.admit(&from("b", "203.0.113.2"), None).await.map_err(|limited| limited.scope);
    assert_eq!(refused, Err(Scope::Network), "a fifth of five at once is one");
}

#[tokio::test(start_paused = true)]
async fn one_network_may_use_a_share_of_the_common_limit_even_where_networks_have_none_of_their_own() {
    let (admission, _tasks) = start(&Admitted { per_network: None, ..admitted(100.0, 500.0) });
    let from = |n: u32, address: &str| Caller {
        address: address.parse().ok(),
        ..caller(Tier::Anonymous, Some(&format!("{address}-{n}")))
    };
    admission.cap_networks(0.02);
    let mut served = 0;
    for n in 0..20 {
        served += u32::from(admission.admit(&from(n, "192.0.2.1"), None).await.is_ok());
    }
    assert_eq!(served, 10, "a fiftieth of five hundred");
    let refused = admission.admit(&from(21, "192.0.2.7"), None).await.map_err(|limited| limited.scope);
    assert_eq!(refused, Err(Scope::Network));
    assert_eq!(admission.admit(&from(0, "198.51.100.1"), None).await, Ok(()), "another network");
    assert_eq!(admission.admit(&caller(Tier::Anonymous, None), None).await, Ok(()), "nobody tells where from");
    admission.cap_networks(1.0);
    assert_eq!(admission.admit(&from(22, "192.0.2.1"), None).await, Ok(()), "lifted");
}

#[tokio::test(start_paused = true)]
async fn a_raised_limit_lets_those_in_line_in_at_once() {
    let (admission, _tasks) = start(&admitted(1.0, 1.0));
    admit_all(&admission, Tier::Premium, 1).await;
    let waiting = admission.clone();
    let started = Instant::now();
    let in_line = tokio::task::spawn(async move { waiting.admit(&caller(Tier::Premium, None), None).await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    admission.set_global(Limit { rate: 100.0, burst: 200.0 });
    assert_eq!(in_line.await.expect("no panic"), Ok(()));
    assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_gives_its_place_to_the_next() {
    let (admission, _tasks) = start(&admitted(1.0, 1.0));
    admit_all(&admission, Tier::Premium, 1).await;
    for _ in 0..50 {
        let leaving = caller(Tier::Premium, None);
        let _ = tokio::time::timeout(Duration::from_millis(1), admission.admit(&leaving, None)).await;
    }
    assert_eq!(admission.lines().waiting(), 0);
    let staying = caller(Tier::Premium, None);
    assert_eq!(admission.admit(&staying, None).await, Ok(()), "nobody stands before it");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_as_long_as_the_line_is_told_so_at_once() {
    let (admission, _tasks) = start(&admitted(10.0, 1.0));
    admit_all(&admission, Tier::Premium, 1).await;
    let started = Instant::now();
    let hasty = admission.admit(&caller(Tier::Premium, None), Some(Duration::from_millis(20))).await;
    let wait = hasty.expect_err("too late").wait;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(wait > Duration::from_millis(20) && wait < Duration::from_millis(200), "{wait:?}");
}

/// Requests of each tier a second, over and over; what became of them.
#[derive(Default)]
struct Load {
    entered: [usize; 3],
    refused: [usize; 3],
    waits: [Vec<Duration>; 3],
    misjudged: Vec<Duration>,
}

async fn load(admission: &Arc<Admission>, a_second: [u64; 3], seconds: u64) -> Load {
    let load = Arc::new(Mutex::new(Load::default()));
    let mut running = Vec::new();
    for tier in Tier::ALL {
        let (admission, load) = (admission.clone(), load.clone());
        let every = Duration::from_secs_f64(1.0 / a_second[rank(tier)] as f64);
        running.push(tokio::task::spawn(async move {
            let (mut asking, began) = (Vec::new(), Instant::now());
            for n in 0..a_second[rank(tier)] * seconds {
                tokio::time::sleep_until(began + every * n as u32).await;
                let (admission, load) = (admission.clone(), load.clone());
                asking.push(tokio::task::spawn(async move {
                    let (came, estimate) = (Instant::now(), admission.lines().estimate(tier));
                    let outcome = admission.admit(&caller(tier, None), None).await;
                    let mut load = load.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Ok(()) => {
                            load.entered[rank(tier)] += 1;
                            load.waits[rank(tier)].push(came.elapsed());
                            if !came.elapsed().is_zero() {
                                load.misjudged.push(came.elapsed().abs_diff(estimate));
                            }
                        }
                        Err(_) => load.refused[rank(tier)] += 1,
                    }
                }));
            }
            join_all(asking).await;
        }));
    }
    join_all(running).await;
    std::mem::take(&mut *load.lock().unwrap_or_else(PoisonError::into_inner))
}

fn p95(waits: &mut [Duration]) -> Duration {
    waits.sort_unstable();
    waits.get(waits.len() * 95 / 100).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn under_three_times_the_load_goodput_stays_and_premium_does_not_notice() {
    let (admission, _tasks) = start(&admitted(250.0, 250.0));
    // 750 a second where 250 fit: 50 premium, 200 registered, 500 anonymous.
    let began = Instant::now();
    let mut over = load(&admission, [50, 200, 500], 20).await;
    let (entered, took) = (over.entered.iter().sum::<usize>() as f64, began.elapsed().as_secs_f64());
    assert!(entered >= 0.9 * 250.0 * 20.0, "{:?} of 5,000 entered", over.entered);
    assert!(entered <= 250.0 + 250.0 * took + 1.0, "{:?} in {took} s: more than there is", over.entered);
    assert_eq!(over.refused[0], 0, "no premium request was refused");
    assert!(p95(&mut over.waits[0]) <= Duration::from_millis(5), "{:?}", p95(&mut over.waits[0]));
    assert!(over.entered[2] >= 400, "nobody starves: {:?}", over.entered);
    // The wait that was told is the wait there was.
    let off = p95(&mut over.misjudged);
    assert!(off <= Duration::from_millis(600), "95 % of the waits were told right within {off:?}");
}

fn fleet_store() -> Arc<dyn Store> {
    Arc::new(Embedded::in_memory(Limits::default(), Clock::system()))
}

#[tokio::test(start_paused = true)]
async fn four_nodes_share_one_limit_whichever_of_them_is_asked() {
    let (store, tasks) = (fleet_store(), Tasks::default());
    let nodes: Vec<_> = (0..4).map(|_| start(&Admitted { shared: true, ..admitted(100.0, 100.0) })).collect();
    for (n, (admission, _)) in nodes.iter().enumerate() {
        tasks.spawn_until_stopped(admission.clone().share(store.clone(), Arc::new(Dice::seeded(n as u64))));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let loads = [[1, 1, 200], [1, 1, 100], [1, 1, 5], [1, 1, 50]];
    let running = nodes.iter().zip(loads).map(|((admission, _), load)| self::load(admission, load, 10));
    let entered: Vec<usize> = join_all(running).await.iter().map(|load| load.entered.iter().sum()).collect();
    let all: usize = entered.iter().sum();
    assert!((900..=1_350).contains(&all), "{entered:?}: a rate of 100 for 10 s and what was saved up");
    assert!(entered[2] >= 50, "a quiet node is served too: {entered:?}");
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_node_goes_on_with_a_tenth_and_comes_back() {
    let store = Gone { store: fleet_store(), away: Arc::default() };
    let (admission, tasks) = start(&Admitted { shared: true, ..admitted(100.0, 100.0) });
    tasks.spawn_until_stopped(admission.clone().share(store.clone(), Arc::new(Dice::seeded(3))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(admission.lines().flow.supply(), Supply::Leased { .. }));
    store.away.store(true, Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    load(&admission, [1, 1, 100], 5).await;
    let entered: usize = load(&admission, [1, 1, 100], 10).await.entered.iter().sum();
    assert!((90..=130).contains(&entered), "{entered}");
    store.away.store(false, Relaxed);
    load(&admission, [1, 1, 20], 2).await;
    let entered: usize = load(&admission, [1, 1, 60], 10).await.entered.iter().sum();
    assert!(entered >= 550, "{entered}");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_goes_from_node_to_node_meets_one_limit() {
    let (store, tasks) = (fleet_store(), Tasks::default());
    let limits = Admitted { shared: true, per_user: Some(Limit { rate: 2.0, burst: 20.0 }), ..admitted(1e4, 1e4) };
    let nodes: Vec<_> = (0..5).map(|_| start(&limits)).collect();
    for (n, (admission, _)) in nodes.iter().enumerate() {
        tasks.spawn_until_stopped(admission.clone().share(store.clone(), Arc::new(Dice::seeded(n as u64))));
    }
    let (dice, someone) = (Dice::seeded(5), caller(Tier::Registered, Some("aiko")));
    let mut entered = 0;
    for _ in 0..600 {
        let node = (dice.bits() % 5) as usize;
        entered += usize::from(nodes[node].0.admit(&someone, None).await.is_ok());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // 30 s at 2 a second and 20 at once are 80; five nodes that know nothing of each other would let in 400.
    assert!((60..=170).contains(&entered), "{entered}");
}

/// A lender that can be taken away.
#[derive(Clone)]
struct Gone {
    store: Arc<dyn Store>,
    away: Arc<AtomicBool>,
}

impl Lender for Gone {
    async fn lease(&self, name: &str, limit: Limit, want: u64) -> Result<Lease, StoreError> {
        if self.away.load(Relaxed) {
            return Err(StoreError::Unreachable("taken away".into()));
        }
        Lender::lease(&self.store, name, limit, want).await
    }
}
