//! How many requests a model serves at once from this node, and who waits for a place.
//!
//! The size follows its knob while requests are under way: growing adds places at once, shrinking takes them back as they
//! come free, so that no request is dropped. The queue is first come, first served, bounded in length and in time.

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

use crate::{
    ids::ModelName,
    telemetry::{
        catalogue,
        metric::{Counter, Distribution, Gauge},
        registry::Registry,
    },
};

/// A pool's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Requests served at once; the configured value of the knob `pool.{model}`.
    pub size: u64,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
}

impl Default for Dimensions {
    fn default() -> Self {
        Self { size: 10, queue: 256, wait: Duration::from_secs(1) }
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
            size: Mutex::new(Size { wanted, owed: 0, active: 0 }),
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

    /// Changes the number of places while they are in use.
    pub fn resize(&self, wanted: u64) {
        let mut size = self.size();
        let (before, wanted) = (size.wanted, wanted.max(1));
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
        self.meters.show(&size);
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
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn pool(size: u64, queue: usize) -> (Pool, Registry) {
        let metrics = Registry::default();
        let dimensions = Dimensions { size, queue, wait: Duration::from_secs(1) };
        (Pool::new(&"primary".into(), dimensions, &metrics), metrics)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_makes_wait_and_then_sends_on() {
        let (pool, metrics) = pool(1, 1);
        let _slot = pool.check_out(soon()).await.expect("a free place");
        assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Wait(Duration::from_secs(1)));
        assert_eq!(metrics.counter(&catalogue::POOL_OVERFLOW, &["primary"]).get(), 1);
        assert_eq!(metrics.gauge(&catalogue::POOL_QUEUE, &["primary"]).get(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_no_longer_than_it_may_be() {
        let (pool, _) = pool(1, 0);
        let _slot = pool.check_out(soon()).await.expect("a free place");
        assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Queue);
    }

    #[tokio::test(start_paused = true)]
    async fn growing_serves_those_who_wait() {
        let (pool, metrics) = pool(1, 8);
        let _slot = pool.check_out(soon()).await.expect("a free place");
        let (waiter, ()) = tokio::join!(pool.check_out(soon()), async { pool.resize(2) });
        assert!(waiter.is_ok());
        assert_eq!(metrics.gauge(&catalogue::POOL_ACTIVE, &["primary"]).get(), 2.0);
        assert_eq!(metrics.gauge(&catalogue::POOL_UTILIZATION, &["primary"]).get(), 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_leaves_frees_its_place_in_the_queue() {
        let (pool, metrics) = pool(1, 1);
        let _slot = pool.check_out(soon()).await.expect("a free place");
        let left = tokio::time::timeout(Duration::from_millis(10), pool.check_out(soon())).await;
        assert!(left.is_err());
        assert_eq!(metrics.gauge(&catalogue::POOL_QUEUE, &["primary"]).get(), 0.0);
        assert_eq!(pool.check_out(soon()).await.expect_err("full"), Full::Wait(Duration::from_secs(1)));
    }

    proptest! {
        #[test]
        fn however_it_is_resized_it_never_holds_more_than_its_size_once_slots_came_back(
            steps in prop::collection::vec(prop_oneof![
                (1..20u64).prop_map(Some), Just(None),
            ], 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.expect("a runtime").block_on(async {
                let (pool, _) = pool(5, 0);
                let (mut size, mut held) = (5, VecDeque::new());
                for step in steps {
                    match step {
                        Some(wanted) => { pool.resize(wanted); size = wanted; }
                        None => if let Ok(slot) = pool.check_out(soon()).await { held.push_back(slot); }
                                else { held.pop_front(); },
                    }
                    let free = pool.places.available_permits() as u64;
                    let owed = pool.size().owed;
                    prop_assert_eq!(free + held.len() as u64, size + owed);
                }
                held.clear();
                prop_assert_eq!(pool.places.available_permits() as u64, size);
                prop_assert_eq!(pool.size().owed, 0);
                Ok(())
            })?;
        }
    }
}
