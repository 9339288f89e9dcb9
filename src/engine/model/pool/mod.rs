//! How many requests a model serves at once from this node, and who waits for a place.
//!
//! The size follows its knob while requests are under way: growing adds places at once, shrinking takes them back as they
//! come free, so that no request is dropped. The queue is first come, first served, bounded in length and in time. A pool
//! that adapts finds its size itself (`limit`), and the knob is its ceiling.

mod limit;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit, TryAcquireError},
    time::Instant,
};

use self::limit::Limit;
use crate::{
    ids::ModelName,
    telemetry::{
        catalogue,
        metric::{Counter, Distribution, Gauge},
        registry::Registry,
    },
};

pub use self::limit::{Adapts, Verdict};

/// A pool's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Requests served at once; the configured value of the knob `pool.{model}`.
    pub size: u64,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
    /// How it finds its own size, up to `size`; `None`: it always has `size`.
    pub adapts: Option<Adapts>,
}

impl Default for Dimensions {
    fn default() -> Self {
        Self { size: 10, queue: 256, wait: Duration::from_secs(1), adapts: None }
    }
}

/// Why there was no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The queue is as long as it may be.
    Queue,
    /// The wait was as long as it may be.
    Wait(Duration),
}

/// The places of one model.
#[derive(Debug)]
pub struct Pool {
    places: Semaphore,
    queue: usize,
    wait: Duration,
    waiting: AtomicUsize,
    size: Mutex<Size>,
    meters: Meters,
}

#[derive(Debug)]
struct Size {
    /// The most it may have.
    ceiling: u64,
    /// What the model was found to bear; `None`: the ceiling.
    limit: Option<Limit>,
    /// What it has, once what is owed has come back.
    wanted: u64,
    /// Places handed out that are not to come back.
    owed: u64,
    active: u64,
}

#[derive(Debug)]
struct Meters {
    size: Arc<Gauge>,
    active: Arc<Gauge>,
    utilization: Arc<Gauge>,
    queue: Arc<Gauge>,
    wait: Arc<Distribution>,
    overflow: Arc<Counter>,
    cuts: Arc<Counter>,
}

impl Meters {
    fn new(model: &ModelName, metrics: &Registry) -> Self {
        let labels: &[&str] = &[model];
        Self {
            size: metrics.gauge(&catalogue::POOL_SIZE, labels),
            active: metrics.gauge(&catalogue::POOL_ACTIVE, labels),
            utilization: metrics.gauge(&catalogue::POOL_UTILIZATION, labels),
            queue: metrics.gauge(&catalogue::POOL_QUEUE, labels),
            wait: metrics.distribution(&catalogue::POOL_WAIT, labels),
            overflow: metrics.counter(&catalogue::POOL_OVERFLOW, labels),
            cuts: metrics.counter(&catalogue::POOL_CUTS, labels),
        }
    }

    fn show(&self, size: &Size) {
        self.active.set(size.active as f64);
        self.utilization.set(size.active as f64 / size.wanted.max(1) as f64);
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(model: &ModelName, dimensions: Dimensions, metrics: &Registry) -> Self {
        let wanted = dimensions.size.max(1);
        let meters = Meters::new(model, metrics);
        meters.size.set(wanted as f64);
        Self {
            places: Semaphore::new(wanted as usize),
            queue: dimensions.queue,
            wait: dimensions.wait,
            waiting: AtomicUsize::new(0),
            size: Mutex::new(Size {
                ceiling: wanted,
                limit: dimensions.adapts.map(|adapts| Limit::new(adapts, wanted)),
                wanted,
                owed: 0,
                active: 0,
            }),
            meters,
        }
    }

    /// A place, at once or after a wait that ends at `deadline` at the latest. Dropping the slot gives it back; dropping
    /// the future leaves the queue.
    ///
    /// # Errors
    /// [`Full`]: the next model is to be asked.
    pub async fn check_out(&self, deadline: Instant) -> Result<Slot<'_>, Full> {
        let place = match self.places.try_acquire() {
            Ok(place) => {
                self.meters.wait.record(0);
                Ok(place)
            }
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => self.queue_up(deadline).await,
        };
        match place {
            Ok(place) => Ok(self.occupy(place)),
            Err(full) => {
                self.meters.overflow.inc();
                Err(full)
            }
        }
    }

