//! Who may ask now.
//!
//! A limit for all callers together, which the knobs `rate_limit.rate` and `rate_limit.burst` turn live, with a part kept
//! for each tier (`shares`); one for each user and one for each network. A request over the common limit waits in a line
//! instead of being refused, first in rank first, as long as its turn comes in time; who cannot be served in time is told so
//! at once, with an honest estimate. "You are too fast" is only ever said to a user who is. In a fleet the limits are shared
//! (`fleet`).

mod bucket;
mod fleet;
mod flow;
mod line;
mod own;
mod shares;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

pub use self::{
    fleet::Lender,
    shares::{Share, Shares},
};
use self::{
    flow::Supply,
    line::{Arrival, Lines},
    own::{Own, Taken},
    shares::rank,
};
use super::{
    asked::{Caller, Tier},
    crowd,
};
use crate::{
    digest::Digest,
    telemetry::{
        catalogue,
        metric::{Counter, Distribution, Gauge},
        registry::Registry,
    },
};

/// So many requests of one network at once are no flood, however small the common limit.
const FEW_AT_ONCE: f64 = 5.0;

/// Requests a second, and how many at once above that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests a second.
    pub rate: f64,
    /// Requests at once.
    pub burst: f64,
}

/// How much is let in.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// All requests of the node, or of the fleet where it shares a store.
    pub all: Limit,
    /// How that is divided among tiers.
    pub shares: Shares,
    /// One user's; `None` for no such limit.
    pub per_user: Option<Limit>,
    /// One network's (/24 of IPv4, /48 of IPv6), where addresses are known; `None` for no such limit.
    pub per_network: Option<Limit>,
    /// The longest wait of a request over the limit.
    pub queue: Duration,
    /// Whether the limits hold for a fleet: [`Admission::share`] must run then.
    pub shared: bool,
}

/// Which limit stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's together.
    Global,
    /// That of the caller's tier.
    Tier(Tier),
    /// The user's own.
    User,
    /// That of the caller's network.
    Network,
}

impl Scope {
    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Tier(_) => "tier",
            Self::User => "user",
            Self::Network => "network",
        }
    }
}

/// Which limit stood in the way, and when a place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The limit.
    pub scope: Scope,
    /// How long until a request would be let in.
    pub wait: Duration,
}

/// Lets requests in, at the rate that the knobs allow.
#[derive(Debug)]
pub struct Admission {
    lines: Mutex<Lines>,
    users: Own,
    networks: Own,
    longest_wait: Duration,
    shared: bool,
    /// Somebody waits whom the turnstile does not know of.
    turn: Notify,
    /// Tokens run out before the next lease.
    thirst: Notify,
    limited: [Arc<Counter>; 4],
    utilization: Arc<Gauge>,
    waiting: Arc<Gauge>,
    waited: Arc<Distribution>,
    misjudged: Arc<Distribution>,
}

impl Admission {
    /// Full buckets, and nobody in line. [`Admission::turnstile`] must run beside it.
    pub fn new(admitted: &Admitted, registry: &Registry) -> Self {
        let limited = |scope: Scope| registry.counter(&catalogue::RATE_LIMITED, &[scope.label()]);
        Self {
            lines: Mutex::new(Lines::new(admitted.all, &admitted.shares, Instant::now())),
            users: Own::new(admitted.per_user, admitted.shared),
            networks: Own::new(admitted.per_network, admitted.shared),
            longest_wait: admitted.queue,
            shared: admitted.shared,
            turn: Notify::new(),
            thirst: Notify::new(),
            limited: [Scope::Global, Scope::Tier(Tier::Anonymous), Scope::User, Scope::Network].map(limited),
            utilization: registry.gauge(&catalogue::RATE_UTILIZATION, &[]),
            waiting: registry.gauge(&catalogue::RATE_WAITING, &[]),
            waited: registry.distribution(&catalogue::RATE_WAIT, &[]),
            misjudged: registry.distribution(&catalogue::RATE_WAIT_ERROR, &[]),
        }
    }

    /// Takes over a new common limit; what was saved up stays, within the new burst.
    pub fn set_global(&self, limit: Limit) {
        self.lines().flow.set(limit, Instant::now());
        self.turn.notify_one();
    }

    /// From now on single users and networks may use this share of their configured limits.
    pub fn be_strict(&self, share: f64) {
        self.users.be_strict(share);
        self.networks.be_strict(share);
    }

    /// From now on a single network, where addresses are known, may use this share of everybody's limit, and no more than its own;
    /// 1 or more lifts that.
    pub fn cap_networks(&self, share: f64) {
        let all = self.lines().flow.limit();
        let most = Limit { rate: all.rate * share, burst: (all.burst * share).max(FEW_AT_ONCE) };
        self.networks.cap((share < 1.0).then_some(most));
    }

