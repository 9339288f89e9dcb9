//! What letting a request in costs, and what becomes of requests when three times as many come as fit:
//! `cargo bench --bench admission`.
//!
//! First the decisions that every request passes, without a store in the path: the crowd's sketches, the limits of user,
//! network, tier and everybody, and a breaker's ticket from its draw to its end. Then the curve: goodput and waits of each
//! tier under a load that grows to three times the limit, on a paused clock, so that the machine has no part in it.

use std::{hint::black_box, net::IpAddr, sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    dice::Dice,
    engine::{
        admit::{Admission, Admitted, Limit, Shares},
        asked::{Caller, Tier},
        crowd::Crowd,
        model::breaker::{
            Breaker,
            machine::{Outcome, Settings},
        },
    },
    tasks::Tasks,
    telemetry::registry::Registry,
};
use futures_util::{FutureExt, future::join_all};
use tokio::time::Instant;

const ROUNDS: usize = 21;
const REQUESTS: usize = 20_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { costs() });
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    paused.block_on(curve());
}

fn admitted(rate: f64, burst: f64, queue: Duration) -> Admitted {
    let own = Some(Limit { rate: 1e6, burst: 1e6 });
    Admitted {
        all: Limit { rate, burst },
        shares: Shares::default(),
        per_user: own,
        per_network: own,
        queue,
        shared: false,
    }
}

fn costs() {
    let (registry, dice) = (Registry::default(), Arc::new(Dice::seeded(1)));
    let admission = Admission::new(&admitted(1e9, 1e9, Duration::from_secs(5)), &registry);
    let crowd = Crowd::new(&registry, &dice);
    let breaker = Breaker::new("primary".into(), Settings::default(), &registry, dice, Clock::system());
    let callers: Vec<_> = (0..REQUESTS).map(caller).collect();
    let texts: Vec<_> =
        (0..997).map(|n| format!("When does volume {n} of Jujutsu Kaisen come out in English?")).collect();
    let asking = || callers.iter().zip(texts.iter().cycle());
    show("crowd", || asking().for_each(|(caller, text)| crowd.note(black_box(caller), text)));
    let admit =
        |caller: &Caller| admission.admit(black_box(caller), None).now_or_never().expect("no wait").expect("room");
    show("limits of user, network, tier, all", || callers.iter().for_each(admit));
    show("breaker", || {
        (0..REQUESTS).for_each(|_| breaker.admit().into_iter().for_each(|ticket| ticket.settle(Outcome::Answered)));
    });
    show("all of them", || {
        for (caller, text) in asking() {
            crowd.note(caller, text);
            admit(caller);
            breaker.admit().into_iter().for_each(|ticket| ticket.settle(Outcome::Answered));
        }
    });
}

/// One of 5,000 users in 500 networks.
fn caller(n: usize) -> Caller {
    let address = IpAddr::from([20, (n % 5) as u8, (n % 100) as u8, (n % 250) as u8]);
    Caller {
        tenant: "shop".into(),
        user: Some(format!("user-{}", n % 5_000).into()),
        tier: Tier::Registered,
        address: Some(address),
    }
}

fn show(what: &str, round: impl Fn()) {
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            round();
            started.elapsed().as_secs_f64() * 1e9 / REQUESTS as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{:>8.0} ns median, {:>8.0} ns longest round: {what}", rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
}

/// A limit of 1,000 a second, and a tenth premium, a third registered, the rest anonymous callers.
async fn curve() {
    const LIMIT: f64 = 1_000.0;
    const SECONDS: f64 = 20.0;
    println!(
        "\n{:>6} {:>9} {:>10} {:>12} {:>12} {:>12} {:>10}",
        "load", "goodput", "premium", "premium p95", "registered", "anonymous", "refused"
    );
    for tenths in [5, 8, 10, 12, 15, 20, 25, 30] {
        let limits =
            Admitted { per_user: None, per_network: None, ..admitted(LIMIT, LIMIT / 2.0, Duration::from_secs(5)) };
        let admission = Arc::new(Admission::new(&limits, &Registry::default()));
        let tasks = Tasks::default();
        tasks.spawn_until_stopped(admission.clone().turnstile());
        let load = LIMIT * f64::from(tenths) / 10.0;
        let began = Instant::now();
        let asking = (0..(load * SECONDS) as u32).map(|n| {
            let (admission, tier) = (
                admission.clone(),
                [Tier::Premium, Tier::Registered, Tier::Registered, Tier::Registered]
                    .get(n as usize % 10)
                    .copied()
                    .unwrap_or(Tier::Anonymous),
            );
            async move {
                tokio::time::sleep_until(began + Duration::from_secs_f64(f64::from(n) / load)).await;
                let (came, caller) =
                    (Instant::now(), Caller { tenant: "shop".into(), user: None, tier, address: None });
                (tier, admission.admit(&caller, None).await.ok().map(|()| came.elapsed()), Instant::now())
            }
        });
        let served = join_all(asking).await;
        let within = began + Duration::from_secs_f64(SECONDS);
        let of = |tier: Tier| {
            let all = served.iter().filter(move |it| it.0 == tier);
            let entered = all.clone().filter(|it| it.1.is_some()).count();
            entered as f64 / all.count().max(1) as f64 * 100.0
        };
        let entered = served.iter().filter(|it| it.1.is_some() && it.2 <= within).count() as f64;
        let mut waits: Vec<_> = served.iter().filter(|it| it.0 == Tier::Premium).filter_map(|it| it.1).collect();
        waits.sort_unstable();
        let p95 = waits.get(waits.len() * 95 / 100).copied().unwrap_or_default();
        let refused = served.iter().filter(|it| it.1.is_none()).count() as f64 / served.len() as f64 * 100.0;
        println!(
            "{:>5.1}x {:>7.0}/s {:>9.1}% {:>12.1?} {:>11.1}% {:>11.1}% {:>9.1}%",
            f64::from(tenths) / 10.0,
            entered / SECONDS,
            of(Tier::Premium),
            p95,
            of(Tier::Registered),
            of(Tier::Anonymous),
            refused
        );
        tasks.shut_down(Duration::from_secs(1)).await;
    }
}
