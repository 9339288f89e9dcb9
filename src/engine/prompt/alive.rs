//! Keep-alive: one small request with the same prefix before the provider drops it for being idle.
//!
//! Off unless a model's `prompt_cache.keep_alive` is set: each costs a read of the prefix. It is sent only for prefixes that
//! were used lately, so many an hour at most, and of the nodes of a fleet by one. [`Alive`] decides and is pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::prefix::Prefix;
use crate::{
    clock::Timestamp,
    dice::Dice,
    digest::Digest,
    engine::{answer::Engine, model::cascade::NotAside},
    ids::ModelName,
    store::{Store, claim::Claim},
    telemetry::{catalogue, registry::Registry},
};

/// Prefixes of one model that are kept alive at once.
const MOST: usize = 8;
/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(10);
/// The longest that a provider may take.
const DEADLINE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3_600);

/// When a model's prefixes are kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// After so long without a request; shorter than the provider's own patience.
    pub after: Duration,
    /// Only if an application used it within so long.
    pub used_within: Duration,
    /// So many an hour, for one model and node.
    pub most_per_hour: usize,
}

/// The prefixes of one model.
#[derive(Debug, Default)]
pub struct Alive {
    kept: BTreeMap<Digest, Kept>,
    sent: Vec<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    prefix: Arc<Prefix>,
    used: Timestamp,
    touched: Timestamp,
}

impl Alive {
    /// An application has used it.
    pub fn used(&mut self, prefix: &Arc<Prefix>, now: Timestamp) {
        let kept = Kept { prefix: prefix.clone(), used: now, touched: now };
        self.kept.insert(prefix.digest, kept);
        if self.kept.len() > MOST {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(digest, _)| *digest);
            oldest.and_then(|digest| self.kept.remove(&digest));
        }
    }

    /// What must be asked for now, or the provider drops it; what nobody has used lately is let go.
    pub fn due(&mut self, terms: &KeepAlive, now: Timestamp) -> Vec<Arc<Prefix>> {
        self.kept.retain(|_, kept| now.since(kept.used) < terms.used_within);
        self.sent.retain(|at| now.since(*at) < HOUR);
        let left = terms.most_per_hour.saturating_sub(self.sent.len());
        let due = self.kept.values().filter(|kept| now.since(kept.touched) >= terms.after);
        due.take(left).map(|kept| kept.prefix.clone()).collect()
    }

    /// It was asked for, by this node or by another.
    pub fn touched(&mut self, digest: Digest, by_us: bool, now: Timestamp) {
        if let Some(kept) = self.kept.get_mut(&digest) {
            kept.touched = now;
        }
        if by_us {
            self.sent.push(now);
        }
    }
}

/// Keeps the prefixes of these models alive, for ever.
pub async fn keep(
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    models: Vec<(ModelName, KeepAlive)>,
) {
    let me = format!("{:016x}", Dice::fair().bits());
    loop {
        sleep(LOOK).await;
        for (model, terms) in &models {
            for prefix in engine.prompts.due(model, terms) {
                let claim = Claim::new(&format!("prompt-alive/{model}/{}", prefix.digest), me.as_str());
                let span = terms.after.saturating_sub(LOOK * 2);
                // A store that is away holds nobody back: at worst each node sends one.
                let ours = claim.hold(&*store, engine.clock.now(), span).await.unwrap_or(true);
                if ours {
                    send(&engine, &registry, model, &prefix).await;
                }
                engine.prompts.touched(model, prefix.digest, ours);
            }
        }
    }
}

async fn send(engine: &Engine, registry: &Registry, model: &ModelName, prefix: &Prefix) {
    let asked = super::probe(prefix);
    let result = match engine.cascade.probe(model, &asked, Instant::now() + DEADLINE).await {
        Ok(probed) => {
            registry.counter(&catalogue::PROBE_COST, &["keep_alive"]).add(probed.cost.as_micros().max(0) as u64);
            if probed.usage.is_some_and(|usage| usage.cache_read > 0) { "read" } else { "written" }
        }
        Err(NotAside::Failed(failure)) => {
            tracing::debug!(%failure, %model, "A prefix could not be kept alive.");
            "failed"
        }
        Err(_) => "spared",
    };
    registry.counter(&catalogue::KEEP_ALIVES, &[model, result]).inc();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::dialect::Dialect;

    const TERMS: KeepAlive =
        KeepAlive { after: Duration::from_secs(240), used_within: Duration::from_secs(1_800), most_per_hour: 3 };

    fn at(secs: i64) -> Timestamp {
        Timestamp(secs * 1_000)
    }

    fn prefix(text: &str) -> Arc<Prefix> {
        Arc::new(Prefix::new(Dialect::OpenAi, text.into(), String::new()))
    }

    #[test]
    fn a_prefix_is_asked_for_when_it_was_idle_and_not_while_people_use_it() {
        let (mut alive, one) = (Alive::default(), prefix("one"));
        alive.used(&one, at(0));
        assert!(alive.due(&TERMS, at(239)).is_empty());
        assert_eq!(alive.due(&TERMS, at(240)), std::slice::from_ref(&one));
        alive.touched(one.digest, true, at(240));
        assert!(alive.due(&TERMS, at(479)).is_empty(), "it was just asked for");
        alive.used(&one, at(470));
        assert!(alive.due(&TERMS, at(700)).is_empty(), "people use it");
    }

    #[test]
    fn nobody_uses_it_any_more_and_it_is_let_go() {
        let (mut alive, one) = (Alive::default(), prefix("one"));
        alive.used(&one, at(0));
        assert!(alive.due(&TERMS, at(1_800)).is_empty());
        assert!(alive.due(&TERMS, at(1_801)).is_empty());
    }

    #[test]
    fn the_hours_budget_holds_over_all_prefixes() {
        let mut alive = Alive::default();
        let all: Vec<_> = (0..20).map(|n| prefix(&n.to_string())).collect();
        all.iter().for_each(|prefix| alive.used(prefix, at(0)));
        let due = alive.due(&TERMS, at(300));
        assert_eq!(due.len(), 3);
        due.iter().for_each(|prefix| alive.touched(prefix.digest, true, at(300)));
        assert!(alive.due(&TERMS, at(301)).is_empty());
        assert_eq!(alive.kept.len(), MOST);
    }
}
