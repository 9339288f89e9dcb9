//! Limits of single users and networks: "you are too fast" is only ever said to one who is.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{Limit, bucket::Bucket};
use crate::digest::Digest;

/// How many are watched at once; beyond it those not heard of for longest start afresh.
const WATCHED: usize = 100_000;
/// How many are settled with the fleet in one round.
const SETTLED: usize = 2_000;

/// One bucket for each of many.
#[derive(Debug)]
pub(super) struct Own {
    limit: Option<Limit>,
    buckets: Cache<Digest, Arc<Mutex<Bucket>>>,
    /// The share of the limit that holds now, as bits of an `f64`.
    strictness: AtomicU64,
    /// What none may exceed, whatever its limit: rate and burst as bits of `f64`s; infinite for nothing.
    cap: [AtomicU64; 2],
    /// What was used here and the fleet does not know of yet; `None` when this node is alone.
    unsettled: Option<Mutex<HashMap<Digest, Unsettled>>>,
}

#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) bucket: Arc<Mutex<Bucket>>,
    pub(super) used: u64,
}

/// A token that was taken, to be given back when it is not used after all.
#[derive(Debug)]
pub(super) struct Taken(Arc<Mutex<Bucket>>);

impl Taken {
    pub(super) fn give_back(self) {
        lock(&self.0).give_back();
    }
}

impl Own {
    pub(super) fn new(limit: Option<Limit>, shared: bool) -> Self {
        Self {
            limit,
            buckets: Cache::new(WATCHED),
            strictness: AtomicU64::new(1.0_f64.to_bits()),
            cap: [f64::INFINITY; 2].map(|none| AtomicU64::new(none.to_bits())),
            unsettled: shared.then(Mutex::default),
        }
    }

    /// The limit that holds now.
    pub(super) fn limit(&self) -> Option<Limit> {
        let share = f64::from_bits(self.strictness.load(Relaxed));
        let [rate, burst] = self.cap.each_ref().map(|bits| f64::from_bits(bits.load(Relaxed)));
        let own = self.limit.map(|limit| Limit { rate: limit.rate * share, burst: (limit.burst * share).max(1.0) });
        match own {
            Some(own) => Some(Limit { rate: own.rate.min(rate), burst: own.burst.min(burst) }),
            None => rate.is_finite().then_some(Limit { rate, burst }),
        }
    }

    /// From now on none may exceed this, even where no limit is configured; `None` lifts it.
    pub(super) fn cap(&self, most: Option<Limit>) {
        let most = most.unwrap_or(Limit { rate: f64::INFINITY, burst: f64::INFINITY });
        self.cap[0].store(most.rate.to_bits(), Relaxed);
        self.cap[1].store(most.burst.max(1.0).to_bits(), Relaxed);
    }

    /// From now on this share of the configured limit holds.
    pub(super) fn be_strict(&self, share: f64) {
        self.strictness.store(share.to_bits(), Relaxed);
    }

    /// Takes a token of `key`, made only when there is a limit; how long it would have to wait, when it is too fast.
    pub(super) fn take(&self, key: impl FnOnce() -> Digest, now: Instant) -> Result<Option<Taken>, Duration> {
        let Some(limit) = self.limit() else { return Ok(None) };
        let key = key();
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Bucket::full(limit, now))));
        let Ok(shared) = self.buckets.get_or_insert_with(&key, fresh);
        let mut bucket = lock(&shared);
        bucket.set(limit, now);
        bucket.take(now)?;
        let tell = self.unsettled.is_some() && bucket.is_in_use(now);
        drop(bucket);
        if tell {
            self.note(key, &shared);
        }
        Ok(Some(Taken(shared)))
    }

    fn note(&self, key: Digest, bucket: &Arc<Mutex<Bucket>>) {
        let Some(unsettled) = &self.unsettled else { return };
        let mut unsettled = unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        if unsettled.len() < SETTLED || unsettled.contains_key(&key) {
            unsettled.entry(key).or_insert_with(|| Unsettled { bucket: bucket.clone(), used: 0 }).used += 1;
        }
    }

    /// What the fleet had no tokens for is told again the next time.
    pub(super) fn owes(&self, key: Digest, bucket: &Arc<Mutex<Bucket>>, tokens: u64) {
        let Some(unsettled) = &self.unsettled else { return };
        let mut unsettled = unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        unsettled.entry(key).or_insert_with(|| Unsettled { bucket: bucket.clone(), used: 0 }).used += tokens;
    }

    /// What is to be settled with the fleet; afterwards nothing is.
    pub(super) fn unsettled(&self) -> HashMap<Digest, Unsettled> {
        let Some(unsettled) = &self.unsettled else { return HashMap::new() };
        std::mem::take(&mut *unsettled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn lock(bucket: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}
