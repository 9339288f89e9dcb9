//! Single flight: of identical misses one asks, the others read its answer as it comes.
//!
//! Within a node the first to [`Coalesce::join`] leads and everybody after it follows the leader's log. Across nodes the
//! leaders agree through the store: one holds the lead for the fleet on a short lease that is renewed while it works, the
//! others wait to be told and then look into the cache. A leader that dies costs its waiters one lease.
//!
//! Never a stampede. Whatever goes wrong, a node has at most one attempt under way for a question, and starts another one
//! only after it has waited [`Waits::patience`]:
//! - a leader elsewhere that takes longer: this node's leader asks by itself, for all its followers;
//! - a leader here that takes longer: the first follower to say so ([`Coalesce::overdue`]) leads anew, the others follow it;
//! - a store that is gone: each node leads for itself.

mod flights;
mod leases;
mod turn;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::answer_log::AnswerLog;
use crate::{
    digest::Digest,
    store::Store,
    tasks::Tasks,
    telemetry::{
        catalogue::{IDENTICAL, LEADERS_REPLACED, WAIT_TIMEOUTS, WAITERS},
        metric::{Counter, Gauge},
        registry::Registry,
    },
};
use flights::{Flights, Joined};
use leases::Leases;
pub use turn::{Cleared, LeadTurn};

/// How long to wait for whom.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// How long the fleet goes on waiting for a leader that died. Renewed while it lives.
    pub lease: Duration,
    /// How long to wait for another node's answer before asking for it here.
    pub patience: Duration,
    /// How long a finished leader may take to put its answer where the other nodes find it.
    pub hand_over: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { lease: secs(2), patience: secs(15), hand_over: secs(1) }
    }
}

/// What a request is to do.
#[derive(Debug)]
pub enum Turn {
    /// Nobody asks yet: ask, detached from the client, who reads [`LeadTurn::log`] like everybody.
    Lead(LeadTurn),
    /// Read the answer that is under way, or has just come in.
    Follow(AnswerLog),
}

/// What is under way on this node. Clones share it.
#[derive(Clone, Debug)]
pub struct Coalesce(Arc<Node>);

struct Node {
    store: Arc<dyn Store>,
    waits: Waits,
    state: Mutex<State>,
    /// Rung when there are leases to renew.
    leading: Notify,
    identical: Arc<Gauge>,
    waiters: Arc<Gauge>,
    timeouts: Arc<Counter>,
    replaced: Arc<Counter>,
}

#[derive(Default)]
struct State {
    flights: Flights,
    leases: Leases,
}

impl Coalesce {
    /// A node with nothing under way; `tasks` runs the renewal of its leases.
    pub fn new(store: Arc<dyn Store>, waits: Waits, registry: &Registry, tasks: &Tasks) -> Self {
        let node = Arc::new(Node {
            store,
            waits,
            state: Mutex::default(),
            leading: Notify::new(),
            identical: registry.gauge(&IDENTICAL, &[]),
            waiters: registry.gauge(&WAITERS, &[]),
            timeouts: registry.counter(&WAIT_TIMEOUTS, &[]),
            replaced: registry.counter(&LEADERS_REPLACED, &[]),
        });
        tasks.spawn_until_stopped(leases::renew(node.clone()));
        Self(node)
    }

    /// Leads for `key`, or follows who does.
    pub fn join(&self, key: Digest) -> Turn {
        let mut state = self.0.state();
        let joined = state.flights.join(key);
        self.0.show(&state.flights);
        self.turn(key, joined, false)
    }

    /// Says that `stuck`, which [`Turn::Follow`] gave, took longer than the caller can wait. The first to say so of a
    /// log asks by itself, whatever the fleet does; everybody else follows that.
    pub fn overdue(&self, key: Digest, stuck: &AnswerLog) -> Turn {
        self.0.timeouts.inc();
        let mut state = self.0.state();
        let is_replaced = state.flights.abandon(&key, stuck);
        let joined = state.flights.join(key);
        self.0.show(&state.flights);
        if is_replaced {
            self.0.replaced.inc();
        }
        self.turn(key, joined, is_replaced)
    }

    fn turn(&self, key: Digest, joined: Joined, alone: bool) -> Turn {
        match joined {
            Joined::Following(log) => Turn::Follow(log),
            Joined::Leading { id, writer, log } => {
                Turn::Lead(LeadTurn::new(self.0.clone(), key, id, writer, log, alone))
            }
        }
    }
}

impl Node {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, flights: &Flights) {
        self.identical.set(flights.largest_crowd() as f64);
        self.waiters.set(flights.followers() as f64);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("waits", &self.waits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
