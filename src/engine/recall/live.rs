//! What the knobs say now about each intent: its threshold and its time to live.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{
    dice::Dice,
    engine::understand::{Understanding, intent::Intent},
    knob::{
        board::{Board, Document},
        value::Value,
    },
    units::Ratio,
};

/// An intent's settings in force.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tuned {
    threshold: Ratio,
    ttl: Duration,
}

/// The settings in force of all intents, read without waiting.
pub struct Live {
    intents: Vec<Arc<Intent>>,
    tuned: ArcSwap<Vec<Tuned>>,
}

/// Every time to live gets up to this share more or less, so that what was stored together does not expire together.
const JITTER: f64 = 0.1;

impl Live {
    /// As the board stands now.
    pub fn new(understanding: &Understanding, board: &Board) -> Self {
        let intents: Vec<_> = understanding.intents().cloned().collect();
        let tuned = ArcSwap::from_pointee(tune(&intents, &board.subscribe().borrow()));
        Self { intents, tuned }
    }

    /// Follows the board's changes for as long as there is a board.
    pub async fn follow(&self, mut document: watch::Receiver<Arc<Document>>) {
        while document.changed().await.is_ok() {
            let latest = document.borrow_and_update().clone();
            self.tuned.store(Arc::new(tune(&self.intents, &latest)));
        }
    }

    /// The lowest similarity at which a hit of this intent is served.
    pub fn threshold(&self, intent: &Intent) -> Ratio {
        self.tuned.load().get(intent.index).map_or(intent.threshold, |tuned| tuned.threshold)
    }

    /// How long a new answer is fresh: the intent's time to live or the caller's if that is shorter, with jitter.
    pub fn ttl(&self, intent: &Intent, wished: Option<Duration>, dice: &Dice) -> Duration {
        let ttl = self.tuned.load().get(intent.index).map_or(intent.ttl.0, |tuned| tuned.ttl);
        let ttl = wished.map_or(ttl, |wished| wished.min(ttl));
        ttl.mul_f64(1.0 - JITTER + 2.0 * JITTER * dice.roll())
    }
}

fn tune(intents: &[Arc<Intent>], document: &Document) -> Vec<Tuned> {
    let set = |knob: &str, intent: &Intent| {
        document.settings.get(format!("{knob}.{}", intent.id).as_str()).map(|setting| &setting.value)
    };
    let tune = |intent: &Arc<Intent>| Tuned {
        threshold: match set("threshold", intent) {
            Some(Value::Ratio(threshold)) => *threshold,
            _ => intent.threshold,
        },
        ttl: match set("ttl", intent) {
            Some(Value::Span(ttl)) => ttl.0,
            _ => intent.ttl.0,
        },
    };
    intents.iter().map(tune).collect()
}
