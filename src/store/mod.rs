//! Where answers are kept and nodes meet: entries, invalidation, single flight, shared budgets and documents.
//!
//! The cache is an optimisation. Every operation has a deadline of its own; an error means "go on without", never an error
//! for a user. Two implementations keep one contract: `embedded` (this process, survives a restart) and `redis`.

pub mod about;
pub mod claim;
pub mod embedded;
mod encoding;
mod frame;
pub mod keeping;
pub mod measured;
pub mod redis;
#[cfg(test)]
mod sample;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

pub use self::about::About;
use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::{IntentId, TenantId},
};

/// Something that entries can be invalidated by: `title:dragon ball`, `product:B08X1YRSTR`, `intent:pricing`. Always in
/// normalised form (case, width, kana), so that senders need not agree on spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(pub Arc<str>);

/// What the chunks of an answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One chunk: a whole JSON body.
    Body,
    /// One chunk for each event of a stream: its JSON, without `data:` and without the closing `[DONE]`.
    Events,
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The exact key: tenant or user scope, context and normalised question.
    pub key: Digest,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is about.
    pub intent: IntentId,
    /// Its entities, in canonical form.
    pub entities: Vec<Arc<str>>,
    /// The question it answers, as asked.
    pub question: String,
    /// The partition of the semantic index it may be found in, and its vector there; `None` for exact recall only.
    #[serde(with = "frame")]
    pub frame: Option<(Digest, Vec<i8>)>,
    /// What the chunks are.
    pub shape: Shape,
    /// The answer.
    pub chunks: Vec<Bytes>,
    /// Which model gave it.
    pub model: Arc<str>,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Until when it is fresh.
    pub fresh_until: Timestamp,
    /// Until when it may be served stale; after that it is gone.
    pub keep_until: Timestamp,
    /// Its tags with the generation each had when the fill began.
    pub tags: Vec<(Tag, u64)>,
}

impl Entry {
    /// What it costs to keep, in bytes, without the index.
    pub fn size(&self) -> u64 {
        let chunks: usize = self.chunks.iter().map(Bytes::len).sum();
        let vector = self.frame.as_ref().map_or(0, |(_, vector)| vector.len());
        (chunks + vector + self.question.len() + size_of::<Self>()) as u64
    }
}

/// An entry as both stores keep it.
///
/// # Errors
/// It cannot be encoded.
pub fn stored_form(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    encoding::encode(entry)
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there.
    Stored,
    /// A tag was invalidated after the fill began: the old answer must not come back.
    Outdated,
    /// It may not come in.
    Refused(Unfit),
}

/// Why an entry may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is larger than one entry may be.
    TooLarge,
    /// There are as many entries as there may be.
    Full,
    /// The store is out of memory and makes no room.
    NoMemory,
    /// It would be over before it is there.
    Over,
}

/// What happened in the store, on this node or another.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new entry.
    Stored(Arc<Entry>),
    /// Entries with these tags are void. Tags invalidated together may be told apart.
    Invalidated(Vec<Tag>),
    /// An entry is gone.
    Removed(Digest),
    /// A shared document has a new version.
    Written(Arc<str>),
    /// Changes may have been missed: forget what is held in process.
    Lost,
}

/// The right to answer a question for the whole fleet, while the lease runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The question.
    pub key: Digest,
    /// Random, so that nobody else can renew or release it.
    pub token: u64,
}

/// Whether this node may lead.
#[derive(Debug)]
pub enum Lead {
    /// It may: ask, renew, then release.
    Granted(Fence),
    /// Somebody else does.
    Taken,
}

/// How a wait for another leader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The leader gave the lead back, or nobody leads: look for the entry.
    Released,
    /// The leader's lease ran out: it died, or lost touch.
    Expired,
    /// The leader still leads.
    StillLed,
}

/// Tokens leased from a bucket of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How many were granted, at most as many as were wanted.
    pub granted: u64,
    /// How many are left for others.
    pub left: u64,
}

