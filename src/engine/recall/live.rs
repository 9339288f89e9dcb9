//! What the knobs say now about each intent: its threshold and its time to live.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{
    dice::Dice,
    engine::understand::{InForce, Understanding, intent::Intent},
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

/// All of them.
struct Tuning {
    /// By the intents' numbers; `None` for an intent that is gone.
    intents: Vec<Option<Tuned>>,
    /// The share of semantic answers that is verified.
    shadow: Ratio,
}

/// The settings in force, read without waiting.
pub struct Live(ArcSwap<Tuning>);

/// The share of semantic answers that is verified where the knob is not turned.
const SHADOW: Ratio = Ratio::basis_points(200);

/// Every time to live gets up to this share more or less, so that what was stored together does not expire together.
const JITTER: f64 = 0.1;

impl Live {
    /// As the board stands now.
    pub fn new(understanding: &Understanding, board: &Board) -> Self {
        Self(ArcSwap::from_pointee(tune(understanding, &board.document())))
    }

    /// After a reload: as the board stands now.
    pub fn renew(&self, understanding: &Understanding, board: &Board) {
        self.0.store(Arc::new(tune(understanding, &board.document())));
    }

    /// Follows the board's changes for as long as there is a board.
    pub async fn follow(&self, mut document: watch::Receiver<Arc<Document>>, understanding: InForce) {
        while document.changed().await.is_ok() {
            let latest = document.borrow_and_update().clone();
            self.0.store(Arc::new(tune(&understanding.load(), &latest)));
        }
    }

    /// The lowest similarity at which a hit of this intent is served.
    pub fn threshold(&self, intent: &Intent) -> Ratio {
        self.tuned(intent).map_or(intent.threshold, |tuned| tuned.threshold)
    }

    /// How long a new answer is fresh: the intent's time to live or the caller's if that is shorter, with jitter.
    pub fn ttl(&self, intent: &Intent, wished: Option<Duration>, dice: &Dice) -> Duration {
        let ttl = self.tuned(intent).map_or(intent.ttl.0, |tuned| tuned.ttl);
        let ttl = wished.map_or(ttl, |wished| wished.min(ttl));
        ttl.mul_f64(1.0 - JITTER + 2.0 * JITTER * dice.roll())
    }

    /// The share of semantic answers that is verified.
    pub fn shadow(&self) -> f64 {
        self.0.load().shadow.as_f64()
    }

    fn tuned(&self, intent: &Intent) -> Option<Tuned> {
        self.0.load().intents.get(intent.index).copied().flatten()
    }
}

fn tune(understanding: &Understanding, document: &Document) -> Tuning {
    let set = |knob: &str, intent: &Intent| {
        document.settings.get(format!("{knob}.{}", intent.id).as_str()).map(|setting| &setting.value)
    };
    let tune = |intent: &Intent| Tuned {
        threshold: match set("threshold", intent) {
            Some(Value::Ratio(threshold)) => *threshold,
            _ => intent.threshold,
        },
        ttl: match set("ttl", intent) {
            Some(Value::Span(ttl)) => ttl.0,
            _ => intent.ttl.0,
        },
    };
    let intents = understanding.intent_names().iter().map(|name| understanding.intent(name).map(|i| tune(i)));
    let shadow = match document.settings.get("shadow.share").map(|setting| &setting.value) {
        Some(Value::Ratio(share)) => *share,
        _ => SHADOW,
    };
    Tuning { intents: intents.collect(), shadow }
}
