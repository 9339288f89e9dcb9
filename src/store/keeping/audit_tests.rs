use std::sync::Arc;

use super::*;
use crate::{
    clock::Clock,
    store::{
        Entry,
        embedded::{Embedded, Limits},
        sample,
    },
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A store in which, two days ago, `entries` of an intent were stored for `ttl`; the first `asked` of them were asked for
/// once, `after` they were stored.
async fn store(intent: &str, entries: usize, ttl: Duration, asked: usize, after: Duration) -> (Embedded, Timestamp) {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Embedded::in_memory(Limits::default(), clock);
    for n in 0..entries {
        let end = Timestamp(0) + ttl;
        let entry =
            Entry { intent: intent.into(), fresh_until: end, keep_until: end, ..sample::entry(&n.to_string(), &[]) };
        store.put(Arc::new(entry)).await.expect("put");
    }
    tokio::time::advance(after).await;
    let hits: Vec<_> = (0..asked).map(|n| (sample::key(&n.to_string()), 1)).collect();
    store.count_hits(&hits).await.expect("counted");
    tokio::time::advance(HOUR * 48 - after).await;
    (store, clock.now())
}

#[tokio::test(start_paused = true)]
async fn a_ttl_far_beyond_the_access_pattern_is_named_with_a_better_one() {
    let (store, now) = store("recommendation", 40, HOUR * 24 * 7, 30, Duration::from_secs(40 * 60)).await;
    let audit = Audit::of(&store, now, None).await.expect("audits");
    let of = &audit.intents[0];
    assert_eq!((of.ripe, of.never_hit, of.hits), (40, 10, 30));
    let finding = of.finding.as_deref().expect("it is far too long");
    assert!(finding.contains("`banto knobs set ttl.recommendation 2h`"), "{finding}");
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_nobody_asks_for_twice_is_named() {
    let (store, now) = store("manga_search", 40, HOUR * 72, 2, HOUR * 40).await;
    let finding = Audit::of(&store, now, None).await.expect("audits").intents.remove(0).finding;
    assert!(finding.as_deref().is_some_and(|why| why.starts_with("95 % of it was never asked for")), "{finding:?}");
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_is_asked_for_to_the_end_is_left_in_peace() {
    let (store, now) = store("faq", 40, HOUR * 72, 40, HOUR * 30).await;
    let audit = Audit::of(&store, now, None).await.expect("audits");
    assert_eq!(audit.intents[0].finding, None);
    assert_eq!(audit.intents[0].between_hits.map(|span| span.0), Some(HOUR * 30));
}

#[tokio::test(start_paused = true)]
async fn entries_are_counted_by_their_time_to_live() {
    let (store, now) = store("faq", 3, HOUR * 72, 0, HOUR).await;
    let audit = Audit::of(&store, now, None).await.expect("audits");
    let filled: Vec<_> = audit.buckets.iter().filter(|bucket| bucket.entries > 0).collect();
    assert_eq!((filled.len(), filled[0].ttl.as_str(), filled[0].entries), (1, "up to 7 days", 3));
    assert_eq!((audit.entries, audit.bytes), (3, filled[0].bytes));
}

#[tokio::test(start_paused = true)]
async fn what_budgets_hold_back_is_not_forecast_to_fill_the_store() {
    let clock = Clock::starting_at(Timestamp(0));
    let limits = Limits { bytes: crate::units::Bytes(1 << 20), ..Limits::default() };
    let store = Embedded::in_memory(limits, clock);
    for n in 0..400 {
        let (stored_at, end) = (clock.now(), clock.now() + HOUR * 24 * 30);
        let entry = Entry { stored_at, fresh_until: end, keep_until: end, ..sample::entry(&n.to_string(), &[]) };
        store.put(Arc::new(entry)).await.expect("put");
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let shares = [("faq".into(), crate::units::Ratio::basis_points(1_000))].into_iter().collect();
    let enforcement = Enforcement { shares, first: HOUR, every: HOUR * 6 };
    let full_in =
        async |enforcement| Audit::of(&store, clock.now(), enforcement).await.expect("audits").forecast.full_in;
    assert!(full_in(None).await.is_some(), "sixty an hour for a month are too many");
    assert_eq!(full_in(Some(&enforcement)).await, None, "but never more than six hours of them are there");
}
