//! The fleet's Redis as a source: what its masters say of themselves, every few seconds, as metrics `redis.…`.
//!
//! All masters or nothing: when one does not answer, the source fails and with it every alarm on these metrics, because
//! sums over the others would look like health.

use std::{sync::Arc, time::Duration};

use super::history::{History, REDIS};
use crate::{
    clock::Clock,
    store::redis::{Condition, Redis},
    telemetry::{
        catalogue::{
            REDIS_CLIENTS, REDIS_EVICTED, REDIS_HITS, REDIS_LAG, REDIS_LIMIT, REDIS_MEMORY, REDIS_MISSES, REDIS_USED,
        },
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(5);
/// Longer silence is a gap.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks at a Redis.
pub struct RedisSource {
    redis: Redis,
    shown: Shown,
}

/// What is shown.
struct Shown {
    used: Arc<Gauge>,
    limit: Arc<Gauge>,
    memory: Arc<Gauge>,
    clients: Arc<Gauge>,
    lag: Arc<Gauge>,
    evicted: Grown,
    hits: Grown,
    misses: Grown,
}

/// A counter that follows one which may begin anew.
struct Grown {
    counter: Arc<Counter>,
    last: Option<u64>,
}

impl RedisSource {
    /// A source whose metrics are shown in `registry`.
    pub fn new(redis: Redis, registry: &Registry) -> Self {
        let gauge = |metric| registry.gauge(metric, &[]);
        let grown = |metric| Grown { counter: registry.counter(metric, &[]), last: None };
        let shown = Shown {
            used: gauge(&REDIS_USED),
            limit: gauge(&REDIS_LIMIT),
            memory: gauge(&REDIS_MEMORY),
            clients: gauge(&REDIS_CLIENTS),
            lag: gauge(&REDIS_LAG),
            evicted: grown(&REDIS_EVICTED),
            hits: grown(&REDIS_HITS),
            misses: grown(&REDIS_MISSES),
        };
        Self { redis, shown }
    }

    /// Looks for as long as it is polled. Safe to drop at any await.
    pub async fn run(mut self, history: Arc<History>, clock: Clock) {
        loop {
            self.look(&history, clock).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Looks once.
    pub async fn look(&mut self, history: &History, clock: Clock) {
        history.gaps(|gaps| gaps.expect(REDIS, PATIENCE, clock.now()));
        match self.redis.conditions().await {
            Ok(masters) => {
                self.shown.show(&masters);
                history.gaps(|gaps| gaps.delivered(REDIS, clock.now()));
            }
            Err(why) => history.gaps(|gaps| gaps.failed(REDIS, why.to_string(), clock.now())),
        }
    }
}

impl Shown {
    fn show(&mut self, masters: &[Condition]) {
        let sum = |field: fn(&Condition) -> u64| masters.iter().map(field).sum::<u64>();
        self.used.set(sum(|master| master.used) as f64);
        self.clients.set(sum(|master| master.clients) as f64);
        self.evicted.follow(sum(|master| master.evicted));
        self.hits.follow(sum(|master| master.hits));
        self.misses.follow(sum(|master| master.misses));
        if let Some(limit) = masters.iter().map(|master| master.limit).sum::<Option<u64>>() {
            self.limit.set(limit as f64);
        }
        let share = |master: &Condition| Some(master.used as f64 / master.limit? as f64);
        if let Some(fullest) = masters.iter().filter_map(share).reduce(f64::max) {
            self.memory.set(fullest);
        }
        if let Some(lag) = masters.iter().filter_map(|master| master.lag).max() {
            self.lag.set(lag as f64);
        }
    }
}

impl Grown {
    /// A number smaller than the last was counted by another server.
    fn follow(&mut self, now: u64) {
        match self.last.replace(now) {
            Some(last) if now >= last => self.counter.add(now - last),
            Some(_) => self.counter.add(now),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_counted_from_the_first_look_and_survives_a_restart_of_the_server() {
        let registry = Registry::default();
        let mut grown = Grown { counter: registry.counter(&REDIS_HITS, &[]), last: None };
        [1_000, 1_010, 4].into_iter().for_each(|now| grown.follow(now));
        assert_eq!(grown.counter.get(), 14);
    }
}
