//! The store inside this process: everything in memory in its encoded form, with a SQLite file behind it that survives a restart.
//!
//! Reading, leading and budgets are a lock and a map, without waiting. What `put`, `invalidate` and `write_document`
//! acknowledge is committed to the file first (in batches, by a thread of its own) and survives the process being killed.
//! Without a file ([`Embedded::in_memory`]) nothing waits and nothing runs beside: several nodes of a drill can share one.

mod budgets;
mod disk;
mod generations;
mod leases;
mod limits;
mod memory;
mod shelf;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::broadcast, time::Instant};

use budgets::Budgets;
pub use disk::open::OpenError;
pub use limits::Limits;

use super::{About, Change, Entry, Fence, Lead, Put, SharedDocument, Store, StoreError, Tag, Usage, Waited, encoding};
use crate::{clock::Clock, digest::Digest, tasks::Tasks};
use disk::{Disk, write::Write};
use memory::Memory;

/// The embedded store. Clones share the same memory and file.
#[derive(Clone, Debug)]
pub struct Embedded {
    memory: Arc<Memory>,
    disk: Option<Disk>,
}

impl Embedded {
    /// A store without a file, for drills and tests: deterministic, no thread, no task, no waiting.
    pub fn in_memory(limits: Limits, clock: Clock) -> Self {
        Self { memory: Arc::new(Memory::new(limits, clock)), disk: None }
    }

    /// Tells everybody that changes may have been missed, as a store does whose connection broke. For drills.
    pub fn lose_touch(&self) {
        self.memory.tell(Change::Lost);
    }

    /// A store with its file at `path`, made if there is none. Serves at once: documents and generations are there when
    /// this returns, entries come in from the file in the background, newest first, and are found there until then. A
    /// file that cannot be read is moved aside. Shutdown waits for what was written.
    ///
    /// # Errors
    /// The file cannot be made or belongs to another running process.
    pub fn open(path: &Path, limits: Limits, clock: Clock, tasks: &Tasks) -> Result<Self, OpenError> {
        let memory = Arc::new(Memory::new(limits, clock));
        let disk = Disk::open(path, memory.clone())?;
        tasks.spawn({
            let (disk, stopping) = (disk.clone(), tasks.stopping());
            async move {
                stopping.cancelled().await;
                disk.flush().await;
            }
        });
        Ok(Self { memory, disk: Some(disk) })
    }

    /// Makes a change in memory and in the file, in the same order for all; resolves when the file has it.
    async fn write<T>(&self, change: impl FnOnce(&Memory) -> (T, Vec<Write>)) -> Result<T, StoreError> {
        let Some(disk) = &self.disk else { return Ok(change(&self.memory).0) };
        let place = disk.place().await?;
        let (result, receipt) = place.fill(|| change(&self.memory));
        receipt.committed().await?;
        Ok(result)
    }

    /// Takes entries out of the file that are gone from memory. Not waited for: should it be lost, they are found void or
    /// over when they are read again.
    fn drop_from_file(&self, gone: Vec<Digest>) {
        if let Some(disk) = self.disk.as_ref().filter(|_| !gone.is_empty()) {
            disk.write_some_time(gone.into_iter().map(Write::Remove).collect());
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        let found = self.memory.find(key);
        self.drop_from_file(found.gone);
        match &self.disk {
            Some(disk) if found.entry.is_none() && found.may_be_in_file => disk.read(*key).await,
            _ => Ok(found.entry),
        }
    }

    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        let (body, has_file) = (encoding::encode(&entry)?, self.disk.is_some());
        self.write(|memory| memory.keep(entry, body, has_file)).await
    }

    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.write(|memory| memory.remove(keys)).await
    }

    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError> {
        Ok(self.memory.generations(tags))
    }

    async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        self.write(|memory| memory.invalidate(tags)).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.memory.changes.subscribe()
    }

    async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError> {
        Ok(self.memory.state().leases.lead(key, lease))
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError> {
        Ok(self.memory.state().leases.renew(fence, lease))
    }

    async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        self.memory.state().leases.release(fence);
        Ok(())
    }

    async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError> {
        let give_up = Instant::now() + most;
        loop {
            let leader = self.memory.state().leases.leader(key);
            let Some(leader) = leader else { return Ok(Waited::Released) };
            let now = Instant::now();
            if leader.until <= now {
                return Ok(Waited::Expired);
            }
            if give_up <= now {
                return Ok(Waited::StillLed);
            }
            if tokio::time::timeout_at(leader.until.min(give_up), leader.gone).await.is_ok() {
                return Ok(Waited::Released);
            }
        }
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        let now = self.memory.clock.now();
        Ok(self.memory.state().budgets.take(budget, per_minute, now))
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        Ok(self.memory.state().documents.get(name).cloned())
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        self.write(|memory| memory.write_document(name, expect, content)).await
    }

    async fn page(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        Ok(self.memory.page(cursor, most))
    }

    async fn ledger(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError> {
        Ok(self.memory.ledger(cursor, most))
    }

    async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        Ok(self.memory.about(keys))
    }

    /// Not waited for in the file: hits may be lost with the process, and nothing but their number.
    async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        let counted = self.memory.count_hits(hits);
        if let Some(disk) = self.disk.as_ref().filter(|_| !counted.is_empty()) {
            disk.write_some_time(counted);
        }
        Ok(())
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        let (usage, gone) = self.memory.usage();
        self.drop_from_file(gone);
        Ok(usage)
    }
}
