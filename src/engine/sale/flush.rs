//! At the moment at which prices turn, what is kept with the old ones is made void: once for the whole fleet.
//!
//! The node that gets the lead for a turn invalidates and then notes in a shared document that it is done; the others
//! find the note. One that dies between the two leaves the lead to lapse and another does it again, which harms nobody.
//! A turn that nobody was there for is made up for within [`LATE`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;
use tracing::{info, warn};

use super::{InForce, Turn};
use crate::{
    clock::{Clock, Timestamp},
    digest::Digest,
    store::{Lead, Store, StoreError, Tag},
    telemetry::{
        catalogue::{SALES_FLUSHED, SALES_OPEN},
        registry::Registry,
    },
};

/// The shared document with the turns that are done.
const DOCUMENT: &str = "sales/flushed";
/// How long a turn may have passed and is still made up for.
pub const LATE: Duration = Duration::from_secs(24 * 3600);
/// How long a node may take for one turn before another one tries.
const LEASE: Duration = Duration::from_secs(30);
/// The pause after a try that did not succeed.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest rest; the gauge of open sales is as old as this.
const REST: Duration = Duration::from_secs(15);

/// What a flush works with.
pub struct Flush {
    /// The sales.
    pub calendar: InForce,
    /// What a sale of everything is about: the intents that may name prices, and all kept origins.
    pub everything: Vec<Tag>,
    /// Where answers are kept and nodes meet.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Where it counts.
    pub registry: Arc<Registry>,
}

/// Flushes at every turn, for ever.
pub async fn keep(flush: Flush) {
    loop {
        let now = flush.clock.now();
        let calendar = flush.calendar.load_full();
        let open = calendar.sales().iter().filter(|sale| sale.is_open(now)).count();
        flush.registry.gauge(&SALES_OPEN, &[]).set(open as f64);
        let mut wait = calendar.next_turn_of_all(now).map_or(REST, |at| at.since(now).min(REST));
        for turn in calendar.turns(now - LATE, now) {
            if !flush.settle(&turn).await {
                wait = wait.min(PAUSE);
            }
        }
        sleep(wait.max(Duration::from_millis(1))).await;
    }
}

impl Flush {
    /// Sees to it that a turn is done; `false` when it is to be tried again.
    async fn settle(&self, turn: &Turn<'_>) -> bool {
        let done = match self.done().await {
            Ok((_, done)) => done.contains_key(&turn.id()),
            Err(_) => return false,
        };
        done || self.lead(turn).await
    }

    async fn lead(&self, turn: &Turn<'_>) -> bool {
        let id = turn.id();
        let fence = match self.store.lead(&Digest::of([b"sale".as_slice(), id.as_bytes()]), LEASE).await {
            Ok(Lead::Granted(fence)) => fence,
            Ok(Lead::Taken) | Err(_) => return false,
        };
        let outcome = self.flush(turn).await;
        match &outcome {
            Ok(0) => {}
            Ok(tags) => info!(sale = turn.sale.name, end = turn.ends, tags, "Prices turn: what was kept is void."),
            Err(error) => {
                warn!(sale = turn.sale.name, %error, "A sale's flush did not reach the store; it is tried again.")
            }
        }
        let _ = self.store.release(&fence).await;
        outcome.is_ok()
    }

    /// Invalidates and notes it; how many tags, 0 when another node was faster.
    async fn flush(&self, turn: &Turn<'_>) -> Result<usize, StoreError> {
        // The lead of another node may have come and gone since we looked.
        if self.done().await?.1.contains_key(&turn.id()) {
            return Ok(0);
        }
        let tags = if turn.sale.tags.is_empty() { &self.everything } else { &turn.sale.tags };
        let flushed = self.store.invalidate(tags).await;
        self.registry.counter(&SALES_FLUSHED, &[if flushed.is_ok() { "done" } else { "failed" }]).inc();
        flushed?;
        self.note(turn).await?;
        Ok(tags.len())
    }

    async fn note(&self, turn: &Turn<'_>) -> Result<(), StoreError> {
        loop {
            let (version, mut done) = self.done().await?;
            done.insert(turn.id(), self.clock.now());
            done.retain(|_, at| *at > self.clock.now() - LATE * 2);
            let content = serde_json::to_vec(&done).unwrap_or_default();
            if self.store.write_document(DOCUMENT, version, &content).await?.is_some() {
                return Ok(());
            }
        }
    }

    async fn done(&self) -> Result<(u64, BTreeMap<String, Timestamp>), StoreError> {
        let found = self.store.document(DOCUMENT).await?;
        Ok(found.map_or_else(Default::default, |found| {
            (found.version, serde_json::from_slice(&found.content).unwrap_or_default())
        }))
    }
}

#[cfg(test)]
mod tests {
    use arc_swap::ArcSwap;

    use super::*;
    use crate::{
        engine::sale::{Calendar, Sale},
        store::embedded::{Embedded, Limits},
        tasks::Tasks,
    };

    fn node(store: &Arc<dyn Store>, clock: Clock, registry: &Arc<Registry>) -> Flush {
        let sale = Sale {
            name: "box".into(),
            from: Timestamp(60_000),
            to: Timestamp(120_000),
            tags: vec![Tag("title:demon slayer".into())],
            ttl: BTreeMap::new(),
        };
        let calendar = Arc::new(ArcSwap::from_pointee(Calendar::new(vec![sale])));
        Flush { calendar, everything: vec![], store: store.clone(), clock, registry: registry.clone() }
    }

    #[tokio::test(start_paused = true)]
    async fn three_nodes_flush_each_turn_once_also_when_one_of_them_starts_late() {
        let (clock, registry, tasks) = (Clock::starting_at(Timestamp(0)), Arc::default(), Tasks::default());
        let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(Limits::default(), clock));
        let tag = [Tag("title:demon slayer".into())];
        (0..2).for_each(|_| tasks.spawn_until_stopped(keep(node(&store, clock, &registry))));
        let generation = async || store.generations(&tag).await.expect("known")[0];
        let before = generation().await;
        sleep(Duration::from_secs(61)).await;
        let started = generation().await;
        assert!(started > before, "prices turned at the start");
        tasks.spawn_until_stopped(keep(node(&store, clock, &registry)));
        sleep(Duration::from_secs(30)).await;
        assert_eq!(generation().await, started, "nobody does it again");
        sleep(Duration::from_secs(300)).await;
        assert!(generation().await > started);
        assert_eq!(registry.counter(&SALES_FLUSHED, &["done"]).get(), 2);
    }
}
