//! The origin cache: what the shop's services say about products, recommendations, promotions and reviews, kept aside.
//!
//! A caller asks here instead of asking the service ([`Origins::get`], [`Origins::get_many`]). What is kept and fresh is
//! given; of everybody who misses the same thing, over all nodes, one asks the service, and its answer is kept unless it
//! was invalidated meanwhile. Fields marked `live` (prices) are never kept: they are fetched for every answer, beside the
//! look-up, and are `null` when they cannot be had.
//!
//! The cache is an optimisation: without it every request goes to the service, within the service's bounds. And the
//! service may fail: an expired value then stands in, with its age, for as long as the file says.

pub mod client;
pub mod file;
mod fill;
mod key;
mod live;
mod merge;
mod meters;
mod refresh;
pub mod template;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::{
    client::{Client, Failed, Place},
    file::{Definition, LiveField},
    meters::Meters,
};
pub use self::{key::Key, meters::Via};
use super::{
    coalesce::{Coalesce, Waits},
    sale,
};
use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    digest::Digest,
    ids::TenantId,
    outbound::Outbound,
    store::{Entry, Store},
    tasks::Tasks,
    telemetry::{catalogue::ORIGIN_PIPELINE, metric::Distribution, registry::Registry},
};

/// Keys that one call may ask for.
pub const MOST_KEYS: usize = 100;
/// The longest a request waits for the store; one that is silent gives up by itself much earlier.
const STORE_DEADLINE: Duration = Duration::from_millis(500);
/// A value, and how it was come by.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How.
    pub via: Via,
    /// The value; `None` when the service says that there is none.
    pub value: Option<Value>,
    /// How long ago it was fetched.
    pub age: Duration,
    /// Live fields that are in it.
    pub merged: Vec<String>,
    /// Live fields that could not be had; they are `null`.
    pub absent: Vec<String>,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No such origin, or nobody said where it is.
    #[error("{0}")]
    Unknown(String),
    /// Not a key of it.
    #[error("{0}")]
    Key(String),
    /// The service gave none and nothing is kept.
    #[error("{0}")]
    Failed(#[from] Failed),
}

/// What the origin cache works with.
pub struct Parts {
    /// What is kept, by the operator's files.
    pub definitions: Vec<Definition>,
    /// The services.
    pub clients: Clients,
    /// Where values are kept.
    pub store: Arc<dyn Store>,
    /// Where it counts.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Clock,
    /// Chance, for jitter.
    pub dice: Arc<Dice>,
    /// When prices and offers turn.
    pub calendar: sale::InForce,
}

/// The services by name.
pub type Clients = BTreeMap<Arc<str>, Arc<Client>>;

/// Clients of all these services.
pub fn clients(places: &BTreeMap<Arc<str>, Place>, outbound: &Outbound, registry: &Registry) -> Clients {
    let client = |(name, place): (&Arc<str>, &Place)| {
        (name.clone(), Arc::new(Client::new(name.clone(), place.clone(), outbound.clone(), registry)))
    };
    places.iter().map(client).collect()
}

/// The origin cache. Clones share it.
#[derive(Clone)]
pub struct Origins(Arc<Shared>);

struct Shared {
    origins: BTreeMap<Arc<str>, Arc<Origin>>,
    store: Arc<dyn Store>,
    coalesce: Coalesce,
    tasks: Tasks,
    clock: Clock,
    dice: Arc<Dice>,
    calendar: sale::InForce,
    pipeline: Arc<Distribution>,
    patience: Duration,
}

/// One origin whose service is known.
struct Origin {
    is: Definition,
    client: Arc<Client>,
    live: Vec<(LiveField, Arc<Client>)>,
    meters: Meters,
    recent: refresh::Recent,
}

/// What is known of a key before its live fields.
struct Read {
    via: Via,
    value: Option<Value>,
    age: Duration,
}

impl Origins {
    /// The origins whose services are all known. Their scheduled refreshes run in `tasks`.
    pub fn start(parts: Parts, tasks: &Tasks) -> Self {
        let Parts { definitions, clients, store, registry, clock, dice, calendar } = parts;
        let known = |is: Definition| {
            let live = is.live.iter().map(|live| Some((live.clone(), clients.get(&live.place)?.clone())));
            let (live, client) = (live.collect::<Option<Vec<_>>>()?, clients.get(&is.place)?.clone());
            let meters = Meters::new(&is.name, &registry);
            Some((is.name.clone(), Arc::new(Origin { is, client, live, meters, recent: Default::default() })))
        };
        let origins: BTreeMap<_, _> = definitions.into_iter().filter_map(known).collect();
        let secs = Duration::from_secs;
        let waits = Waits { lease: secs(2), patience: secs(5), hand_over: secs(1) };
        // Its gauges are of questions; origins count for themselves.
        let coalesce = Coalesce::new(store.clone(), waits, &Registry::default(), tasks);
        let pipeline = registry.distribution(&ORIGIN_PIPELINE, &[]);
        let (tasks, patience) = (tasks.clone(), secs(10));
        let shared =
            Shared { origins, store, coalesce, tasks: tasks.clone(), clock, dice, calendar, pipeline, patience };
        let all = Self(Arc::new(shared));
        for origin in all.0.origins.values().filter(|origin| origin.is.refresh.is_some()) {
            tasks.spawn_until_stopped(refresh::keep_fresh(all.clone(), origin.clone()));
        }
        all
    }

