//! The shared store of a drill's world: the embedded one, with an end to its memory, slower the fuller it is, and lost or out
//! of reach when the drill says so.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::broadcast, time::sleep};

use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    digest::Digest,
    drill::world::{Pace, StoreTurn},
    store::{
        About, Change, Entry, Fence, Lead, Put, SharedDocument, Store, StoreError, Tag, Usage, Waited,
        embedded::Embedded,
    },
    telemetry::{catalogue::STORE_UP, metric::Gauge, registry::Registry},
};

/// How long a reading of the fill is good for.
const FILL_IS_KNOWN: Duration = Duration::from_secs(1);

/// For so long nothing is heard of a frozen store before a node takes it for gone; from then on its calls fail at once.
const SILENCE: Duration = Duration::from_millis(10);

/// Entries lost at once when it is emptied.
const AT_ONCE: usize = 1_000;

/// The writes that are remembered: those of a day, and at most so many.
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MOST_WRITES: usize = 100_000;

/// A store that has a drill's weaknesses.
pub(super) struct WorldStore {
    inner: Embedded,
    pace: Option<Pace>,
    turn: AtomicU8,
    up: Vec<Arc<Gauge>>,
    fill: Mutex<Option<(Timestamp, f64)>>,
    writes: Mutex<VecDeque<(Timestamp, Duration)>>,
    clock: Clock,
    dice: Arc<Dice>,
}

impl WorldStore {
    /// This store, with these weaknesses, as the nodes of these registries see it.
    pub(super) fn new(
        inner: Embedded,
        pace: Option<Pace>,
        registries: &[Arc<Registry>],
        clock: Clock,
        dice: Arc<Dice>,
    ) -> Arc<Self> {
        let up: Vec<_> = registries.iter().map(|registry| registry.gauge(&STORE_UP, &[])).collect();
        up.iter().for_each(|up| up.set(1.0));
        let turn = AtomicU8::new(StoreTurn::Up as u8);
        Arc::new(Self { inner, pace, turn, up, fill: Mutex::default(), writes: Mutex::default(), clock, dice })
    }

    /// Something happens to it. Whoever loses touch with it forgets what was held in process.
    pub(super) async fn turn(&self, turn: StoreTurn) {
        if turn == StoreTurn::Emptied {
            return self.empty().await;
        }
        let before = self.turn.swap(turn as u8, Relaxed);
        self.up.iter().for_each(|up| up.set(f64::from(u8::from(turn == StoreTurn::Up))));
        if before != turn as u8 {
            self.inner.lose_touch();
        }
    }

    async fn empty(&self) {
        while let Ok((all, _)) = self.inner.ledger(None, AT_ONCE).await {
            let keys: Vec<_> = all.iter().map(|about| about.key).collect();
            if keys.is_empty() || self.inner.remove(&keys).await.is_err() {
                return;
            }
        }
    }

    async fn up(&self) -> Result<&Embedded, StoreError> {
        match self.turn.load(Relaxed) {
            turn if turn == StoreTurn::Down as u8 => Err(StoreError::Unreachable("connection refused".into())),
            turn if turn == StoreTurn::Frozen as u8 => {
                sleep(SILENCE).await;
                self.turn.compare_exchange(turn, StoreTurn::Down as u8, Relaxed, Relaxed).ok();
                Err(StoreError::Timeout(SILENCE))
            }
            _ => Ok(&self.inner),
        }
    }

    /// The time within which 95 % of the last day's writes were kept. Unit: milliseconds. `None`: no writes, or no time.
    pub(super) fn write_ms(&self) -> Option<f64> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut took: Vec<_> = writes.iter().map(|(_, took)| took.as_micros()).collect();
        took.sort_unstable();
        let at = (took.len() * 95).div_ceil(100).checked_sub(1)?;
        took.get(at).map(|micros| *micros as f64 / 1e3)
    }

    async fn take_time(&self) {
        let Some(pace) = self.pace else { return };
        let fill = self.fill().await;
        let takes = pace.write(fill).mul_f64(0.7 + 0.6 * self.dice.roll());
        self.note_write(takes);
        sleep(takes).await;
    }

    fn note_write(&self, takes: Duration) {
        let now = self.clock.now();
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push_back((now, takes));
        while writes.len() > MOST_WRITES || writes.front().is_some_and(|(at, _)| now.since(*at) > DAY) {
            writes.pop_front();
        }
    }

    async fn fill(&self) -> f64 {
        let now = self.clock.now();
        let known = *self.fill.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fill)) = known.filter(|(at, _)| now.since(*at) < FILL_IS_KNOWN) {
            return fill;
        }
        let used = self.inner.usage().await.ok().and_then(|usage| usage.used_of);
        let fill = used.map_or(0.0, |(used, of)| used as f64 / of.max(1) as f64);
        *self.fill.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, fill));
        fill
    }
}

#[async_trait]
impl Store for WorldStore {
    async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        self.up().await?.get(key).await
    }

    async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        let store = self.up().await?;
        self.take_time().await;
        store.put(entry).await
    }

    async fn remove(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        self.up().await?.remove(keys).await
    }

    async fn generations(&self, tags: &[Tag]) -> Result<Vec<u64>, StoreError> {
        self.up().await?.generations(tags).await
    }

    async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        self.up().await?.invalidate(tags).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes()
    }

    async fn lead(&self, key: &Digest, lease: Duration) -> Result<Lead, StoreError> {
        self.up().await?.lead(key, lease).await
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<bool, StoreError> {
        self.up().await?.renew(fence, lease).await
    }

    async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        self.up().await?.release(fence).await
    }

    async fn released(&self, key: &Digest, most: Duration) -> Result<Waited, StoreError> {
        self.up().await?.released(key, most).await
    }

    async fn take(&self, budget: &str, per_minute: u64) -> Result<bool, StoreError> {
        self.up().await?.take(budget, per_minute).await
    }

    async fn document(&self, name: &str) -> Result<Option<SharedDocument>, StoreError> {
        self.up().await?.document(name).await
    }

    async fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> Result<Option<u64>, StoreError> {
        self.up().await?.write_document(name, expect, content).await
    }

    async fn page(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        self.up().await?.page(cursor, most).await
    }

    async fn ledger(&self, cursor: Option<u64>, most: usize) -> Result<(Vec<About>, Option<u64>), StoreError> {
        self.up().await?.ledger(cursor, most).await
    }

    async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        self.up().await?.about(keys).await
    }

    async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        self.up().await?.count_hits(hits).await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.up().await?.usage().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::Limits;

    fn store() -> (Arc<WorldStore>, Arc<Registry>) {
        let (clock, registry) = (Clock::starting_at(Timestamp(1_800_000_000_000)), Arc::new(Registry::default()));
        let inner = Embedded::in_memory(Limits::default(), clock);
        let registries = [registry.clone()];
        (WorldStore::new(inner, None, &registries, clock, Arc::new(Dice::seeded(1))), registry)
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_store_is_silent_once_and_then_gone_until_it_is_up_again() {
        let (store, registry) = store();
        let (mut changes, up) = (store.changes(), registry.gauge(&STORE_UP, &[]));
        store.turn(StoreTurn::Frozen).await;
        assert!(matches!(changes.recv().await, Ok(Change::Lost)), "what is held in process may be void");
        assert!(matches!(store.usage().await, Err(StoreError::Timeout(SILENCE))));
        assert!(matches!(store.usage().await, Err(StoreError::Unreachable(_))));
        assert!(up.get() < 1.0);
        store.turn(StoreTurn::Up).await;
        assert!(store.usage().await.is_ok() && up.get() == 1.0);
    }
}
