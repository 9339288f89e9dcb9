//! Labels turn thresholds: up by themselves, down never.
//!
//! When the labels prove that an intent serves more wrong answers than its bound allows, its threshold knob is raised within
//! the knob's bounds, for a day, in the name of `labels` and with the evidence as its reason. A knob that somebody else has
//! turned is left alone, until a policy takes back what it did. Lower thresholds are only advised (`GET /api/v1/recall`): who
//! wants one writes it down.

use std::{sync::Arc, time::Duration};

use tracing::info;

use super::{Recall, calibrate::Advice};
use crate::{
    engine::understand::intent::Intent,
    knob::{
        board::{Board, Change},
        value::Value,
    },
    units::Ratio,
};

/// How often labels are looked at.
const EVERY: Duration = Duration::from_secs(300);
/// How long a raised threshold stays.
const STAYS: Duration = Duration::from_secs(24 * 3_600);
/// In whose name.
pub const AUTHOR: &str = "labels";
/// A threshold is never raised by more than this at once.
const MOST: f64 = 0.02;

impl Recall {
    /// Looks at the labels from time to time.
    pub(super) async fn tighten_in_time(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.estimates.read(self.clock.now());
            self.tighten();
        }
    }

    /// Raises the thresholds that the labels prove too low; how many.
    pub fn tighten(&self) -> usize {
        let shop = self.understanding();
        shop.intents().filter(|intent| intent.semantic && self.tighten_one(intent, &self.board)).count()
    }

    fn tighten_one(&self, intent: &Intent, board: &Board) -> bool {
        let Advice::Raise { to, share } = self.advice(intent) else { return false };
        let knob = format!("threshold.{}", intent.id);
        let Some((present, known)) = board.get(&knob).zip(board.catalogue().get(&knob).cloned()) else { return false };
        let Value::Ratio(from) = present.value else { return false };
        if present.author != AUTHOR && !present.is_nobodys(&known.default) {
            return false;
        }
        let Some(to) = Ratio::new((from.as_f64() + MOST).min(to.as_f64())).filter(|to| *to > from) else {
            return false;
        };
        let reason = format!(
            "{} of {} labelled answers were wrong, more than {} for sure",
            share.wrong, share.of, intent.most_wrong
        );
        let now = self.clock.now();
        let change = Change {
            knob: knob.as_str().into(),
            to: Value::Ratio(to),
            expect: Some(present.version),
            author: AUTHOR.into(),
            reason: reason.clone(),
            incident: None,
            expires: Some(now + STAYS),
        };
        let changed = board.set(change, now);
        if changed.is_ok() {
            info!(knob, %from, %to, reason, "Labels raised a threshold.");
        }
        changed.is_ok()
    }
}