    /// How long a request of this tier would wait in line if it came now; zero when it would be let in at once.
    pub fn expected_wait(&self, tier: Tier) -> Duration {
        let mut lines = self.lines();
        lines.flow.refill(Instant::now());
        lines.estimate(tier)
    }

    /// Waits for a place: at once below the limits, in line above the common one, for at most `within`. Dropping the future
    /// leaves the line.
    ///
    /// # Errors
    /// [`Limited`]: at once when the turn would come too late, or the user or its network is too fast.
    pub async fn admit(&self, caller: &Caller, within: Option<Duration>) -> Result<(), Limited> {
        let now = Instant::now();
        let own = self.take_own(caller, now)?;
        let patience = self.patience(caller.tier).min(within.unwrap_or(Duration::MAX));
        let entered = self.enter(caller.tier, patience, now).await;
        if entered.is_err() {
            // Nobody is charged for what was not served.
            own.into_iter().flatten().for_each(Taken::give_back);
        }
        entered.map_err(|limited| self.count(limited))
    }

    async fn enter(&self, tier: Tier, patience: Duration, now: Instant) -> Result<(), Limited> {
        let arrival = {
            let mut lines = self.lines();
            let arrival = lines.arrive(tier, patience, now);
            if !self.shared || lines.flow.supply() == Supply::Alone {
                self.utilization.set(lines.flow.utilization());
            }
            self.waiting.set(lines.waiting() as f64);
            arrival
        };
        match arrival {
            Arrival::Enters => Ok(()),
            Arrival::Refused { wait, by_tier } => {
                self.thirst.notify_one();
                Err(Limited { scope: if by_tier { Scope::Tier(tier) } else { Scope::Global }, wait })
            }
            Arrival::Waits { turn, estimate } => {
                self.turn.notify_one();
                self.thirst.notify_one();
                self.wait(InLine { admission: self, tier, turn: Some(turn) }, now + patience).await?;
                let waited = now.elapsed();
                self.waited.record_time(waited);
                self.misjudged.record_time(waited.abs_diff(estimate));
                Ok(())
            }
        }
    }

    async fn wait(&self, mut place: InLine<'_>, until: Instant) -> Result<(), Limited> {
        let Some(turn) = &mut place.turn else { return Ok(()) };
        if let Ok(Ok(())) = timeout_at(until, turn).await {
            place.turn = None;
            return Ok(());
        }
        let lines = self.lines();
        let by_tier = lines.flow.holds_back(place.tier);
        let wait = lines.estimate(place.tier);
        drop(lines);
        Err(Limited { scope: if by_tier { Scope::Tier(place.tier) } else { Scope::Global }, wait })
    }

    /// Lets those in line in when their turn comes, until dropped.
    pub async fn turnstile(self: Arc<Self>) {
        loop {
            let next = {
                let (mut lines, now) = (self.lines(), Instant::now());
                lines.release(now);
                self.waiting.set(lines.waiting() as f64);
                lines.next(now)
            };
            match next {
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.turn.notified() => {}
                },
                None => self.turn.notified().await,
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

    /// The user's and the network's own limits.
    fn take_own(&self, caller: &Caller, now: Instant) -> Result<[Option<Taken>; 2], Limited> {
        let mut user = None;
        if let Some(name) = &caller.user {
            let key = || Digest::of([caller.tenant.as_bytes(), name.as_bytes()]);
            user = self.users.take(key, now).map_err(|wait| self.count(Limited { scope: Scope::User, wait }))?;
        }
        let Some(address) = caller.address else { return Ok([user, None]) };
        match self.networks.take(|| Digest::of([crowd::network(address).as_slice()]), now) {
            Ok(network) => Ok([user, network]),
            Err(wait) => {
                user.into_iter().for_each(Taken::give_back);
                Err(self.count(Limited { scope: Scope::Network, wait }))
            }
        }
    }

    fn count(&self, limited: Limited) -> Limited {
        let at = match limited.scope {
            Scope::Global => 0,
            Scope::Tier(_) => 1,
            Scope::User => 2,
            Scope::Network => 3,
        };
        self.limited[at].inc();
        limited
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line; given up when dropped.
struct InLine<'a> {
    admission: &'a Admission,
    tier: Tier,
    /// `None` once the turn has come.
    turn: Option<oneshot::Receiver<()>>,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.close();
        let came = turn.try_recv().is_ok();
        let mut lines = self.admission.lines();
        if came {
            lines.unused(self.tier)
        } else {
            lines.left(self.tier)
        }
        drop(lines);
        self.admission.turn.notify_one();
    }
}