/// A versioned shared document: the knobs, the controller's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedDocument {
    /// Grows with every write.
    pub version: u64,
    /// Its content.
    pub content: Vec<u8>,
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer within the deadline.
    #[error("the store did not answer within {0:?}")]
    Timeout(Duration),
    /// Not connected, or the connection broke.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// The store refused: out of memory, read-only, wrong type.
    #[error("the store refused: {0}")]
    Refused(String),
    /// What was read is not an entry of ours.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
}

/// How full the store is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// How many entries.
    pub entries: u64,
    /// Their bytes by intent.
    pub bytes: Vec<(IntentId, u64)>,
    /// Bytes used of the limit; `None` without a limit.
    pub used_of: Option<(u64, u64)>,
    /// Entries it may hold; new ones are refused then. `None` without such a cap.
    pub most_entries: Option<u64>,
    /// Entries removed to make room, since the start.
    pub evictions: u64,
}

/// Where answers are kept and nodes meet.
#[async_trait]
pub trait Store: Send + Sync {
    /// An entry by its key, fresh or stale; `None` when there is none, or one of its tags has moved on.
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError>;

    /// Entries by their keys, in their order, in as few rounds of a network as there can be. A part that cannot be had is a
    /// part of misses; an error only when nothing can.
    async fn get_many(&self, keys: &[Digest]) -> Result<Vec<Option<Arc<Entry>>>, StoreError> {
        let (mut entries, mut last) = (Vec::with_capacity(keys.len()), None);
        for key in keys {
            entries.push(self.get(key).await.unwrap_or_else(|why| {
                last = Some(why);
                None
            }));
        }
        match last.filter(|_| entries.iter().all(Option::is_none)) {
            Some(why) => Err(why),
            None => Ok(entries),
        }
    }

    /// Keeps an entry until its `keep_until`, unless one of its tags has moved on.
    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError>;

    /// Forgets entries, on all nodes; how many there were.
    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError>;

    /// The present generation of each tag; to be asked when a fill begins. Kept in process: no network on the usual path.
    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError>;

    /// Makes every entry with one of these tags void, on all nodes, also those whose fill is under way.
    async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError>;

    /// What happens from now on. A receiver that lags has missed changes and treats it as [`Change::Lost`].
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Asks to lead for `key`; the lease ends by itself after `lease`.
    async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError>;

    /// Extends the lease; `false` when it was lost.
    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError>;

    /// Gives the lead back and wakes the waiters of all nodes; they look for the entry then.
    async fn release(&self, fence: &Fence) -> Result<(), StoreError>;

    /// Waits until the present leader of `key` released it or its lease ran out, at most `most`.
    async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError>;

    /// Takes one from a budget of `per_minute` shared by the fleet; `false` when it is used up.
    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError>;

    /// Takes up to `want` tokens from a bucket of the fleet that gets `rate` a second and holds at most `burst`; a new one is
    /// full. To be called in batches: nobody waits for it.
    async fn lease(&self, bucket: &str, rate: f64, burst: f64, want: u64) -> Result<Lease, StoreError>;

    /// A shared document; `None` when nobody wrote it yet.
    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError>;

    /// Writes a shared document if its version still is `expect` (0: not there); the new version, `None` when it moved on.
    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError>;

    /// Entries in no particular order, a page at a time; the cursor of the next page, `None` at the end.
    async fn page(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError>;

    /// What entries are, without reading them, in no particular order, a page at a time; the cursor of the next page,
    /// `None` at the end. Entries that are over or outdated and not yet swept out may be among them.
    async fn ledger(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError>;

    /// The same for these entries, in their order; `None` for one that there is not.
    async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError>;

    /// Counts that answers were served from these entries, wherever they were held; those that are gone are passed over.
    /// To be called in batches, now and then.
    async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError>;

    /// How full it is.
    async fn usage(&self) -> Result<Usage, StoreError>;
}
