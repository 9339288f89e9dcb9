use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn pool(size: u64, queue: usize) -> (Pool, Registry) {
    let metrics = Registry::default();
    let dimensions = Dimensions { size, queue, wait: Duration::from_secs(1), adapts: None };
    (Pool::new(&"primary".into(), dimensions, &metrics), metrics)
}

fn adaptive(size: u64, least: u64) -> Pool {
    let adapts = Some(Adapts { least, slow_after: None });
    Pool::new(&"primary".into(), Dimensions { size, adapts, ..Dimensions::default() }, &Registry::default())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_makes_wait_and_then_sends_on() {
    let (pool, metrics) = pool(1, 1);
    let _slot = pool.check_out(soon()).await.expect("a free place");
    assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Wait(Duration::from_secs(1)));
    assert_eq!(metrics.counter(&catalogue::POOL_OVERFLOW, &["primary"]).get(), 1);
    assert_eq!(metrics.gauge(&catalogue::POOL_QUEUE, &["primary"]).get(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_no_longer_than_it_may_be() {
    let (pool, _) = pool(1, 0);
    let _slot = pool.check_out(soon()).await.expect("a free place");
    assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Queue);
}

#[tokio::test(start_paused = true)]
async fn growing_serves_those_who_wait() {
    let (pool, metrics) = pool(1, 8);
    let _slot = pool.check_out(soon()).await.expect("a free place");
    let (waiter, ()) = tokio::join!(pool.check_out(soon()), async { pool.resize(2) });
    assert!(waiter.is_ok());
    assert_eq!(metrics.gauge(&catalogue::POOL_ACTIVE, &["primary"]).get(), 2.0);
    assert_eq!(metrics.gauge(&catalogue::POOL_UTILIZATION, &["primary"]).get(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_frees_its_place_in_the_queue() {
    let (pool, metrics) = pool(1, 1);
    let _slot = pool.check_out(soon()).await.expect("a free place");
    let left = tokio::time::timeout(Duration::from_millis(10), pool.check_out(soon())).await;
    assert!(left.is_err());
    assert_eq!(metrics.gauge(&catalogue::POOL_QUEUE, &["primary"]).get(), 0.0);
    assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Wait(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_makes_an_adaptive_pool_smaller_and_answers_make_it_grow_back() {
    let pool = adaptive(8, 2);
    assert_eq!(pool.refused(Instant::now()), Some(Verdict::Cut));
    assert_eq!(pool.places.available_permits(), 6);
    let slots: Vec<_> = futures_util::future::join_all((0..6).map(|_| pool.check_out(soon()))).await;
    assert!(slots.iter().all(Result::is_ok));
    (0..20).for_each(|_| pool.answered(Instant::now(), None));
    assert_eq!(pool.size().wanted, 8);
}

#[tokio::test(start_paused = true)]
async fn the_knob_is_the_ceiling_of_an_adaptive_pool() {
    let pool = adaptive(8, 2);
    pool.refused(Instant::now());
    pool.resize(30);
    assert_eq!(pool.size().wanted, 6, "what the model was found to bear");
    pool.resize(3);
    assert_eq!(pool.size().wanted, 3);
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_pool_leaves_refusals_to_the_breaker() {
    let (pool, _) = pool(5, 0);
    assert_eq!(pool.refused(Instant::now()), None);
    assert_eq!(pool.places.available_permits(), 5);
}

proptest! {
    #[test]
    fn however_it_is_resized_it_never_holds_more_than_its_size_once_slots_came_back(
        steps in prop::collection::vec(prop_oneof![
            (1..20u64).prop_map(Some), Just(None),
        ], 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let (pool, _) = pool(5, 0);
            let (mut size, mut held) = (5, VecDeque::new());
            for step in steps {
                match step {
                    Some(wanted) => { pool.resize(wanted); size = wanted; }
                    None => if let Ok(slot) = pool.check_out(soon()).await { held.push_back(slot); }
                            else { held.pop_front(); },
                }
                let free = pool.places.available_permits() as u64;
                let owed = pool.size().owed;
                prop_assert_eq!(free + held.len() as u64, size + owed);
            }
            held.clear();
            prop_assert_eq!(pool.places.available_permits() as u64, size);
            prop_assert_eq!(pool.size().owed, 0);
            Ok(())
        })?;
    }
}
