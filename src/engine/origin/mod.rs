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
mod key;
mod live;
mod meters;
mod refresh;
pub mod template;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::{
    client::{Client, Failed, Place, Trouble},
    file::{Definition, LiveField},
    meters::Meters,
};
pub use self::{key::Key, meters::Via};
use super::{
    coalesce::{Cleared, Coalesce, LeadTurn, Turn, Waits},
    model::failure::{Class, Failure},
    sale,
};
use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    digest::Digest,
    ids::TenantId,
    outbound::Outbound,
    store::{Entry, Put, Shape, Store},
    tasks::Tasks,
    telemetry::{catalogue::ORIGIN_PIPELINE, metric::Distribution, registry::Registry},
};

/// Keys that one call may ask for.
pub const MOST_KEYS: usize = 100;
/// The longest a request waits for the store; one that is silent gives up by itself much earlier.
const STORE_DEADLINE: Duration = Duration::from_millis(500);
/// Every time to live gets up to this share more or less.
const JITTER: f64 = 0.1;

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

    /// Fetches a value for everybody who wants it now, and keeps it. With `newer_than` what was kept before does not count.
    ///
    /// Who asks after an invalidation never joins a fetch that began before it: the generations are part of the flight.
    async fn fill(
        &self,
        origin: &Arc<Origin>,
        key: &Key,
        newer_than: Option<Timestamp>,
    ) -> Result<Option<Value>, Failed> {
        let generations = timeout(STORE_DEADLINE, self.0.store.generations(&key.tags)).await;
        let generations = generations.ok().and_then(Result::ok);
        let parts: Vec<_> = generations.iter().flatten().map(|generation| generation.to_le_bytes()).collect();
        let flight = Digest::of(std::iter::once(&key.digest.0[..]).chain(parts.iter().map(|part| &part[..])));
        let log = match self.0.coalesce.join(flight) {
            Turn::Follow(log) => log,
            Turn::Lead(turn) => {
                let log = turn.log();
                let (all, origin, key) = (self.clone(), origin.clone(), key.clone());
                self.0.tasks.spawn(async move { all.lead(turn, &origin, &key, generations, newer_than).await });
                log
            }
        };
        let (_, chunks) = match timeout(self.0.patience, log.whole()).await {
            Ok(whole) => whole.map_err(|failure| failed(&failure))?,
            Err(_) => {
                return Err(Failed {
                    trouble: Trouble::Late,
                    why: format!("the origin `{}` is asked already and does not answer", origin.is.name),
                });
            }
        };
        chunks.first().map(parse).transpose()
    }

    async fn lead(
        &self,
        turn: LeadTurn,
        origin: &Origin,
        key: &Key,
        generations: Option<Vec<u64>>,
        newer_than: Option<Timestamp>,
    ) {
        let look = || async {
            let now = self.0.clock.now();
            let is_new =
                |entry: &Arc<Entry>| now < entry.fresh_until && newer_than.is_none_or(|than| entry.stored_at > than);
            self.kept(&key.digest).await.filter(is_new)
        };
        let Cleared::Ask(mut turn) = turn.clear(look).await else { return };
        match origin.client.fetch(&key.path(&origin.is, &origin.is.path), &key.tenant).await {
            Ok(value) => {
                let kept = value.map(|value| live::without(value, origin.is.live.iter().map(|live| &*live.field)));
                let chunk = kept.map(|value| Bytes::from(value.to_string()));
                chunk.iter().for_each(|chunk| turn.writer().push(Shape::Body, chunk.clone()));
                turn.land(self.keep(origin, key, generations, chunk)).await;
            }
            Err(why) => turn.fail(Failure::new(class(why.trouble), why.why)).await,
        }
    }

    async fn keep(&self, origin: &Origin, key: &Key, generations: Option<Vec<u64>>, chunk: Option<Bytes>) {
        let Some(generations) = generations else { return origin.meters.unstored.inc() };
        let ttl = if chunk.is_some() { origin.is.ttl.0 } else { origin.is.missing.0 };
        let ttl = ttl.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.0.dice.roll());
        let stale = if chunk.is_some() { origin.is.max_stale.0 } else { Duration::ZERO };
        let stored_at = self.0.clock.now();
        let turn = self.0.calendar.load().next_turn(&key.tags, stored_at).unwrap_or(Timestamp(i64::MAX));
        let entry = Entry {
            key: key.digest,
            tenant: key.tenant.clone(),
            intent: origin.is.intent.clone(),
            entities: Vec::new(),
            question: key.text.clone(),
            frame: None,
            shape: Shape::Body,
            chunks: chunk.into_iter().collect(),
            model: origin.is.name.clone(),
            stored_at,
            fresh_until: (stored_at + ttl).min(turn),
            keep_until: (stored_at + ttl + stale).min(turn),
            tags: key.tags.iter().cloned().zip(generations).collect(),
        };
        let put = timeout(STORE_DEADLINE, self.0.store.put(Arc::new(entry))).await;
        match put {
            Ok(Ok(Put::Stored)) => origin.meters.stored.inc(),
            Ok(Ok(Put::Outdated)) => origin.meters.outdated.inc(),
            Ok(Ok(Put::Refused(_))) => origin.meters.refused.inc(),
            Ok(Err(_)) | Err(_) => origin.meters.unstored.inc(),
        }
    }
}

