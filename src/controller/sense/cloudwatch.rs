//! CloudWatch as a source: fetches the foreign metrics that somebody asked for, in batches, each no more often than its
//! period, within a budget, because every metric asked for costs money.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    fetched::Wanted,
    history::{CLOUDWATCH, History, LOGS_NAMESPACE},
};
use crate::{
    aws::fault::Fault,
    clock::{Clock, Timestamp},
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// Who has the metrics.
#[async_trait]
pub trait MetricData: Send + Sync {
    /// The points of each series, in the order asked. What a series alone could not deliver is its `trouble`.
    ///
    /// # Errors
    /// [`Fault`] when nothing could be delivered at all.
    async fn points(&self, wanted: &[Wanted]) -> Result<Vec<Found>, Fault>;
}

/// What was found of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Points at the start of their period, in any order.
    pub points: Vec<(Timestamp, f64)>,
    /// Why it could not be read, if so.
    pub trouble: Option<String>,
}

/// How often to look, and for how much.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The shortest time between two looks at the same series.
    pub refresh: Duration,
    /// Longer without a delivery is a gap.
    pub patience: Duration,
    /// Metrics that may be asked for in an hour (a million costs about 10 US dollars).
    pub budget: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(60), patience: Duration::from_secs(180), budget: 36_000 }
    }
}

/// The source.
pub struct CloudWatchSource {
    data: Box<dyn MetricData>,
    terms: Terms,
    asked: Arc<Counter>,
    /// The hour that is being counted, and the metrics asked for in it.
    hour: (i64, u64),
}

impl CloudWatchSource {
    /// A source whose spending shows in `registry` as `controller.points_asked`.
    pub fn new(data: Box<dyn MetricData>, terms: Terms, registry: &Registry) -> Self {
        Self { data, terms, asked: registry.counter(&catalogue::POINTS_ASKED, &[CLOUDWATCH]), hour: (0, 0) }
    }

    /// Looks for as long as it is polled: every ten seconds at whatever is due. Safe to drop at any await.
    pub async fn run(mut self, history: Arc<History>, clock: Clock) {
        loop {
            self.look(&history, clock.now()).await;
            tokio::time::sleep(Duration::from_secs(10).min(self.terms.refresh)).await;
        }
    }

    /// Fetches what is due; a failure becomes a gap, and the points stay due.
    pub async fn look(&mut self, history: &History, now: Timestamp) {
        history.gaps(|gaps| gaps.expect(CLOUDWATCH, self.terms.patience, now));
        let wanted = history.wanted(|namespace| namespace != LOGS_NAMESPACE, self.terms.refresh, now);
        if wanted.is_empty() {
            let nothing_failing = history.gaps(|gaps| gaps.of(CLOUDWATCH, now).is_none());
            if nothing_failing {
                history.gaps(|gaps| gaps.delivered(CLOUDWATCH, now));
            }
            return;
        }
        match self.afford(wanted.len() as u64, now) {
            Err(why) => history.gaps(|gaps| gaps.failed(CLOUDWATCH, why, now)),
            Ok(()) => self.fetch(history, &wanted, now).await,
        }
    }

    async fn fetch(&self, history: &History, wanted: &[Wanted], now: Timestamp) {
        match self.data.points(wanted).await {
            Err(fault) => history.gaps(|gaps| gaps.failed(CLOUDWATCH, fault.to_string(), now)),
            Ok(found) => {
                for (wanted, found) in wanted.iter().zip(found) {
                    match found.trouble {
                        Some(trouble) => history.lack(&wanted.query, &trouble),
                        None => history.keep(&wanted.query, &found.points, now),
                    }
                }
                history.gaps(|gaps| gaps.delivered(CLOUDWATCH, now));
            }
        }
    }

    fn afford(&mut self, metrics: u64, now: Timestamp) -> Result<(), String> {
        let hour = now.seconds().div_euclid(3_600);
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        if self.hour.1 + metrics > self.terms.budget {
            return Err(format!(
                "the budget of {} metrics an hour is used up until the next full hour. Raise it, or ask for fewer metrics or longer periods",
                self.terms.budget
            ));
        }
        self.hour.1 += metrics;
        self.asked.add(metrics);
        Ok(())
    }
}
