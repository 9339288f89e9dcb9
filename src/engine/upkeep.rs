//! What an engine does between requests: follow the knobs, end what was temporary, show how things stand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tracing::info;

use super::{admit::Limit, answer::Engine};
use crate::{
    ids::IntentId,
    knob::{board::Board, value::Value},
    store::Store,
    telemetry::{
        catalogue,
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// How often gauges are brought up to date where nobody wants it otherwise.
pub const EVERY: Duration = Duration::from_secs(1);

/// Looks after one engine until shutdown. Must run wherever an engine runs: the deadline of a temporary change is kept
/// here, whether the controller that made it still lives or not.
///
/// Gauges are brought up to date `every` so often, and whenever a knob turns. `keeps` says whether this node looks after the
/// store for the fleet: what all nodes see alike is counted by one.
pub async fn look_after(
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    keeps: Arc<AtomicBool>,
    every: Duration,
) {
    let mut shown = Shown::new(&registry, keeps);
    let mut knobs = engine.board.subscribe();
    let mut ticks = tokio::time::interval(every);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = knobs.changed() => if changed.is_err() { return },
        }
        for returned in engine.board.expire(engine.clock.now()) {
            info!(knob = %returned.knob, to = %returned.setting.value, why = returned.setting.reason, "Knob returned.");
        }
        follow(&engine, &shown);
        engine.cascade.keep_up();
        shown.usage(&*store, &registry).await;
    }
}

fn follow(engine: &Engine, shown: &Shown) {
    let number = |knob: &str| engine.board.get(knob).and_then(|setting| setting.value.as_number());
    if let (Some(rate), Some(burst)) = (number("rate_limit.rate"), number("rate_limit.burst")) {
        engine.admission.set_global(Limit { rate, burst });
    }
    engine.admission.be_strict(number("rate_limit.per_client").unwrap_or(1.0));
    engine.admission.cap_networks(number("rate_limit.network_share").unwrap_or(1.0));
    engine.crowd.look();
    engine.reception.settle();
    shown.mode.set(mode(&engine.board));
    shown.version.set(engine.board.version() as f64);
    shown.indexed.set(engine.recall.indexed() as f64);
}

/// 0 normal, 1 secondary_only, 2 cache_only.
fn mode(board: &Board) -> f64 {
    match board.get("engine.mode").map(|setting| setting.value) {
        Some(Value::Choice(mode)) if mode == "secondary_only" => 1.0,
        Some(Value::Choice(mode)) if mode == "cache_only" => 2.0,
        _ => 0.0,
    }
}

struct Shown {
    mode: Arc<Gauge>,
    version: Arc<Gauge>,
    indexed: Arc<Gauge>,
    entries: Arc<Gauge>,
    memory: Arc<Gauge>,
    evictions: Arc<Counter>,
    keeps: Arc<AtomicBool>,
    /// What the store had evicted at the last look; what came before this life is not ours to tell.
    evicted: Option<u64>,
    /// The bytes of each intent that was ever seen: one that is gone has none, which must show.
    bytes: BTreeMap<IntentId, Arc<Gauge>>,
}

impl Shown {
    fn new(registry: &Registry, keeps: Arc<AtomicBool>) -> Self {
        Self {
            mode: registry.gauge(&catalogue::MODE, &[]),
            version: registry.gauge(&catalogue::KNOB_VERSION, &[]),
            indexed: registry.gauge(&catalogue::CACHE_INDEXED, &[]),
            entries: registry.gauge(&catalogue::CACHE_ENTRIES, &[]),
            memory: registry.gauge(&catalogue::CACHE_MEMORY, &[]),
            evictions: registry.counter(&catalogue::EVICTIONS, &[]),
            keeps,
            evicted: None,
            bytes: BTreeMap::new(),
        }
    }

    async fn usage(&mut self, store: &dyn Store, registry: &Registry) {
        let Ok(usage) = store.usage().await else { return };
        self.entries.set(usage.entries as f64);
        for (intent, _) in &usage.bytes {
            let gauge = || registry.gauge(&catalogue::CACHE_BYTES, &[intent]);
            self.bytes.entry(intent.clone()).or_insert_with(gauge);
        }
        for (intent, gauge) in &self.bytes {
            let held = usage.bytes.iter().find(|(known, _)| known == intent).map_or(0, |(_, bytes)| *bytes);
            gauge.set(held as f64);
        }
        if let Some((used, limit)) = usage.used_of.filter(|(_, limit)| *limit > 0) {
            self.memory.set(used as f64 / limit as f64);
        }
        let before = self.evicted.replace(usage.evictions).unwrap_or(usage.evictions);
        if self.keeps.load(Relaxed) {
            self.evictions.add(usage.evictions.saturating_sub(before));
        }
    }
}
