//! Shadow verification: a small random share of semantic answers is also asked of a model, behind the reader's back, and the
//! two answers are compared. A served hit yields no label by itself; this is where unbiased ones come from.
//!
//! The share is the knob `shadow.share`. Nothing is asked while the models are under any pressure (`Cascade::ask_aside`), at
//! most [`AT_ONCE`] at a time, and no question waits for its turn: what cannot be asked now is not asked.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{
    answer::Engine,
    model::cascade::{Aside, NotAside},
    recall::{Judging, hit::Hit},
    source::Source,
    understand::question::Question,
};
use crate::{
    digest::Digest,
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// Questions asked aside at once, on one node.
pub const AT_ONCE: usize = 2;
/// The longest a model may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Draws what is verified.
pub struct Shadow {
    places: Arc<Semaphore>,
    meters: Meters,
}

struct Meters {
    asked: Arc<Counter>,
    skipped: Vec<(&'static str, Arc<Counter>)>,
    cost: Arc<Counter>,
}

impl Shadow {
    /// A shadow that has asked nothing yet.
    pub fn new(registry: &Registry) -> Self {
        let skipped = ["busy", "mode", "brake", "pressure", "failed"];
        let skipped = skipped.map(|why| (why, registry.counter(&catalogue::SHADOW, &[why])));
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            meters: Meters {
                asked: registry.counter(&catalogue::SHADOW, &["asked"]),
                skipped: skipped.into(),
                cost: registry.counter(&catalogue::SHADOW_COST, &[]),
            },
        }
    }

    /// Whether this answer is drawn, and its place when there is one. `id` is the answer's, which is random already.
    fn draw(&self, id: &str, hit: &Hit, share: f64) -> Option<OwnedSemaphorePermit> {
        if hit.source != Source::Semantic || !is_drawn(id, share) {
            return None;
        }
        let place = self.places.clone().try_acquire_owned();
        if place.is_err() {
            self.skipped("busy");
        }
        place.ok()
    }

    fn skipped(&self, why: &str) {
        self.meters.skipped.iter().filter(|(known, _)| *known == why).for_each(|(_, counter)| counter.inc());
    }
}

/// Draws by the answer's id, so that the dice of everything else fall as without.
fn is_drawn(id: &str, share: f64) -> bool {
    let Digest([a, b, c, d, ..]) = Digest::of([&b"shadow"[..], id.as_bytes()]);
    f64::from(u32::from_le_bytes([a, b, c, d])) < share * f64::from(u32::MAX)
}

impl Engine {
    /// Verifies a cached answer behind its reader's back, if it is drawn.
    pub(super) fn shadow(self: &Arc<Self>, id: &str, question: &Arc<Question>, hit: &Hit) {
        if let Some(place) = self.shadow.draw(id, hit, self.recall.shadow_share()) {
            self.tasks.spawn(self.clone().verify(place, question.clone(), hit.clone()));
        }
    }

    async fn verify(self: Arc<Self>, place: OwnedSemaphorePermit, question: Arc<Question>, hit: Hit) {
        let meters = &self.shadow.meters;
        match self.cascade.ask_aside(&question.asked, Instant::now() + DEADLINE).await {
            Ok(Aside { shape, chunks, cost, .. }) => {
                meters.asked.inc();
                meters.cost.add(cost.as_micros().max(0) as u64);
                if let Some(similarity) = hit.similarity {
                    self.recall.judge(&question, &hit.entry, similarity, Judging::Hit, shape, &chunks).await;
                }
            }
            Err(why) => {
                if let NotAside::Failed(failure) = &why {
                    tracing::debug!(%failure, "A model did not answer aside.");
                }
                self.shadow.skipped(why.label());
            }
        }
        drop(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_drawn_is_the_share_that_is_wished() {
        for share in [0.0, 0.02, 0.05] {
            let drawn = (0..50_000).filter(|n| is_drawn(&format!("{n:032x}"), share)).count() as f64 / 50_000.0;
            assert!((drawn - share).abs() < 0.005, "{drawn} for {share}");
        }
    }
}