    /// Whether nobody waits and at least half of the places are free.
    pub fn is_at_ease(&self) -> bool {
        let size = self.size();
        self.waiting.load(Relaxed) == 0 && size.active * 2 <= size.wanted
    }

    /// Changes the number of places, or the ceiling of those that adapt, while they are in use.
    pub fn resize(&self, ceiling: u64) {
        let mut size = self.size();
        size.ceiling = ceiling.max(1);
        self.settle(&mut size);
    }

    /// An attempt was answered, its first token after this time; `None`: it did not come as a stream.
    pub fn answered(&self, begun: Instant, first_token: Option<Duration>) {
        let mut size = self.size();
        let (active, ceiling) = (size.active, size.ceiling);
        let Some(limit) = &mut size.limit else { return };
        if first_token.is_some_and(|after| limit.is_slow(after)) {
            self.cut(&mut size, begun);
        } else {
            limit.answered(active, ceiling);
            self.settle(&mut size);
        }
    }

    /// The model refused an attempt for its own load. `None`: this pool does not adapt.
    pub fn refused(&self, begun: Instant) -> Option<Verdict> {
        self.cut(&mut self.size(), begun)
    }

    fn cut(&self, size: &mut Size, begun: Instant) -> Option<Verdict> {
        let verdict = size.limit.as_mut()?.congested(begun, Instant::now());
        if verdict == Verdict::Cut {
            self.meters.cuts.inc();
            self.settle(size);
        }
        Some(verdict)
    }

    /// Gives the semaphore as many places as are wanted now.
    fn settle(&self, size: &mut Size) {
        let before = size.wanted;
        let wanted = size.limit.map_or(size.ceiling, |limit| limit.size(size.ceiling));
        size.wanted = wanted;
        if wanted > before {
            let forgiven = size.owed.min(wanted - before);
            size.owed -= forgiven;
            self.places.add_permits((wanted - before - forgiven) as usize);
        } else {
            let surplus = before - wanted;
            size.owed += surplus - self.places.forget_permits(surplus as usize) as u64;
        }
        self.meters.size.set(wanted as f64);
        self.meters.show(size);
    }

    async fn queue_up(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Full> {
        let Some(queued) = Queued::join(self) else { return Err(Full::Queue) };
        let begun = Instant::now();
        let until = deadline.min(begun + self.wait);
        let place = tokio::time::timeout_at(until, self.places.acquire()).await;
        drop(queued);
        let waited = begun.elapsed();
        self.meters.wait.record_time(waited);
        place.ok().and_then(Result::ok).ok_or(Full::Wait(waited))
    }

    fn occupy<'a>(&'a self, place: SemaphorePermit<'a>) -> Slot<'a> {
        let mut size = self.size();
        size.active += 1;
        self.meters.show(&size);
        Slot { pool: self, place: Some(place) }
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue.
struct Queued<'a>(&'a Pool);

impl<'a> Queued<'a> {
    fn join(pool: &'a Pool) -> Option<Self> {
        let joined =
            pool.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < pool.queue).then_some(waiting + 1));
        joined.ok()?;
        pool.meters.queue.shift(1.0);
        Some(Self(pool))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        self.0.meters.queue.shift(-1.0);
    }
}

/// A place in the pool, until it is dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    pool: &'a Pool,
    place: Option<SemaphorePermit<'a>>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut size = self.pool.size();
        size.active -= 1;
        if size.owed > 0 {
            size.owed -= 1;
            self.place.take().into_iter().for_each(SemaphorePermit::forget);
        }
        self.pool.meters.show(&size);
    }
}

#[cfg(test)]
mod tests;
