//! When the store is full, if as much comes in as today.
//!
//! Each intent takes in so many entries a second, each of its mean size, and lets them go after their life: it grows towards
//! `rate × size × life`, the steady state, as a bath with a drain does. Every few hours what is over its budget goes too. When
//! what comes in between fits, the store is never full.

mod ahead;
mod flow;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::ahead::Ahead;
pub(super) use self::flow::Flow;
use super::budgets::Enforcement;
use crate::units::TimeSpan;

/// Intents that share one budget.
#[derive(Clone, Debug, Default)]
pub(super) struct Purse {
    /// What they may hold together. Unit: bytes. `None` when nothing is set for them, or the store has no limit.
    pub(super) budget: Option<u64>,
    /// What each holds, and what comes in.
    pub(super) flows: Vec<Flow>,
}

/// When the store is full.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// In how long; `None` when it never will be, or not within a year.
    pub full_in: Option<TimeSpan>,
    /// What runs out first: `memory` or `entries`; `None` when nothing does.
    pub of: Option<String>,
    /// Bytes that come in a day.
    pub bytes_a_day: u64,
    /// Entries that come in a day.
    pub entries_a_day: u64,
    /// Bytes when as much leaves by itself as comes, budgets left aside.
    pub steady_bytes: u64,
    /// Entries then.
    pub steady_entries: u64,
}

