//! The store that nodes share: Redis or Valkey 7 and later; one server or a failover endpoint, sentinels, or a cluster.
//!
//! - Everything is dealt out to shards (`keys`); a map says which server holds which (`map`, `route`), and each server is
//!   watched by itself (`server`), so that one that is away costs only what it holds.
//! - Entries are MessagePack under a TTL and carry the generations that their tags had when the fill began; whoever reads
//!   one compares, so that no fill that began before an invalidation brings an old answer back, whatever the order of
//!   messages and wherever the two are kept (`tags`).
//! - Generations are known in process and pushed (`known`); a broken ear puts all of it in question ([`Change::Lost`]).
//! - Leads are leases under a random token; a release is pushed to those who wait for it.
//! - Away, frozen, full, moving or spoilt, Redis costs hit rate: calls fail at once, what cannot be served is a miss with
//!   a reason (`fault`), invalidations count on this node and are told later.

mod dial;
mod entries;
mod fault;
mod fleet;
mod head;
mod hits;
mod keys;
mod known;
mod lead;
mod ledger;
mod map;
mod message;
mod operate;
mod options;
mod place;
mod pool;
mod route;
mod scripts;
mod server;
mod slots;
mod survey;
mod tags;
mod value;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::{
    sync::{Notify, broadcast, mpsc},
    time::timeout,
};
use tracing::warn;

use self::{
    dial::{Dialer, Target},
    fault::Faults,
    fleet::Meters,
    keys::{Keys, Shard},
    known::Known,
    lead::Waiting,
    map::Map,
    message::Message,
    place::{Place, Sentinels},
    pool::Wait,
    scripts::Scripts,
    server::{Role, Server},
};
pub use self::{
    operate::Condition,
    options::{Connections, Options, Servers, Tls},
};
use super::{About, Change, Entry, Fence, Lead, Lease, Put, SharedDocument, Store, StoreError, Tag, Usage, Waited};
use crate::{clock::Clock, dice::Dice, digest::Digest, tasks::Tasks, telemetry::registry::Registry};

/// Longest wait for any answer, and for a connection.
const DEADLINE: Duration = Duration::from_millis(500);
/// No entry is kept longer, and every generation is.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Changes a listener may lag behind before it has missed some.
const CHANGES: usize = 4_096;
/// Entries of other nodes that may wait to be fetched.
const FETCHES: usize = 4_096;

/// The shared store. Clones share the connections.
#[derive(Clone)]
pub struct Redis(Arc<Node>);

struct Node {
    options: Options,
    keys: Keys,
    scripts: Scripts,
    dialer: Dialer,
    map: ArcSwap<Map>,
    known: Mutex<Known>,
    waiting: Waiting,
    changes: broadcast::Sender<Change>,
    fetches: mpsc::Sender<Digest>,
    clock: Clock,
    dice: Arc<Dice>,
    tasks: Tasks,
    faults: Faults,
    meters: Meters,
    /// This node's mark on what it stores.
    mark: u64,
    /// Entries that there are, as last counted, and those put since.
    count: AtomicU64,
    /// Why a server cannot be connected, if so.
    trouble: Mutex<Option<String>>,
    /// Rung when the map may be wrong or a server is away.
    lacks: Notify,
    /// Rung when Redis may be owed invalidations.
    owes: Notify,
    /// Rung when a server comes up or goes down.
    turn: Notify,
}

impl Redis {
    /// A store on this Redis. Returns at once: connections are made, kept and made anew in the background, and until they
    /// stand every call fails at once. [`connected`](Self::connected) waits for it.
    ///
    /// # Errors
    /// An address is none, the prefix has characters that keys may not have, or certificates cannot be read.
    pub fn connect(
        options: Options,
        clock: Clock,
        dice: Arc<Dice>,
        registry: &Registry,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        check(&options)?;
        let targets = options.targets()?;
        let first = targets.first().ok_or_else(|| StoreError::Refused("no address of a Redis is named".into()))?;
        let (fetches, wanted) = mpsc::channel(FETCHES);
        let node = Arc::new(Node {
            keys: Keys::new(&options.prefix),
            dialer: options.dialer(first)?,
            scripts: Scripts::new(),
            map: ArcSwap::default(),
            known: Mutex::default(),
            waiting: Waiting::default(),
            changes: broadcast::Sender::new(CHANGES),
            fetches,
            clock,
            mark: dice.bits(),
            dice,
            tasks: tasks.clone(),
            faults: Faults::new(registry),
            meters: Meters::new(registry),
            count: AtomicU64::new(0),
            trouble: Mutex::default(),
            lacks: Notify::new(),
            owes: Notify::new(),
            turn: Notify::new(),
            options,
        });
        node.find_servers(&targets)?;
        tasks.spawn_until_stopped(fleet::fetch(node.clone(), wanted));
        tasks.spawn_until_stopped(fleet::pay(node.clone()));
        tasks.spawn_until_stopped(fleet::look_after(node.clone()));
        Ok(Self(node))
    }

    /// Waits until every server that is needed answers, at most `most`; whether they do.
    pub async fn connected(&self, most: Duration) -> bool {
        let up = async {
            loop {
                let turned = self.0.turn.notified();
                if self.0.map.load().is_up() {
                    return;
                }
                turned.await;
            }
        };
        timeout(most, up).await.is_ok()
    }

