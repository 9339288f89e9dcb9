//! Being one node of several: what others did is heard, what Redis missed is told, how things stand is shown.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use super::{
    Node,
    keys::Shard,
    message::Message,
    pool::Wait,
    server::{Role, Server},
};
use crate::{
    digest::Digest,
    store::Change,
    telemetry::{
        catalogue::{STORE_CONNECTIONS, STORE_CONNECTIONS_USED, STORE_UP},
        metric::Gauge,
        registry::Registry,
    },
};

/// How often what Redis missed is told again, beside every time that a server comes up.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How often gauges are brought up to date.
const SHOW: Duration = Duration::from_secs(1);
/// How often old generations are looked for; each node takes its own time between these.
const PRUNE: [Duration; 2] = [Duration::from_secs(6 * 3_600), Duration::from_secs(12 * 3_600)];
/// Entries fetched with one round.
const FETCHED_AT_ONCE: usize = 64;

/// What is shown.
pub(super) struct Meters {
    up: Arc<Gauge>,
    connections: Arc<Gauge>,
    used: Arc<Gauge>,
}

impl Meters {
    pub(super) fn new(registry: &Registry) -> Self {
        let up = registry.gauge(&STORE_UP, &[]);
        up.set(0.0);
        let [connections, used] =
            [&STORE_CONNECTIONS, &STORE_CONNECTIONS_USED].map(|metric| registry.gauge(metric, &[]));
        Self { up, connections, used }
    }
}

/// Fetches the entries that other nodes stored, for those who listen here.
pub(super) async fn fetch(node: Arc<Node>, mut wanted: mpsc::Receiver<Digest>) {
    let mut keys = Vec::new();
    while wanted.recv_many(&mut keys, FETCHED_AT_ONCE).await > 0 {
        match node.get_many(&keys, Wait::Behind).await {
            Ok(entries) => entries.iter().flatten().for_each(|entry| node.tell_entry(entry)),
            Err(_) => node.tell(Change::Lost),
        }
        keys.clear();
    }
}

/// Tells Redis, for ever, of the invalidations it missed while it was away or in doubt, or has lost.
pub(super) async fn pay(node: Arc<Node>) {
    loop {
        node.pay().await;
        let _ = timeout(CATCH_UP, node.owes.notified()).await;
    }
}

/// Shows how things stand, counts entries when there seems to be no room, and clears away old generations.
pub(super) async fn look_after(node: Arc<Node>) {
    let next_prune = || tokio::time::Instant::now() + node.dice.between(PRUNE[0], PRUNE[1]);
    let mut prune_at = next_prune();
    loop {
        node.show_up();
        node.show_connections();
        if node.count.load(Relaxed) >= node.options.entries {
            let _ = node.usage().await;
        }
        if tokio::time::Instant::now() >= prune_at {
            let _ = node.prune().await;
            prune_at = next_prune();
        }
        tokio::time::sleep(SHOW).await;
    }
}

impl Node {
    /// A server came up or went down.
    pub(super) fn turned(self: &Arc<Self>, role: Role) {
        if role == Role::Master {
            self.lose_touch();
            self.waiting.wake_all();
            self.lacks.notify_one();
        }
        self.show_up();
        self.turn.notify_waiters();
    }

    pub(super) fn show_up(&self) {
        self.meters.up.set(f64::from(u8::from(self.map.load().is_up())));
        self.turn.notify_waiters();
    }

    /// The open connections of all servers, and the used share of those of the busiest.
    fn show_connections(&self) {
        let map = self.map.load();
        let (mut open, mut used) = (0, 0.0_f64);
        for (connections, peak, most) in map.all().map(|server| server.connections()) {
            open += connections;
            used = used.max(peak as f64 / most as f64);
        }
        self.meters.connections.set(open as f64);
        self.meters.used.set(used);
    }

    /// Hears what a node did, by the ear at `server`. Called while the connection is read: must not wait.
    pub(super) fn hear(&self, server: &Arc<Server>, bytes: &[u8]) {
        match Message::decode(bytes) {
            Some(Message::Stored { by, key }) if by != self.mark && self.is_of(server, &key) => {
                if self.changes.receiver_count() > 0 && self.fetches.try_send(key).is_err() {
                    self.tell(Change::Lost);
                }
            }
            Some(Message::Stored { .. }) | None => {}
            Some(Message::Removed(keys)) => keys.into_iter().for_each(|key| self.tell(Change::Removed(key))),
            Some(Message::Released(key)) => self.waiting.wake(&key),
            Some(Message::Written(name)) => self.tell(Change::Written(name.into())),
            Some(Message::Invalidated(tags)) => self.take_over(tags),
        }
    }

    /// Whether a server holds this entry. In a cluster every server passes on what the others say: an invalidation heard
    /// twice does no harm, but each entry is fetched once.
    fn is_of(&self, server: &Arc<Server>, key: &Digest) -> bool {
        self.map.load().master(Shard::of(key)).is_some_and(|master| Arc::ptr_eq(master, server))
    }
}