impl Origin {
    /// The live fields of a key as they are now; `None` for one that cannot be had.
    async fn live(&self, key: &Key) -> Vec<(&str, Option<Value>)> {
        let fetch = |(live, client): &'_ (LiveField, Arc<Client>)| {
            let (path, client) = (key.path(&self.is, &live.path), client.clone());
            let (tenant, take) = (key.tenant.clone(), live.take.clone());
            async move {
                let answer = client.fetch(&path, &tenant).await.ok().flatten()?;
                answer.pointer(&take).filter(|field| !field.is_null()).cloned()
            }
        };
        let fields = join_all(self.live.iter().map(fetch)).await;
        self.live.iter().zip(fields).map(|((live, _), field)| (live.field.as_str(), field)).collect()
    }

    fn merge(&self, read: Read, live: Vec<(&str, Option<Value>)>) -> Found {
        let mut found = Found { via: read.via, value: read.value, age: read.age, merged: vec![], absent: vec![] };
        let Some(value) = &mut found.value else { return found };
        for (field, fetched) in live {
            let is_there = fetched.is_some();
            let is_in = live::put_in(value, field, fetched.unwrap_or(Value::Null)) && is_there;
            let (list, counter) = match is_in {
                true => (&mut found.merged, &self.meters.merged),
                false => (&mut found.absent, &self.meters.absent),
            };
            list.push(field.to_owned());
            counter.inc();
        }
        found
    }
}

fn of(entry: &Entry, via: Via, now: Timestamp) -> Option<Read> {
    let value = entry.chunks.first().map(|chunk| serde_json::from_slice(chunk)).transpose().ok()?;
    Some(Read { via, value, age: now.since(entry.stored_at) })
}

fn parse(chunk: &Bytes) -> Result<Value, Failed> {
    serde_json::from_slice(chunk).map_err(|why| Failed { trouble: Trouble::Garbage, why: why.to_string() })
}

fn class(trouble: Trouble) -> Class {
    match trouble {
        Trouble::Late => Class::Timeout,
        Trouble::Broken => Class::Connect,
        Trouble::Status => Class::Server,
        Trouble::Garbage => Class::Garbage,
        Trouble::TooLarge => Class::Invalid,
        Trouble::Busy => Class::Overloaded,
    }
}

fn failed(failure: &Failure) -> Failed {
    let trouble = Trouble::ALL.into_iter().find(|trouble| class(*trouble) == failure.class).unwrap_or(Trouble::Broken);
    Failed { trouble, why: failure.detail.to_string() }
}
