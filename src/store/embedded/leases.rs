//! Who leads for which question in this process, and who waits for them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::Instant,
};

use crate::{
    digest::Digest,
    store::{Fence, Lead},
};

/// Dead leaders are swept out when there are so many leases, and from then on at each doubling.
const FIRST_SWEEP: usize = 1_024;

#[derive(Debug)]
struct Lease {
    token: u64,
    until: Instant,
    gone: Arc<Notify>,
}

#[derive(Debug)]
pub(super) struct Leases {
    held: HashMap<Digest, Lease>,
    last_token: u64,
    sweep_at: usize,
}

/// A leader to wait for.
pub(super) struct Leader {
    /// When its lease runs out, unless renewed.
    pub(super) until: Instant,
    /// Resolves when it gives the lead back, also if that was before the first poll.
    pub(super) gone: OwnedNotified,
}

impl Default for Leases {
    fn default() -> Self {
        Self { held: HashMap::new(), last_token: 0, sweep_at: FIRST_SWEEP }
    }
}

impl Leases {
    /// Leads for `key`, unless somebody does.
    pub(super) fn lead(&mut self, key: &Digest, lease: Duration) -> Lead {
        let now = Instant::now();
        if self.held.get(key).is_some_and(|held| held.until > now) {
            return Lead::Taken;
        }
        self.sweep(now);
        self.last_token += 1;
        let token = self.last_token;
        // The waiters of a dead leader keep waiting on the same bell.
        let gone = self.held.remove(key).map(|dead| dead.gone).unwrap_or_default();
        self.held.insert(*key, Lease { token, until: now + lease, gone });
        Lead::Granted(Fence { key: *key, token })
    }

    /// Extends a lease; `false` when it is not that leader's any more.
    pub(super) fn renew(&mut self, fence: &Fence, lease: Duration) -> bool {
        let now = Instant::now();
        let own = self.held.get_mut(&fence.key).filter(|held| held.token == fence.token && held.until > now);
        own.map(|held| held.until = now + lease).is_some()
    }

    /// Ends a lease, if it still is that leader's, and wakes its waiters.
    pub(super) fn release(&mut self, fence: &Fence) {
        if self.held.get(&fence.key).is_some_and(|held| held.token == fence.token)
            && let Some(lease) = self.held.remove(&fence.key)
        {
            lease.gone.notify_waiters();
        }
    }

    /// Who leads for `key`; also a dead leader nobody has replaced. `None`: nobody.
    pub(super) fn leader(&self, key: &Digest) -> Option<Leader> {
        let held = self.held.get(key)?;
        Some(Leader { until: held.until, gone: held.gone.clone().notified_owned() })
    }

    fn sweep(&mut self, now: Instant) {
        if self.held.len() >= self.sweep_at {
            self.held.retain(|_, lease| lease.until > now);
            self.sweep_at = FIRST_SWEEP.max(2 * self.held.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::key;

    const LEASE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn dead_leaders_nobody_asks_for_do_not_pile_up() {
        let mut leases = Leases::default();
        for n in 0..FIRST_SWEEP {
            leases.lead(&key(&n.to_string()), LEASE);
        }
        tokio::time::advance(LEASE).await;
        leases.lead(&key("one more"), LEASE);
        assert_eq!(leases.held.len(), 1);
    }
}
