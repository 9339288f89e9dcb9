//! When a model is asked again, how long before, and out of whose budget.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracing::debug;

use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    store::Store,
};

const BASE: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(10);

/// Waits that grow and never fall into step: each is drawn between the base and three times the one before.
#[derive(Debug)]
pub struct Backoff {
    last: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { last: BASE }
    }
}

impl Backoff {
    /// The next wait, between 100 ms and 10 s.
    pub fn next(&mut self, dice: &Dice) -> Duration {
        self.last = dice.between(BASE, self.last * 3).min(CAP);
        self.last
    }
}

/// Why a retry was not made. `label` is what metrics show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The fleet's retries of this minute are used up.
    Budget,
    /// The attempts of this request or this model are used up.
    Attempts,
    /// The wait would pass the request's deadline.
    Deadline,
    /// The storm brake is on: `retry.max_attempts` is 0.
    Brake,
    /// The model refuses too much of what it is asked, and another can be asked instead.
    Load,
}

impl Refused {
    /// All reasons, for metrics.
    pub const ALL: [Self; 5] = [Self::Budget, Self::Attempts, Self::Deadline, Self::Brake, Self::Load];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Brake => "brake",
            Self::Load => "load",
        }
    }
}

/// Where a request stands when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Retries of this model so far.
    pub retries: u32,
    /// Retries of one model that are allowed; 0 is the storm brake.
    pub most_retries: u32,
    /// Attempts the request may still make on this model.
    pub sends_left: u32,
    /// How long to wait before the next attempt.
    pub wait: Duration,
    /// How much time the request has left.
    pub time_left: Duration,
    /// Whether the model bears a retry, or is the only one that can be asked.
    pub bears_more: bool,
}

impl Standing {
    /// Whether there may be a retry, as far as the request itself is concerned; the fleet's budget is asked after that.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn judge(&self) -> Result<(), Refused> {
        if self.most_retries == 0 {
            Err(Refused::Brake)
        } else if self.retries >= self.most_retries || self.sends_left == 0 {
            Err(Refused::Attempts)
        } else if self.wait >= self.time_left {
            Err(Refused::Deadline)
        } else if !self.bears_more {
            Err(Refused::Load)
        } else {
            Ok(())
        }
    }
}

/// How far this node trusts a model that refuses for its load to take a retry. Refusals use it up, answers earn it back.
///
/// A retry is as much load as a question. One refusal among many answers is bad luck, and a retry mends it; a model that
/// refuses one attempt in six or more gets worse by being asked again, and the whole fleet finds out at the same moment. So
/// the first refusal may be retried, the ones after it only once enough answers have come.
#[derive(Debug)]
pub struct Credit {
    left: Mutex<f64>,
}

impl Default for Credit {
    fn default() -> Self {
        Self { left: Mutex::new(Self::MOST) }
    }
}

impl Credit {
    const MOST: f64 = 4.0;
    /// What an answer earns; a refusal costs 1.
    const EARNED: f64 = 0.2;

    /// The model answered.
    pub fn earn(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + Self::EARNED).min(Self::MOST);
    }

    /// The model refused; whether it may be asked again all the same.
    pub fn spend(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left - 1.0).max(0.0);
        *left > Self::MOST / 2.0
    }
}

/// The fleet's retries a minute, shared through the store.
pub struct RetryBudget {
    store: Arc<dyn Store>,
    clock: Clock,
    alone: Mutex<Alone>,
}

impl RetryBudget {
    /// A budget kept in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, alone: Mutex::default() }
    }

    /// Takes one retry of this minute's `per_minute`; `false` when none is left. Without the store this node makes do with
    /// a small share: it cannot know what the others do.
    pub async fn take(&self, per_minute: u64) -> bool {
        match self.store.take("retries", per_minute).await {
            Ok(granted) => granted,
            Err(error) => {
                debug!(%error, "Retry budget taken from this node's own share.");
                let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
                alone.take(self.clock.now(), per_minute)
            }
        }
    }
}

/// This node's share of a budget while the store is away.
#[derive(Debug, Default)]
struct Alone {
    minute: i64,
    taken: u64,
}

impl Alone {
    /// A fleet larger than this could overdraw the budget while the store is away.
    const NODES: u64 = 10;

    fn take(&mut self, now: Timestamp, per_minute: u64) -> bool {
        let minute = now.seconds().div_euclid(60);
        if self.minute != minute {
            *self = Self { minute, taken: 0 };
        }
        let granted = self.taken < per_minute.div_ceil(Self::NODES);
        self.taken += u64::from(granted);
        granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STANDING: Standing = Standing {
        retries: 0,
        most_retries: 2,
        sends_left: 3,
        wait: Duration::from_millis(100),
        time_left: Duration::from_secs(30),
        bears_more: true,
    };

    #[test]
    fn a_retry_that_may_not_be_says_why() {
        assert_eq!(STANDING.judge(), Ok(()));
        assert_eq!(Standing { most_retries: 0, ..STANDING }.judge(), Err(Refused::Brake));
        assert_eq!(Standing { retries: 2, ..STANDING }.judge(), Err(Refused::Attempts));
        assert_eq!(Standing { sends_left: 0, ..STANDING }.judge(), Err(Refused::Attempts));
        assert_eq!(Standing { time_left: STANDING.wait, ..STANDING }.judge(), Err(Refused::Deadline));
        assert_eq!(Standing { bears_more: false, ..STANDING }.judge(), Err(Refused::Load));
    }

    #[test]
    fn a_node_alone_takes_a_tenth_of_the_budget_each_minute() {
        let mut alone = Alone::default();
        let taken = |alone: &mut Alone, at| (0..200).filter(|_| alone.take(at, 100)).count();
        assert_eq!(taken(&mut alone, Timestamp(59_000)), 10);
        assert_eq!(taken(&mut alone, Timestamp(60_000)), 10);
    }

    #[test]
    fn a_refusal_now_and_then_may_be_retried_one_in_six_may_not() {
        let retried = |answers: usize| {
            let credit = Credit::default();
            let refusal = |_| {
                (0..answers).for_each(|_| credit.earn());
                credit.spend()
            };
            (0..100).map(refusal).filter(|may| *may).count()
        };
        assert_eq!(retried(9), 100, "one in ten");
        assert!(retried(4) <= 6, "one in five, until the credit is used up: {}", retried(4));
        assert_eq!(retried(0), 1, "refused by everybody at the same moment, each node tries once more");
    }

    proptest! {
        #[test]
        fn waits_stay_between_base_and_cap_and_grow_threefold_at_most(seed: u64) {
            let (dice, mut backoff, mut last) = (Dice::seeded(seed), Backoff::default(), BASE);
            for _ in 0..50 {
                let wait = backoff.next(&dice);
                prop_assert!((BASE..=CAP).contains(&wait) && wait <= last * 3);
                last = wait;
            }
        }
    }
}
