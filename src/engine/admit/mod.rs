//! Who may ask now: a global limit that the knobs `rate_limit.rate` and `rate_limit.burst` turn live, and one per user.
//!
//! A request over the global limit waits its turn instead of being refused, as long as the line is short; "you are too
//! fast" is only ever said to a user who is.

mod bucket;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bucket::Bucket;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::asked::{Caller, Tier};
use crate::{
    digest::Digest,
    telemetry::{
        catalogue,
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// How many users are watched at once; beyond it those not heard of for longest start afresh.
const USERS: usize = 100_000;

/// Requests a second, and how many at once above that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests a second.
    pub rate: f64,
    /// Requests at once.
    pub burst: f64,
}

/// Which limit stood in the way, and when a place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// `true`: the user's own limit; `false`: everybody's.
    pub own: bool,
    /// How long until a request would be let in.
    pub wait: Duration,
}

/// Lets requests in, at the rate that the knobs allow.
#[derive(Debug)]
pub struct Admission {
    global: Mutex<Bucket>,
    per_user: Option<Limit>,
    users: Cache<Digest, Arc<Mutex<Bucket>>>,
    longest_wait: Duration,
    limited_global: Arc<Counter>,
    limited_user: Arc<Counter>,
    utilization: Arc<Gauge>,
}

impl Admission {
    /// Full buckets. `longest_wait` bounds the line of those over the global limit.
    pub fn new(global: Limit, per_user: Option<Limit>, longest_wait: Duration, registry: &Registry) -> Self {
        Self {
            global: Mutex::new(Bucket::full(global, Instant::now())),
            per_user,
            users: Cache::new(USERS),
            longest_wait,
            limited_global: registry.counter(&catalogue::RATE_LIMITED, &["global"]),
            limited_user: registry.counter(&catalogue::RATE_LIMITED, &["user"]),
            utilization: registry.gauge(&catalogue::RATE_UTILIZATION, &[]),
        }
    }

    /// Takes over a new global limit; what was saved up stays, within the new burst.
    pub fn set_global(&self, limit: Limit) {
        lock(&self.global).set(limit, Instant::now());
    }

    /// Waits for a place: at once below the limits, in line just above the global one. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`Limited`] when the line is too long, or the user is too fast.
    pub async fn admit(&self, caller: &Caller) -> Result<(), Limited> {
        let now = Instant::now();
        self.admit_user(caller, now)?;
        let wait = {
            let mut bucket = lock(&self.global);
            let wait = bucket.take(now, self.patience(caller.tier));
            self.utilization.set(bucket.utilization(now));
            wait
        };
        match wait {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Err(wait) => {
                self.limited_global.inc();
                Err(Limited { own: false, wait })
            }
        }
    }

    /// How long a caller may stand in line: those who pay stand longest, so under pressure they are served first.
    fn patience(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Premium => self.longest_wait,
            Tier::Registered => self.longest_wait.mul_f64(0.75),
            Tier::Anonymous => self.longest_wait.mul_f64(0.5),
        }
    }

    fn admit_user(&self, caller: &Caller, now: Instant) -> Result<(), Limited> {
        let (Some(limit), Some(user)) = (self.per_user, &caller.user) else { return Ok(()) };
        let key = Digest::of([caller.tenant.as_bytes(), user.as_bytes()]);
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Bucket::full(limit, now))));
        let Ok(bucket) = self.users.get_or_insert_with(&key, fresh);
        let taken = lock(&bucket).take(now, Duration::ZERO);
        taken.map(drop).map_err(|wait| {
            self.limited_user.inc();
            Limited { own: true, wait }
        })
    }
}

fn lock(bucket: &Mutex<Bucket>) -> std::sync::MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tier: Tier, user: Option<&str>) -> Caller {
        Caller { tenant: "shop".into(), user: user.map(Into::into), tier }
    }

    fn admission(rate: f64, burst: f64) -> Admission {
        let per_user = Some(Limit { rate: 1.0, burst: 2.0 });
        Admission::new(Limit { rate, burst }, per_user, Duration::from_secs(2), &Registry::default())
    }

    #[tokio::test(start_paused = true)]
    async fn requests_over_the_global_limit_wait_their_turn_and_then_are_refused_with_the_honest_wait() {
        let admission = admission(10.0, 10.0);
        let someone = caller(Tier::Premium, None);
        let started = Instant::now();
        let entries = (0..40).map(|_| admission.admit(&someone));
        let outcomes = futures_util::future::join_all(entries).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 30, "10 at once, 20 within 2 s");
        assert_eq!(started.elapsed(), Duration::from_secs(2));
        assert!(outcomes.contains(&Err(Limited { own: false, wait: Duration::from_millis(2_100) })), "{outcomes:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_user_who_is_too_fast_is_told_so() {
        let admission = admission(1_000.0, 1_000.0);
        let (fast, other) = (caller(Tier::Anonymous, Some("fast")), caller(Tier::Anonymous, Some("other")));
        for _ in 0..2 {
            assert_eq!(admission.admit(&fast).await, Ok(()));
        }
        assert_eq!(admission.admit(&fast).await, Err(Limited { own: true, wait: Duration::from_secs(1) }));
        assert_eq!(admission.admit(&other).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_raised_limit_lets_more_in_at_once() {
        let admission = admission(1.0, 1.0);
        let someone = caller(Tier::Anonymous, None);
        assert_eq!(admission.admit(&someone).await, Ok(()));
        admission.set_global(Limit { rate: 100.0, burst: 200.0 });
        tokio::time::advance(Duration::from_secs(1)).await;
        let outcomes = futures_util::future::join_all((0..100).map(|_| admission.admit(&someone))).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
}
