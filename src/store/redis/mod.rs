//! The store that nodes share: Redis or Valkey 7 and later, one server or a failover endpoint.
//!
//! - Entries are MessagePack under a TTL; a put compares the generations of its tags inside Redis, so that no fill that
//!   began before an invalidation can write an old answer back, whatever the order of messages.
//! - Generations are known in process and pushed (`known`); a broken connection voids what is held ([`Change::Lost`]).
//! - Leads are leases under a random token; a release is pushed to those who wait for it.
//! - Away, frozen or full, Redis costs hit rate (`link`): calls fail at once, invalidations count on this node and are
//!   told later.

mod entries;
mod fleet;
mod keys;
mod known;
mod lead;
mod ledger;
mod link;
mod message;
mod scripts;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use redis::{Client, IntoConnectionInfo, ProtocolVersion};
use tokio::{
    sync::{broadcast, mpsc},
    time::timeout,
};

use super::{About, Change, Entry, Fence, Lead, Put, SharedDocument, Store, StoreError, Tag, Usage, Waited, embedded};
use crate::{
    clock::Clock,
    dice::Dice,
    digest::Digest,
    tasks::Tasks,
    telemetry::{catalogue::STORE_UP, registry::Registry},
    units::Bytes,
};
use keys::Keys;
use known::Known;
use lead::Waiting;
use link::{Link, Wait};
use scripts::Scripts;

/// No entry is kept longer, and every generation is.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);
const GENERATION_LIFE: Duration = Duration::from_secs(31 * 86_400);
/// Changes a listener may lag behind before it has missed some.
const CHANGES: usize = 4_096;
/// Entries of other nodes that may wait to be fetched.
const FETCHES: usize = 4_096;

/// Which Redis, and how much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// `redis://[user:password@]host:port[/db]`.
    pub url: String,
    /// Begins every key; nodes that share answers share it.
    pub prefix: String,
    /// Entries; at the cap new ones are refused.
    pub entries: u64,
    /// Bytes of one entry; a larger one is refused.
    pub largest: Bytes,
    /// How long nothing may be heard before Redis is in doubt: the most a request loses while that is noticed.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let limits = embedded::Limits::default();
        Self {
            url: "redis://127.0.0.1:6379".into(),
            prefix: "banto".into(),
            entries: limits.entries,
            largest: limits.largest,
            // A timer may be 2 ms late: together within the 10 ms that a request may lose.
            silence: Duration::from_millis(8),
        }
    }
}

/// The shared store. Clones share the connection.
#[derive(Clone)]
pub struct Redis(Arc<Node>);

struct Node {
    options: Options,
    keys: Keys,
    scripts: Scripts,
    link: Link,
    known: Mutex<Known>,
    waiting: Waiting,
    changes: broadcast::Sender<Change>,
    fetches: mpsc::Sender<Digest>,
    clock: Clock,
    dice: Arc<Dice>,
    /// This node's mark on what it stores.
    mark: u64,
}

impl Redis {
    /// A store on this Redis. Returns at once: the connection is made, kept and made anew in the background, and until it
    /// stands every call fails at once. [`connected`](Self::connected) waits for it.
    ///
    /// # Errors
    /// The URL is none.
    pub fn connect(
        options: Options,
        clock: Clock,
        dice: Arc<Dice>,
        registry: &Registry,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        let client = client(&options.url).map_err(|why| StoreError::Refused(why.to_string()))?;
        let (fetches, wanted) = mpsc::channel(FETCHES);
        let node = Arc::new(Node {
            keys: Keys::new(&options.prefix),
            link: Link::new(client, options.silence, registry.gauge(&STORE_UP, &[])),
            options,
            scripts: Scripts::new(),
            known: Mutex::default(),
            waiting: Waiting::default(),
            changes: broadcast::Sender::new(CHANGES),
            fetches,
            clock,
            mark: dice.bits(),
            dice,
        });
        tasks.spawn_until_stopped(fleet::keep_connected(node.clone()));
        tasks.spawn_until_stopped(fleet::fetch(node.clone(), wanted));
        Ok(Self(node))
    }

    /// Waits for the connection, at most `most`; whether it stands.
    pub async fn connected(&self, most: Duration) -> bool {
        let link = &self.0.link;
        let up = async {
            loop {
                let turned = link.turned.notified();
                if link.is_up() {
                    return;
                }
                turned.await;
            }
        };
        timeout(most, up).await.is_ok()
    }
}

/// A client that speaks RESP3, which carries pushes and answers on one connection.
fn client(url: &str) -> redis::RedisResult<Client> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

impl Node {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        // Nobody listens: nothing is missed.
        let _ = self.changes.send(change);
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        let call = self.scripts.take.call().key(self.keys.budget(budget)).number(per_minute);
        self.link.call(&call, Wait::OnPath).await
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.document(name)).arg("version").arg("content");
        let (version, content): (Option<u64>, Option<Vec<u8>>) = self.link.ask(&command, Wait::Behind).await?;
        Ok(version.zip(content).map(|(version, content)| SharedDocument { version, content }))
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        let message = message::Message::Written(name.to_owned()).encode();
        let call = self.scripts.write_document.call().key(self.keys.document(name)).number(expect).arg(content);
        let call = call.arg(self.keys.channel()).arg(message);
        let version: u64 = self.link.call(&call, Wait::Behind).await?;
        Ok((version > 0).then_some(version))
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        self.0.put(entry).await
    }

    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.0.drop_entries(keys).await
    }

    /// Those that are neither known nor to be had are taken for never invalidated: a put compares inside Redis.
    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError> {
        let _ = self.0.learn_missing(tags.iter()).await;
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
        self.0.scan(cursor.unwrap_or(0), most).await
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
