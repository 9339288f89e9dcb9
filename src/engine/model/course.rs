//! The knobs that steer the cascade, read once for every change instead of once for every request.

use std::time::Duration;

use crate::{
    dice::Dice,
    ids::ModelName,
    knob::{board::Board, value::Value},
    units::Ratio,
};

/// Which models are asked, in which order, and how patiently. As of one version of the knobs.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) version: u64,
    /// Models to ask, as places in the configuration's list.
    usual: Vec<usize>,
    /// The same with the first two exchanged.
    swapped: Vec<usize>,
    share: Ratio,
    pub(super) stagger: Duration,
    pub(super) retries: u32,
    pub(super) retries_per_minute: u64,
    /// The size of each model's pool; `None` without a knob.
    pub(super) pools: Vec<Option<u64>>,
    mode: String,
}

impl Course {
    /// What the board says now; the first of `models` is the primary.
    pub(super) fn read(board: &Board, version: u64, models: &[ModelName]) -> Self {
        let mode = word(board, "engine.mode").unwrap_or_else(|| "normal".into());
        let first = word(board, "model.primary").and_then(|name| models.iter().position(|model| *model == *name));
        let usual = order(&mode, first.unwrap_or(0), models.len());
        let mut swapped = usual.clone();
        if swapped.len() > 1 {
            swapped.swap(0, 1);
        }
        Self {
            version,
            usual,
            swapped,
            share: share(board, "share.secondary").unwrap_or_default(),
            stagger: span(board, "fallback.stagger").unwrap_or_default(),
            retries: count(board, "retry.max_attempts").unwrap_or(0) as u32,
            retries_per_minute: count(board, "retry.budget_per_minute").unwrap_or(0),
            pools: models.iter().map(|model| count(board, &format!("pool.{model}"))).collect(),
            mode,
        }
    }

    /// The models to ask for one request; empty when none may be asked.
    pub(super) fn order(&self, dice: &Dice) -> &[usize] {
        let swap = self.share > Ratio::ZERO && self.usual.len() > 1 && dice.roll() < self.share.as_f64();
        if swap { &self.swapped } else { &self.usual }
    }

    /// Whether all models may be asked.
    pub(super) fn is_normal(&self) -> bool {
        self.mode == "normal"
    }

    /// The value of `engine.mode`.
    pub(super) fn mode(&self) -> &str {
        &self.mode
    }

    /// Why the order is empty, for the log.
    pub(super) fn why_nobody(&self) -> String {
        format!("engine.mode is {}: it leaves no model to ask", self.mode)
    }
}

/// The chosen one first, the others as configured; `secondary_only` leaves out the configured primary.
fn order(mode: &str, first: usize, models: usize) -> Vec<usize> {
    if mode == "cache_only" {
        return Vec::new();
    }
    let others = (0..models).filter(|model| *model != first);
    std::iter::once(first)
        .filter(|first| *first < models)
        .chain(others)
        .filter(|model| mode != "secondary_only" || *model != 0)
        .collect()
}

fn word(board: &Board, knob: &str) -> Option<String> {
    match board.get(knob)?.value {
        Value::Choice(word) => Some(word),
        _ => None,
    }
}

fn count(board: &Board, knob: &str) -> Option<u64> {
    match board.get(knob)?.value {
        Value::Count(count) => Some(count),
        _ => None,
    }
}

fn share(board: &Board, knob: &str) -> Option<Ratio> {
    match board.get(knob)?.value {
        Value::Ratio(ratio) => Some(ratio),
        _ => None,
    }
}

fn span(board: &Board, knob: &str) -> Option<Duration> {
    match board.get(knob)?.value {
        Value::Span(span) => Some(span.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_and_the_chosen_primary_make_the_order() {
        assert_eq!(order("normal", 0, 3), [0, 1, 2]);
        assert_eq!(order("normal", 1, 3), [1, 0, 2]);
        assert_eq!(order("secondary_only", 0, 3), [1, 2]);
        assert_eq!(order("secondary_only", 2, 3), [2, 1]);
        assert_eq!(order("secondary_only", 0, 1), [] as [usize; 0]);
        assert_eq!(order("cache_only", 0, 3), [] as [usize; 0]);
    }
}
