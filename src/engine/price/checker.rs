//! The consistency checker: every minute some cached prices, every hour many, compared with the live catalogue.
//!
//! One node of the fleet does each round: the right to do it is a lead that nobody gives back, so that it lapses when the
//! next round is due. A wrong price is made void with everything that has its product's tags, and counted.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::{debug, warn};

use super::{
    PRICE_TAG,
    catalogue::{LivePrices, Subject},
    check::{Verdict, Why, compare, draw},
    current,
};
use crate::{
    dice::Dice,
    digest::Digest,
    engine::{completion, guard::MARK, understand::InForce},
    store::{Entry, Lead, Store, StoreError, Tag},
    tasks::Tasks,
    telemetry::{
        catalogue::{PRICE_CHECKS, PRICE_ERRORS},
        metric::Counter,
        registry::Registry,
    },
};

/// Entries read at once.
const PAGE: usize = 256;
/// Entries looked at for one sample at most; the next round goes on where this one ended.
const MOST_LOOKED_AT: usize = 8_192;
/// Products that one answer is compared for.
const MOST_SUBJECTS: usize = 4;
/// Comparisons under way at once.
const AT_ONCE: usize = 4;
/// The longest a round may take.
const ROUND: Duration = Duration::from_secs(45);
/// The time between two large samples.
const HOUR: Duration = Duration::from_secs(3600);

/// What a checker works with.
pub struct Parts {
    /// Where answers are kept and nodes meet.
    pub store: Arc<dyn Store>,
    /// What entities are.
    pub understanding: InForce,
    /// The truth.
    pub catalogue: Arc<dyn LivePrices>,
    /// Chance.
    pub dice: Arc<Dice>,
    /// Where it counts.
    pub registry: Arc<Registry>,
}

/// The checker of one node.
pub struct Checker {
    parts: Parts,
    /// Where the next sample starts.
    cursor: Mutex<Option<u64>>,
    errors: Arc<Counter>,
    results: [Arc<Counter>; 3],
}

impl Checker {
    /// A checker that has not started.
    pub fn new(parts: Parts) -> Self {
        let results = ["consistent", "mismatch", "unknown"].map(|r| parts.registry.counter(&PRICE_CHECKS, &[r]));
        Self { errors: parts.registry.counter(&PRICE_ERRORS, &[]), results, parts, cursor: Mutex::default() }
    }

    /// Checks until shutdown.
    pub fn start(self, tasks: &Tasks) {
        let (every, checker) = (self.parts.catalogue.check().every.0, Arc::new(self));
        let often = checker.parts.catalogue.check().sample;
        let hourly = checker.parts.catalogue.check().hourly;
        tasks.spawn_until_stopped(checker.clone().rounds("often", every, often));
        if hourly > 0 {
            tasks.spawn_until_stopped(checker.rounds("hourly", HOUR, hourly));
        }
    }