    /// The names that can be asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.origins.keys().map(|name| &**name)
    }

    /// One value.
    ///
    /// # Errors
    /// [`OriginError`]; only when neither the service nor the cache has an answer.
    pub async fn get(&self, tenant: &TenantId, name: &str, values: Vec<String>) -> Result<Found, OriginError> {
        let origin = self.origin(name)?;
        let key = Key::new(&origin.is, tenant.clone(), values).map_err(OriginError::Key)?;
        let read = async {
            let began = Instant::now();
            let kept = self.kept(&key.digest).await;
            origin.meters.get.record_time(began.elapsed());
            self.read(&origin, &key, kept).await
        };
        let (read, live) = tokio::join!(read, origin.live(&key));
        Ok(origin.merge(read?, live))
    }

    /// Several values of one origin, in the order of their keys: one look into the cache for all, then the misses.
    ///
    /// # Errors
    /// When the origin is unknown or the keys are too many; each value may fail on its own.
    pub async fn get_many(
        &self,
        tenant: &TenantId,
        name: &str,
        keys: Vec<Vec<String>>,
    ) -> Result<Vec<Result<Found, OriginError>>, OriginError> {
        let origin = self.origin(name)?;
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(OriginError::Key(format!("ask for 1 to {MOST_KEYS} keys at once, not {}", keys.len())));
        }
        let keys: Vec<_> = keys
            .into_iter()
            .map(|values| Key::new(&origin.is, tenant.clone(), values).map_err(OriginError::Key))
            .collect();
        let read = async {
            let began = Instant::now();
            // On one connection these travel together.
            let kept = join_all(keys.iter().flatten().map(|key| self.kept(&key.digest))).await;
            self.0.pipeline.record_time(began.elapsed());
            let reads = keys.iter().flatten().zip(kept).map(|(key, kept)| self.read(&origin, key, kept));
            join_all(reads).await
        };
        let (reads, live) = tokio::join!(read, join_all(keys.iter().flatten().map(|key| origin.live(key))));
        let mut good = reads.into_iter().zip(live);
        let merged = keys.iter().map(|key| {
            let key = key.as_ref().map_err(Clone::clone);
            let read = key.and_then(|_| good.next().ok_or_else(|| OriginError::Key("no answer".into())));
            read.and_then(|(read, live)| Ok(origin.merge(read?, live)))
        });
        Ok(merged.collect())
    }

    fn origin(&self, name: &str) -> Result<Arc<Origin>, OriginError> {
        self.0.origins.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = self.names().collect();
            let known =
                if known.is_empty() { "none has a `url` in `origins:` of banto.yaml".into() } else { known.join(", ") };
            OriginError::Unknown(format!("no origin is called `{name}`; there are: {known}"))
        })
    }

    /// What the store keeps of a key, fresh or not; `None` also when the store is away.
    async fn kept(&self, key: &Digest) -> Option<Arc<Entry>> {
        timeout(STORE_DEADLINE, self.0.store.get(key)).await.ok()?.ok()?
    }

    /// What is kept if it is fresh, else what the service says now, else what is kept all the same.
    async fn read(&self, origin: &Arc<Origin>, key: &Key, kept: Option<Arc<Entry>>) -> Result<Read, Failed> {
        let now = self.0.clock.now();
        origin.recent.asked(key, now, origin.is.refresh.is_some());
        if let Some(read) =
            kept.as_ref().filter(|entry| now < entry.fresh_until).and_then(|entry| of(entry, Via::Hit, now))
        {
            origin.meters.read(Via::Hit);
            return Ok(read);
        }
        match self.fill(origin, key, None).await {
            Ok(value) => {
                origin.meters.read(Via::Miss);
                Ok(Read { via: Via::Miss, value, age: Duration::ZERO })
            }
            Err(failed) => {
                match kept.filter(|entry| now < entry.keep_until).and_then(|entry| of(&entry, Via::Stale, now)) {
                    Some(read) => {
                        tracing::debug!(%failed, key = key.text, "An expired value stands in.");
                        origin.meters.read(Via::Stale);
                        Ok(read)
                    }
                    None => {
                        origin.meters.failed.inc();
                        Err(failed)
                    }
                }
            }
        }
    }
}

fn of(entry: &Entry, via: Via, now: Timestamp) -> Option<Read> {
    let value = entry.chunks.first().map(|chunk| serde_json::from_slice(chunk)).transpose().ok()?;
    Some(Read { via, value, age: now.since(entry.stored_at) })
}
