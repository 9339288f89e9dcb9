//! What users saw and what it took: one line for each question, one for each second upstream.

use std::sync::{Mutex, PoisonError};

use super::offset::Offset;
use crate::engine::source::Source;

/// How a question ended for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a whole answer.
    Answered {
        /// Where it came from.
        source: Source,
        /// Whether it speaks of what was asked.
        right: bool,
    },
    /// With an error.
    Failed,
    /// The user's patience ended before the answer did. Counts as an error.
    GaveUp,
}

/// One question, from asking to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// When it was asked.
    pub asked: Offset,
    /// When it ended.
    pub ended: Offset,
    /// How.
    pub ending: Ending,
    /// Whether a machine asked, that uses up what is there for people.
    pub abusive: bool,
}

impl Served {
    /// How long it took. Unit: milliseconds.
    pub fn took_ms(&self) -> u64 {
        self.ended.0.saturating_sub(self.asked.0).max(0) as u64
    }

    /// The user got an error or nothing.
    pub fn is_error(&self) -> bool {
        matches!(self.ending, Ending::Failed | Ending::GaveUp)
    }

    /// The user got an answer to another question.
    pub fn is_wrong(&self) -> bool {
        matches!(self.ending, Ending::Answered { right: false, .. })
    }

    /// The answer came from this source.
    pub fn came_from(&self, source: Source) -> bool {
        matches!(self.ending, Ending::Answered { source: from, .. } if from == source)
    }

    /// The user got words that stand in for an answer.
    pub fn is_degraded(&self) -> bool {
        self.came_from(Source::Degraded) || self.came_from(Source::Static)
    }
}

/// What the fleet has asked of models since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Attempts sent.
    pub calls: u64,
    /// Attempts after the first on one model for one request.
    pub retries: u64,
    /// Attempts that a model refused for its load.
    pub throttles: u64,
    /// What was paid. Unit: micro-dollars.
    pub cost_micros: u64,
}

impl Upstream {
    /// What came since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            retries: self.retries.saturating_sub(earlier.retries),
            throttles: self.throttles.saturating_sub(earlier.throttles),
            cost_micros: self.cost_micros.saturating_sub(earlier.cost_micros),
        }
    }
}

/// Everything seen during one run.
#[derive(Debug, Default)]
pub struct Ledger {
    served: Mutex<Vec<Served>>,
    upstream: Mutex<Vec<(Offset, Upstream)>>,
}

impl Ledger {
    /// Notes a question that ended.
    pub fn serve(&self, served: Served) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).push(served);
    }

    /// Notes what stands at the models' counters.
    pub fn read_upstream(&self, at: Offset, upstream: Upstream) {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).push((at, upstream));
    }

    /// What was noted: questions by the time of their end, readings by time.
    pub fn close(&self) -> (Vec<Served>, Vec<(Offset, Upstream)>) {
        let mut served = std::mem::take(&mut *self.served.lock().unwrap_or_else(PoisonError::into_inner));
        served.sort_by_key(|served| (served.ended, served.asked));
        (served, std::mem::take(&mut *self.upstream.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
