//! Any store, measured: how long each operation took and how many failed.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::broadcast, time::Instant};

use super::{About, Change, Entry, Fence, Lead, Lease, Put, SharedDocument, Store, StoreError, Tag, Usage, Waited};
use crate::{
    digest::Digest,
    telemetry::{
        catalogue::{STORE_ERRORS, STORE_LATENCY},
        metric::{Counter, Distribution},
        registry::Registry,
    },
};

/// A store whose operations are measured.
pub struct Measured<S> {
    store: S,
    get: Gate,
    get_many: Gate,
    put: Gate,
    lead: Gate,
    invalidate: Gate,
    take: Gate,
    document: Gate,
    /// Everything that neither a request nor a remedy waits for.
    upkeep: Gate,
}

/// The measurements of one kind of operation.
struct Gate {
    latency: Arc<Distribution>,
    errors: Arc<Counter>,
}

impl Gate {
    fn new(registry: &Registry, operation: &str) -> Self {
        Self {
            latency: registry.distribution(&STORE_LATENCY, &[operation]),
            errors: registry.counter(&STORE_ERRORS, &[operation]),
        }
    }

    async fn pass<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let began = Instant::now();
        let outcome = work.await;
        self.latency.record_time(began.elapsed());
        if outcome.is_err() {
            self.errors.inc();
        }
        outcome
    }
}

impl<S: Store> Measured<S> {
    /// Measures `store` for the node whose metrics these are.
    pub fn new(store: S, registry: &Registry) -> Self {
        let gate = |operation| Gate::new(registry, operation);
        Self {
            store,
            get: gate("get"),
            get_many: gate("get_many"),
            put: gate("put"),
            lead: gate("lead"),
            invalidate: gate("invalidate"),
            take: gate("take"),
            document: gate("document"),
            upkeep: gate("upkeep"),
        }
    }
}

#[async_trait]
impl<S: Store> Store for Measured<S> {
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        self.get.pass(self.store.get(key)).await
    }

    async fn get_many(&self, keys: &[Digest]) -> Result<Vec<Option<Arc<Entry>>>, StoreError> {
        self.get_many.pass(self.store.get_many(keys)).await
    }

    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        self.put.pass(self.store.put(entry)).await
    }

    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.invalidate.pass(self.store.remove(keys)).await
    }

    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError> {
        self.get.pass(self.store.generations(tags)).await
    }

    async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        self.invalidate.pass(self.store.invalidate(tags)).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.store.changes()
    }

    async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError> {
        self.lead.pass(self.store.lead(key, lease)).await
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError> {
        self.lead.pass(self.store.renew(fence, lease)).await
    }

    async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        self.lead.pass(self.store.release(fence)).await
    }

    /// Not measured: how long it takes is up to another leader.
    async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError> {
        self.store.released(key, most).await
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        self.take.pass(self.store.take(budget, per_minute)).await
    }

    async fn lease(&self, bucket: &str, rate: f64, burst: f64, want: u64) -> Result<Lease, StoreError> {
        self.take.pass(self.store.lease(bucket, rate, burst, want)).await
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        self.document.pass(self.store.document(name)).await
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        self.document.pass(self.store.write_document(name, expect, content)).await
    }

    async fn page(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        self.upkeep.pass(self.store.page(cursor, most)).await
    }

    async fn ledger(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError> {
        self.upkeep.pass(self.store.ledger(cursor, most)).await
    }

    async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        self.upkeep.pass(self.store.about(keys)).await
    }

    async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        self.upkeep.pass(self.store.count_hits(hits)).await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.upkeep.pass(self.store.usage()).await
    }
}
