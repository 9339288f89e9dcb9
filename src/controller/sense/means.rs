//! Means over a week that alarms compare the present with.

use std::{sync::Arc, time::Duration};

use super::history::History;
use crate::{
    clock::Timestamp,
    controller::query::{MetricQuery, OWN_NAMESPACE, Series, Statistic},
    telemetry::{catalogue, metric::Gauge, registry::Registry},
};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Less than a day is no mean of a week.
const DAY: f64 = 86_400.0;
/// How often they are worked out.
const EVERY: Duration = Duration::from_secs(60);

/// Works out the means and shows them as metrics.
#[derive(Debug)]
pub struct Means {
    hit_rate: Arc<Gauge>,
    last: Option<Timestamp>,
}

impl Means {
    /// Shows them in this registry; nothing until enough is known.
    pub fn new(registry: &Registry) -> Self {
        let hit_rate = registry.gauge(&catalogue::HIT_RATE_WEEK, &[]);
        hit_rate.set(f64::NAN);
        Self { hit_rate, last: None }
    }

    /// Works them out anew once a minute.
    pub fn look(&mut self, history: &History, now: Timestamp) {
        if self.last.is_none_or(|last| now.since(last) >= EVERY) {
            self.last = Some(now);
            self.hit_rate.set(hit_rate(history, now).unwrap_or(f64::NAN));
        }
    }
}

/// The share of look-ups that hit within the last seven days; `None` when less than a day of them is known.
fn hit_rate(history: &History, now: Timestamp) -> Option<f64> {
    let ask = |result: &str, statistic| {
        let query = MetricQuery {
            namespace: OWN_NAMESPACE.into(),
            metric: catalogue::LOOKUPS.name.into(),
            dimensions: [("result".to_owned(), result.to_owned())].into_iter().collect(),
            statistic,
            period: WEEK,
        };
        history.points(&query, now, 1).first().copied().flatten()
    };
    let known = history.measure(|own| own.known_for(WEEK, now));
    let [exact, semantic, miss] =
        ["exact", "semantic", "miss"].map(|result| ask(result, Statistic::Sum).unwrap_or(0.0));
    let all = exact + semantic + miss;
    (known.as_secs_f64() >= DAY && all > 0.0).then(|| (exact + semantic) / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{controller::sense::fleet::EngineSource, telemetry::catalogue::LOOKUPS};

    #[test]
    fn the_mean_of_a_week_is_known_after_a_day() {
        let (history, mut source) = (History::new(&Registry::default()), EngineSource::default());
        let node = Arc::new(Registry::default());
        source.watch("a".into(), node.clone());
        let mut means = Means::new(&node);
        let mut look = |minute: i64| {
            node.counter(&LOOKUPS, &["faq", "exact"]).add(3);
            node.counter(&LOOKUPS, &["faq", "miss"]).add(7);
            let now = Timestamp(minute * 60_000);
            source.look(&history, now);
            means.look(&history, now);
            means.hit_rate.get()
        };
        let half_a_day = (1..720).map(&mut look).last().expect("looked");
        assert!(half_a_day.is_nan());
        let two_days = (720..2_880).map(&mut look).last().expect("looked");
        assert!((two_days - 0.3).abs() < 1e-9, "{two_days}");
    }
}
