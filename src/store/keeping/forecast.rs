//! When the store is full, if as much comes in as today.
//!
//! Each intent takes in so many entries a second, each of its mean size, and lets them go after their life: it grows towards
//! `rate × size × life`, the steady state, as a bath with a drain does. When the steady states of all fit, the store is
//! never full.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, store::About, units::TimeSpan};

/// What counts as today.
const DAY: f64 = 86_400.0;
/// Further ahead nothing is said.
const FURTHEST: f64 = 365.0 * DAY;

/// What one intent holds, and what came in lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// Entries of the last day that are still there.
    recent: u64,
    /// Their age, added up; and their whole life.
    age: f64,
    life: f64,
}

impl Flow {
    pub(super) fn add(&mut self, about: &About, now: Timestamp) {
        self.entries += 1;
        self.bytes += about.bytes;
        self.life += about.keep_until.since(about.stored_at).as_secs_f64();
        let age = about.age(now).as_secs_f64();
        if age <= DAY {
            self.recent += 1;
            self.age += age;
        }
    }

    /// The mean life of an entry.
    fn life(&self) -> f64 {
        (self.life / self.entries.max(1) as f64).max(1.0)
    }

    /// Entries that come in a second. Those that came within the day and live shorter are partly gone: what is there came
    /// within one life. Entries that all came within a short while are a burst, not a rate: they count over twice their mean
    /// age, which is the time they took to come.
    fn rate(&self) -> f64 {
        if self.recent == 0 {
            return 0.0;
        }
        let window = self.life().min(DAY).min((2.0 * self.age / self.recent as f64).max(3_600.0));
        self.recent as f64 / window
    }

    fn size(&self) -> f64 {
        self.bytes as f64 / self.entries.max(1) as f64
    }

    /// Entries after `t` seconds; without end for the steady state.
    fn after(&self, t: f64) -> f64 {
        let steady = self.rate() * self.life();
        steady + (self.entries as f64 - steady) * (-t / self.life()).exp()
    }
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
    /// Bytes when as much leaves as comes.
    pub steady_bytes: u64,
    /// Entries then.
    pub steady_entries: u64,
}

/// When these flows fill a store of this much memory (used and limit) and so many entries.
pub(super) fn forecast(flows: &[Flow], used_of: Option<(u64, u64)>, most_entries: Option<u64>) -> Forecast {
    let held: u64 = flows.iter().map(|flow| flow.bytes).sum();
    // What the store takes beside the entries stays as it is.
    let room = used_of.map(|(used, limit)| limit as f64 - used.saturating_sub(held) as f64);
    let bytes = |t: f64| flows.iter().map(|flow| flow.after(t) * flow.size()).sum::<f64>();
    let entries = |t: f64| flows.iter().map(|flow| flow.after(t)).sum::<f64>();
    let memory = room.and_then(|room| reaches(&bytes, room)).map(|at| (at, "memory"));
    let number = most_entries.and_then(|most| reaches(&entries, most as f64)).map(|at| (at, "entries"));
    let first = [memory, number].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    let a_day = |of: fn(&Flow) -> f64| flows.iter().map(|flow| flow.rate() * DAY * of(flow)).sum::<f64>() as u64;
    Forecast {
        full_in: first.map(|(at, _)| TimeSpan(Duration::from_secs(at as u64))),
        of: first.map(|(_, of)| of.to_owned()),
        bytes_a_day: a_day(Flow::size),
        entries_a_day: a_day(|_| 1.0),
        steady_bytes: bytes(f64::INFINITY) as u64,
        steady_entries: entries(f64::INFINITY) as u64,
    }
}

/// When a level first reaches a mark, within [`FURTHEST`]. The sum of many baths may rise and fall; it is looked at in steps
/// that grow, and between two steps it is halved.
fn reaches(level: &impl Fn(f64) -> f64, mark: f64) -> Option<f64> {
    if level(0.0) >= mark {
        return Some(0.0);
    }
    let (mut low, mut high) = (0.0, 60.0);
    while level(high) < mark {
        low = high;
        high *= 1.1;
        if high > FURTHEST {
            return None;
        }
    }
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if level(middle) < mark { low = middle } else { high = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

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

    fn days(forecast: &Forecast) -> Option<f64> {
        forecast.full_in.map(|span| span.0.as_secs_f64() / DAY)
    }

    #[test]
    fn what_leaves_as_fast_as_it_comes_never_fills_the_store() {
        let forecast = forecast(&[flow(24_000, HOUR)], Some((1_000_000, 2_000_000)), None);
        assert_eq!(forecast.full_in, None, "{forecast:?}");
        assert!((900_000..1_200_000).contains(&forecast.steady_bytes), "a thousand entries an hour: {forecast:?}");
    }

    #[test]
    fn what_is_kept_for_weeks_fills_it_at_todays_growth() {
        // 10 MB a day, kept 30 days; 90 MB are free: after nine days, a little later because the first ones leave.
        let forecast = forecast(&[flow(10_000, HOUR * 24 * 30)], Some((10_000_000, 100_000_000)), None);
        let days = days(&forecast).expect("it will be full");
        assert!((9.0..13.0).contains(&days) && forecast.of.as_deref() == Some("memory"), "{forecast:?}");
    }

    #[test]
    fn the_number_of_entries_can_run_out_first() {
        let forecast = forecast(&[flow(10_000, HOUR * 24 * 30)], Some((10_000_000, 1 << 40)), Some(50_000));
        let days = days(&forecast).expect("it will be full");
        assert!((3.5..6.0).contains(&days) && forecast.of.as_deref() == Some("entries"), "{forecast:?}");
    }

    #[test]
    fn a_full_store_is_full_now_and_an_empty_one_is_quiet() {
        let full = forecast(&[flow(1_000, HOUR * 24)], Some((1_000_000, 1_000_000)), None);
        assert_eq!(full.full_in, Some(TimeSpan::secs(0)));
        assert_eq!(forecast(&[], Some((0, 1_000_000)), Some(10)).full_in, None);
    }
}
