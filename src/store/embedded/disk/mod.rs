//! The file behind the memory: orders go through one bounded queue to one thread, which commits them in batches.

mod keeper;
pub(super) mod open;
pub(super) mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::memory::Memory;
use crate::{
    digest::Digest,
    store::{Entry, StoreError},
};
use keeper::Keeper;
use open::OpenError;
use write::Write;

/// Orders that may wait for the thread.
const QUEUE: usize = 4_096;
/// Longest wait for a place in the queue, and then for the commit: a disk that hangs costs writes, never answers.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);
/// Longest wait for an entry that may not have been read from the file yet.
const READ_DEADLINE: Duration = Duration::from_millis(10);

/// What the thread is asked to do.
#[derive(Debug)]
enum Order {
    Write(Vec<Write>, Option<oneshot::Sender<Result<(), Arc<str>>>>),
    Read(Digest, oneshot::Sender<Option<Arc<Entry>>>),
}

/// An order in the queue, and its place there.
type Queued = (Order, OwnedSemaphorePermit);

/// The file, as the store sees it.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    orders: mpsc::Sender<Queued>,
    places: Arc<Semaphore>,
    /// Held from a change in memory until its order is queued, so that the file sees changes in the same order.
    in_step: Arc<Mutex<()>>,
}

/// A place in the queue.
pub(super) struct Place<'a> {
    disk: &'a Disk,
    permit: OwnedSemaphorePermit,
}

/// Tells when what was written is safe.
pub(super) struct Receipt(Option<oneshot::Receiver<Result<(), Arc<str>>>>);

impl Disk {
    /// Opens the file, takes over its documents and generations, and lets the thread read the entries.
    pub(super) fn open(path: &Path, memory: Arc<Memory>) -> Result<Self, OpenError> {
        let file = open::open(path)?;
        let (orders, queue) = mpsc::channel();
        let keeper = Keeper::new(path, file, memory, queue);
        let thread = std::thread::Builder::new().name("banto-store".into());
        thread.spawn(move || keeper.run()).map_err(|why| OpenError::Thread { why })?;
        Ok(Self { orders, places: Arc::new(Semaphore::new(QUEUE)), in_step: Arc::default() })
    }

    /// Waits for a place in the queue.
    pub(super) async fn place(&self) -> Result<Place<'_>, StoreError> {
        let permit = timeout(WRITE_DEADLINE, self.places.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| StoreError::Timeout(WRITE_DEADLINE))?.map_err(|_| thread_ended())?;
        Ok(Place { disk: self, permit })
    }

    /// Looks for an entry that may not have been read yet; `None` too when the thread takes too long.
    pub(super) async fn read(&self, key: Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        let (found, answer) = oneshot::channel();
        if !self.order(Order::Read(key, found)) {
            return Err(StoreError::Timeout(Duration::ZERO));
        }
        Ok(timeout(READ_DEADLINE, answer).await.ok().and_then(Result::ok).flatten())
    }

    /// Writes without waiting; lost when the queue is full.
    pub(super) fn write_some_time(&self, writes: Vec<Write>) {
        self.order(Order::Write(writes, None));
    }

    /// Queues an order without waiting; whether there was a place.
    fn order(&self, order: Order) -> bool {
        let permit = self.places.clone().try_acquire_owned();
        permit.is_ok_and(|permit| self.orders.send((order, permit)).is_ok())
    }

    /// Waits until everything ordered so far is in the file.
    pub(super) async fn flush(&self) {
        if let Ok(place) = self.place().await {
            let (done, receipt) = oneshot::channel();
            place.send(Order::Write(Vec::new(), Some(done)));
            let _ = Receipt(Some(receipt)).committed().await;
        }
    }
}

impl Place<'_> {
    /// Makes a change in memory and queues what has to be written for it.
    pub(super) fn fill<T>(self, change: impl FnOnce() -> (T, Vec<Write>)) -> (T, Receipt) {
        let disk = self.disk;
        let _in_step = disk.in_step.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, writes) = change();
        if writes.is_empty() {
            return (result, Receipt(None));
        }
        let (done, receipt) = oneshot::channel();
        self.send(Order::Write(writes, Some(done)));
        (result, Receipt(Some(receipt)))
    }

    /// Whoever waits for an order that finds no thread any more hears of it from the receipt.
    fn send(self, order: Order) {
        let _ = self.disk.orders.send((order, self.permit));
    }
}

impl Receipt {
    /// Resolves when it is committed.
    pub(super) async fn committed(self) -> Result<(), StoreError> {
        let Some(receipt) = self.0 else { return Ok(()) };
        match timeout(WRITE_DEADLINE, receipt).await {
            Ok(Ok(committed)) => committed.map_err(|why| StoreError::Refused(why.to_string())),
            Ok(Err(_)) => Err(thread_ended()),
            Err(_) => Err(StoreError::Timeout(WRITE_DEADLINE)),
        }
    }
}

fn thread_ended() -> StoreError {
    StoreError::Unreachable("the thread that keeps the store's file has ended; restart to write to it again".into())
}