    async fn rounds(self: Arc<Self>, name: &'static str, every: Duration, sample: usize) {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // A little shorter than the pause, so that a clock that is a little fast does not skip a round.
            let lead =
                self.parts.store.lead(&Digest::of([b"prices".as_slice(), name.as_bytes()]), every.mul_f64(0.9)).await;
            if matches!(lead, Ok(Lead::Granted(_))) && timeout(ROUND, self.round(sample)).await.is_err() {
                warn!(name, "A round of price checks took too long and was left; the next one goes on.");
            }
        }
    }

    /// Compares `sample` entries with the catalogue.
    pub async fn round(&self, sample: usize) {
        let candidates = match self.candidates(sample.max(self.parts.catalogue.check().of)).await {
            Ok(candidates) => candidates,
            Err(error) => return debug!(%error, "Cached prices could not be read; the next round tries again."),
        };
        let drawn = draw(candidates, sample, &self.parts.dice);
        stream::iter(drawn).for_each_concurrent(AT_ONCE, |(_, entry)| self.check(entry)).await;
    }

    /// At least `wanted` entries that quote a price, if there are so many, from where the last round ended.
    async fn candidates(&self, wanted: usize) -> Result<Vec<(Subject, Arc<Entry>)>, StoreError> {
        let mut cursor = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first_pass = cursor.is_none();
        let (mut found, mut looked_at, mut turned) = (Vec::new(), 0, false);
        while found.len() < wanted && looked_at < MOST_LOOKED_AT {
            let (page, next) = self.parts.store.page(cursor, PAGE).await?;
            looked_at += PAGE;
            found.extend(page.into_iter().filter_map(|entry| Some((self.subjects(&entry).into_iter().next()?, entry))));
            cursor = next;
            if cursor.is_none() {
                // The end: once more from the beginning, unless that is where we began.
                if is_first_pass || turned {
                    break;
                }
                turned = true;
            }
        }
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
        found.sort_by_key(|(_, entry)| entry.key);
        found.dedup_by_key(|(_, entry)| entry.key);
        Ok(found)
    }

    /// What an entry that may quote a price is about; nothing for any other.
    fn subjects(&self, entry: &Entry) -> Vec<Subject> {
        let carries = self.parts.understanding.load().intent(&entry.intent).is_some_and(|intent| intent.carries_price);
        let quotes = entry.tags.iter().any(|(tag, _)| &*tag.0 == PRICE_TAG);
        if !carries && !quotes {
            return Vec::new();
        }
        let products = entry.tags.iter().filter_map(|(tag, _)| tag.0.strip_prefix("product:"));
        let products: Vec<_> = products.map(|id| Subject::Product(id.to_owned())).take(MOST_SUBJECTS).collect();
        if !products.is_empty() {
            return products;
        }
        let shop = self.parts.understanding.load();
        entry.entities.iter().take(MOST_SUBJECTS).map(|name| Subject::named(name, &shop)).collect()
    }

    async fn check(&self, entry: Arc<Entry>) {
        let subjects = self.subjects(&entry);
        let verdict = self.verdict(&entry, &subjects).await;
        let (result, names) = (&self.results, subjects.iter().map(Subject::name).collect::<Vec<_>>().join(", "));
        match verdict {
            Verdict::Consistent => result[0].inc(),
            Verdict::Unknown(why) => {
                result[2].inc();
                debug!(product = names, why = why.label(), "A cached price could not be compared.");
            }
            Verdict::Mismatch { quoted, live } => {
                result[1].inc();
                self.errors.inc();
                let voided = self.make_void(&entry).await;
                warn!(
                    product = names,
                    quoted = shown(&quoted),
                    live = shown(&live),
                    intent = %entry.intent,
                    voided = voided.is_ok(),
                    "A cached answer quotes a wrong price. See who got it: banto exposure --product NAME --catalogue"
                );
            }
        }
    }

    async fn verdict(&self, entry: &Entry, subjects: &[Subject]) -> Verdict {
        let quotes = completion::text(entry.shape, &entry.chunks).map(|text| current(&text)).unwrap_or_default();
        if quotes.is_empty() {
            return Verdict::Unknown(Why::NoPrice);
        }
        let mut live = Vec::new();
        for subject in subjects {
            match self.parts.catalogue.prices(&entry.tenant, subject).await {
                Ok(prices) => live.push(prices),
                Err(_) => return Verdict::Unknown(Why::CatalogueAway),
            }
        }
        compare(&quotes, &live)
    }

    /// Everything about the product, or the entry alone when it has no tags of its own.
    async fn make_void(&self, entry: &Entry) -> Result<(), StoreError> {
        let is_shared = |tag: &Tag| tag.0.starts_with("intent:") || tag.0.starts_with(MARK) || &*tag.0 == PRICE_TAG;
        let tags: Vec<_> = entry.tags.iter().map(|(tag, _)| tag.clone()).filter(|tag| !is_shared(tag)).collect();
        if tags.is_empty() {
            self.parts.store.remove(&[entry.key]).await.map(drop)
        } else {
            self.parts.store.invalidate(&tags).await
        }
    }
}

fn shown(amounts: &[crate::money::Money]) -> String {
    amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