    /// Why a server could not be connected the last time that this was tried, and what to do; `None` when all can.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn check(options: &Options) -> Result<(), StoreError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if options.prefix.is_empty() || !options.prefix.bytes().all(is_plain) {
        let prefix = &options.prefix;
        return Err(StoreError::Refused(format!(
            "`{prefix}` cannot begin keys: use letters, digits, `_`, `-` and `.`"
        )));
    }
    Ok(())
}

impl Node {
    /// Starts to talk to the servers, or to look for them.
    fn find_servers(self: &Arc<Self>, targets: &[Target]) -> Result<(), StoreError> {
        let addresses: Vec<_> = targets.iter().map(|target| target.address.clone()).collect();
        let (master, replica) = match &self.options.servers {
            Servers::Cluster { .. } => {
                self.tasks.spawn_until_stopped(map::follow(self.clone(), addresses));
                return Ok(());
            }
            Servers::Sentinels { master, .. } => {
                let Some(first) = targets.first() else { return Ok(()) };
                let dialer = self.options.sentinel_dialer(first)?;
                let sentinels = Arc::new(Sentinels { addresses, master: master.clone(), dialer });
                let replica = Place::NamedReplica(sentinels.clone());
                (Place::Named(sentinels), self.options.from_replicas.then_some(replica))
            }
            Servers::One { reader, .. } => {
                let Some(first) = addresses.into_iter().next() else { return Ok(()) };
                let reader = reader.as_deref().map(Target::read).transpose()?;
                (Place::One(first), reader.filter(|_| self.options.from_replicas).map(|r| Place::One(r.address)))
            }
        };
        let replica = replica.map(|place| Server::new(place, Role::Replica));
        self.map.store(Arc::new(Map::of_one(Server::new(master, Role::Master), replica)));
        self.map.load().all().for_each(|server| self.start(server.clone()));
        Ok(())
    }

    /// Talks to a server from now on.
    fn start(self: &Arc<Self>, server: Arc<Server>) {
        self.tasks.spawn_until_stopped(server.run(self.clone()));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why a server cannot be connected, and tells an operator once.
    fn in_trouble(&self, why: String) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref() != Some(&why) {
            warn!(error = why, "Redis cannot be connected; going on without it and trying on.");
            *trouble = Some(why);
        }
    }

    fn out_of_trouble(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn tell(&self, change: Change) {
        // Nobody listens: nothing is missed.
        let _ = self.changes.send(change);
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        let call = self.scripts.take.call().key(self.keys.budget(budget)).number(per_minute);
        self.call(Shard::of_name(budget), &call, Wait::OnPath).await
    }

    async fn lease(&self, bucket: &str, rate: f64, burst: f64, want: u64) -> Result<Lease, StoreError> {
        let thousandths = |number: f64| (number * 1_000.0).round() as u64;
        let call = self.scripts.lease.call().key(self.keys.lease(bucket));
        let call = call.number(thousandths(rate)).number(thousandths(burst)).number(want);
        let (granted, left) = self.call(Shard::of_name(bucket), &call, Wait::Behind).await?;
        Ok(Lease { granted, left })
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.document(name)).arg("version").arg("content");
        let (version, content): (Option<u64>, Option<Vec<u8>>) =
            self.ask(Shard::of_name(name), &command, Wait::Behind).await?;
        Ok(version.zip(content).map(|(version, content)| SharedDocument { version, content }))
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        let message = Message::Written(name.to_owned()).encode();
        let call = self.scripts.write_document.call().key(self.keys.document(name)).number(expect).arg(content);
        let call = call.arg(self.keys.channel()).arg(message);
        let version: u64 = self.call(Shard::of_name(name), &call, Wait::Behind).await?;
        Ok((version > 0).then_some(version))
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        self.0.get(key).await
    }

    async fn get_many(&self, keys: &[Digest]) -> Result<Vec<Option<Arc<Entry>>>, StoreError> {
        self.0.get_many(keys, Wait::OnPath).await
    }

    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        self.0.put(entry).await
    }

    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.0.drop_entries(keys).await
    }

    /// Those that are neither known nor to be had are noted as older than any: nobody will serve what such a fill writes.
    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError> {
        let _ = self.0.learn_missing(tags.iter(), Wait::OnPath).await;
        let known = self.0.known();
        Ok(tags.iter().map(|tag| known.of(tag).unwrap_or(0)).collect())
    }

    async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        self.0.invalidate(tags).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError> {
        self.0.lead(key, lease).await
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError> {
        self.0.renew(fence, lease).await
    }

    async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        self.0.release(fence).await
    }

    async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError> {
        self.0.released(key, most).await
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        self.0.take(budget, per_minute).await
    }

    async fn lease(&self, bucket: &str, rate: f64, burst: f64, want: u64) -> Result<Lease, StoreError> {
        self.0.lease(bucket, rate, burst, want).await
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        self.0.document(name).await
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        self.0.write_document(name, expect, content).await
    }

    async fn page(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        self.0.page(cursor, most).await
    }

    async fn ledger(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError> {
        self.0.ledger(cursor, most).await
    }

    async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        self.0.about(keys).await
    }

    async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        self.0.count_hits(hits).await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.0.usage().await
    }
}