/// When these fill a store of this much memory (used and limit) and so many entries, while budgets are enforced so.
pub(super) fn forecast(
    purses: &[Purse],
    used_of: Option<(u64, u64)>,
    most_entries: Option<u64>,
    enforcement: Option<&Enforcement>,
) -> Forecast {
    let flows = || purses.iter().flat_map(|purse| &purse.flows);
    let held: u64 = flows().map(|flow| flow.bytes).sum();
    // What the store takes beside the entries stays as it is.
    let room = used_of.map(|(used, limit)| limit as f64 - used.saturating_sub(held) as f64);
    let reaches = |weight: fn(&Flow) -> f64, mark| Ahead::of(purses, enforcement).reaches(weight, mark);
    let memory = room.and_then(|room| reaches(Flow::size, room)).map(|at| (at, "memory"));
    let number = most_entries.and_then(|most| reaches(|_| 1.0, most as f64)).map(|at| (at, "entries"));
    let first = [memory, number].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    let a_day = |of: fn(&Flow) -> f64| flows().map(|flow| flow.rate() * flow::DAY * of(flow)).sum::<f64>() as u64;
    Forecast {
        full_in: first.map(|(at, _)| TimeSpan(Duration::from_secs(at as u64))),
        of: first.map(|(_, of)| of.to_owned()),
        bytes_a_day: a_day(Flow::size),
        entries_a_day: a_day(|_| 1.0),
        steady_bytes: flows().map(|flow| flow.steady() * flow.size()).sum::<f64>() as u64,
        steady_entries: flows().map(Flow::steady).sum::<f64>() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        store::{About, sample},
    };

    /// A flow that took in `entries` of 1,000 bytes evenly over the last day, each living for `life`.
    fn flow(entries: u64, life: Duration) -> Flow {
        let now = Timestamp(0) + Duration::from_secs(86_400);
        let mut flow = Flow::default();
        for n in 0..entries {
            let stored_at = Timestamp((86_400_000 * n / entries) as i64);
            if stored_at + life <= now {
                continue;
            }
            let about = About {
                key: sample::key(&n.to_string()),
                intent: "faq".into(),
                bytes: 1_000,
                stored_at,
                fresh_until: stored_at + life,
                keep_until: stored_at + life,
                hits: 0,
                last_hit: None,
            };
            flow.add(&about, now);
        }
        flow
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    /// What these become when nobody enforces anything.
    fn alone(flows: &[Flow], used_of: Option<(u64, u64)>, most_entries: Option<u64>) -> Forecast {
        forecast(&[Purse { budget: None, flows: flows.to_vec() }], used_of, most_entries, None)
    }

    fn days(forecast: &Forecast) -> Option<f64> {
        forecast.full_in.map(|span| span.0.as_secs_f64() / flow::DAY)
    }

    #[test]
    fn what_leaves_as_fast_as_it_comes_never_fills_the_store() {
        let forecast = alone(&[flow(24_000, HOUR)], Some((1_000_000, 2_000_000)), None);
        assert_eq!(forecast.full_in, None, "{forecast:?}");
        assert!((900_000..1_200_000).contains(&forecast.steady_bytes), "a thousand entries an hour: {forecast:?}");
    }

    #[test]
    fn what_is_kept_for_weeks_fills_it_at_todays_growth() {
        // 10 MB a day, kept 30 days; 90 MB are free: after nine days, a little later because the first ones leave.
        let forecast = alone(&[flow(10_000, HOUR * 24 * 30)], Some((10_000_000, 100_000_000)), None);
        let days = days(&forecast).expect("it will be full");
        assert!((9.0..13.0).contains(&days) && forecast.of.as_deref() == Some("memory"), "{forecast:?}");
    }

    #[test]
    fn the_number_of_entries_can_run_out_first() {
        let forecast = alone(&[flow(10_000, HOUR * 24 * 30)], Some((10_000_000, 1 << 40)), Some(50_000));
        let days = days(&forecast).expect("it will be full");
        assert!((3.5..6.0).contains(&days) && forecast.of.as_deref() == Some("entries"), "{forecast:?}");
    }

    #[test]
    fn a_full_store_is_full_now_and_an_empty_one_is_quiet() {
        let full = alone(&[flow(1_000, HOUR * 24)], Some((1_000_000, 1_000_000)), None);
        assert_eq!(full.full_in, Some(TimeSpan::secs(0)));
        assert_eq!(alone(&[], Some((0, 1_000_000)), Some(10)).full_in, None);
    }

    /// A flow that takes in 24,000 entries of 1,000 bytes a day and keeps them for a month, with a budget of 1 MB, in a store
    /// of this many bytes that enforces budgets every six hours, the next time in one.
    fn within_a_budget(limit: u64) -> Forecast {
        let purse = Purse { budget: Some(1_000_000), flows: vec![flow(24_000, HOUR * 24 * 30)] };
        let enforcement = Enforcement { first: HOUR, every: HOUR * 6, ..Enforcement::default() };
        forecast(&[purse], Some((24_000_000, limit)), None, Some(&enforcement))
    }

    #[test]
    fn what_is_taken_off_every_six_hours_never_fills_a_store_with_room_for_six_hours() {
        // 24 MB are there; in an hour all but 1 MB goes, and six hours bring 6 MB.
        assert_eq!(within_a_budget(26_000_000).full_in, None);
        assert!(within_a_budget(26_000_000).steady_bytes > 500_000_000, "without budgets it would be full");
    }

    #[test]
    fn a_store_too_small_for_what_comes_between_two_enforcements_is_full_then() {
        let soon = within_a_budget(24_500_000).full_in.expect("before anybody comes to enforce");
        assert!((1_600..2_000).contains(&soon.0.as_secs()), "half an hour brings half a megabyte: {soon:?}");
        let purse = Purse { budget: Some(20_000_000), flows: vec![flow(24_000, HOUR * 24 * 30)] };
        let enforcement = Enforcement { first: HOUR, every: HOUR * 6, ..Enforcement::default() };
        let full = |limit| forecast(std::slice::from_ref(&purse), Some((24_000_000, limit)), None, Some(&enforcement));
        let later = full(25_500_000).full_in.expect("20 MB are left, and 5.5 MB more is less than six hours bring");
        assert!((6 * 3_600..7 * 3_600).contains(&later.0.as_secs()), "{later:?}");
        assert_eq!(full(26_500_000).full_in, None);
    }

    #[test]
    fn one_run_removes_only_so_much() {
        // 60,000 entries come in six hours, of which a run removes 50,000.
        let purse = Purse { budget: Some(1_000_000), flows: vec![flow(240_000, HOUR * 24 * 30)] };
        let enforcement = Enforcement { first: HOUR, every: HOUR * 6, ..Enforcement::default() };
        let forecast = forecast(&[purse], Some((240_000_000, 340_000_000)), None, Some(&enforcement));
        let days = days(&forecast).expect("it grows faster than it is held back");
        assert!((2.0..4.0).contains(&days), "{forecast:?}");
    }
}
