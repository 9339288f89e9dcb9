//! One limit for the whole fleet: nodes lease tokens from a shared budget, in batches, ahead of their requests.
//!
//! No request waits for the store's network. A node asks for what it needs in the next moments; what its users and networks
//! used here is settled afterwards, for those only who use much. While the store is away a node goes on with a tenth of every
//! limit, because it cannot know what the others do.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::{
    Admission, Limit,
    flow::Supply,
    own::{Own, lock},
};
use crate::{
    dice::Dice,
    store::{Lease, Store, StoreError},
};

/// Where tokens are leased.
pub trait Lender: Send + Sync + 'static {
    /// Up to `want` tokens of the fleet's bucket `name`.
    fn lease(&self, name: &str, limit: Limit, want: u64) -> impl Future<Output = Result<Lease, StoreError>> + Send;
}

impl Lender for Arc<dyn Store> {
    async fn lease(&self, name: &str, limit: Limit, want: u64) -> Result<Lease, StoreError> {
        (**self).lease(name, limit.rate, limit.burst, want).await
    }
}

/// How often tokens are leased; sooner when requests wait.
const EVERY: Duration = Duration::from_millis(100);
/// And so long at least is between two leases.
const PAUSE: Duration = Duration::from_millis(10);
/// Tokens for so long are held.
const AHEAD: Duration = Duration::from_millis(250);
/// And so many at least, so that a quiet node answers its first requests at once.
const LEAST: f64 = 20.0;
/// The store is away when it does not answer for so long.
const AWAY: Duration = Duration::from_millis(500);
/// How often what users and networks used is settled.
const SETTLE: Duration = Duration::from_millis(300);
/// Calls of one settlement that are under way at once.
const AT_ONCE: usize = 32;

impl Admission {
    /// Leases tokens until it is dropped. Until the first lease, and while the store is away, a tenth of the limit holds.
    pub async fn share(self: Arc<Self>, store: impl Lender, dice: Arc<Dice>) {
        self.lines().supply_from(Supply::Alone, Instant::now());
        let (mut last_answer, mut settled, mut together) = (Instant::now(), Instant::now(), false);
        loop {
            match self.lease(&store, last_answer).await {
                Some(true) => {
                    last_answer = Instant::now();
                    if !std::mem::replace(&mut together, true) {
                        info!("Rate limits hold for the whole fleet.");
                    }
                }
                Some(false) if last_answer.elapsed() >= AWAY => {
                    self.lines().supply_from(Supply::Alone, Instant::now());
                    if std::mem::replace(&mut together, false) {
                        warn!("The store does not answer: this node goes on with a tenth of the fleet's rate limits.");
                    }
                }
                Some(false) | None => {}
            }
            self.turn.notify_one();
            if settled.elapsed() >= SETTLE {
                settled = Instant::now();
                settle("user", &self.users, &store).await;
                settle("network", &self.networks, &store).await;
            }
            // Nodes that fall into step would always come in the same order, and the last of them too late.
            tokio::time::sleep(dice.between(PAUSE, PAUSE * 3)).await;
            let _ = timeout(EVERY, self.thirst.notified()).await;
        }
    }

    /// Leases what is wanted; whether the store answered, `None` when nothing was wanted.
    async fn lease(&self, store: &impl Lender, last: Instant) -> Option<bool> {
        let (limit, want) = {
            let mut lines = self.lines();
            lines.flow.refill(Instant::now());
            let leased = matches!(lines.flow.supply(), Supply::Leased { .. });
            let want = lines.wanted(AHEAD, LEAST.min(lines.flow.limit().burst)).ceil();
            // Tokens of its own share do not count against a lease.
            (lines.flow.limit(), if leased { want } else { want.max(1.0) })
        };
        if want < 1.0 {
            return None;
        }
        let Ok(Ok(lease)) = timeout(AWAY, store.lease("rate", limit, want as u64)).await else {
            return Some(false);
        };
        let (now, mut lines) = (Instant::now(), self.lines());
        let share = lease.granted as f64 / last.elapsed().max(PAUSE).as_secs_f64();
        let rate = match lines.flow.supply() {
            // A part of what was wanted: this is what there is for this node.
            Supply::Leased { rate, .. } if lease.granted < want as u64 => rate * 0.8 + share * 0.2,
            _ => limit.rate,
        };
        let stock = (lines.flow.demand() * AHEAD.as_secs_f64()).max(LEAST);
        let used = (1.0 - lease.left as f64 / limit.burst).clamp(0.0, 1.0);
        lines.supply_from(Supply::Leased { rate: rate.max(limit.rate / 100.0), stock, used }, now);
        lines.flow.credit(lease.granted as f64, now);
        self.utilization.set(used);
        Some(true)
    }
}

/// Tells the fleet what single users or networks used here, and takes over what is left to them. What the fleet has no tokens
/// for is owed: until it is paid, the bucket here stays empty.
async fn settle(kind: &str, own: &Own, store: &impl Lender) {
    let Some(limit) = own.limit() else { return };
    let unsettled: Vec<_> = own.unsettled().into_iter().collect();
    for batch in unsettled.chunks(AT_ONCE) {
        let calls = batch.iter().map(|(key, unsettled)| async move {
            let (name, used) = (format!("{kind}:{key}"), unsettled.used.min(limit.burst.ceil() as u64));
            if let Ok(lease) = store.lease(&name, limit, used).await {
                let owed = used.saturating_sub(lease.granted);
                lock(&unsettled.bucket).settle(lease.left as f64, owed as f64, Instant::now());
                if owed > 0 {
                    own.owes(*key, &unsettled.bucket, owed);
                }
            }
        });
        join_all(calls).await;
    }
}
