//! What an operator may write about a model's pool.

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    engine::model::pool::{Adapts, Dimensions},
    units::TimeSpan,
};

/// A pool larger than this is no limit any more.
const LARGEST: u64 = 10_000;

/// `{ size: 10, queue: 256, wait: 1s, adapts: { least: 2, slow_after: 2s } }`; everything may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPool {
    size: Option<Spanned<u64>>,
    queue: Option<usize>,
    wait: Option<TimeSpan>,
    adapts: Option<RawAdapts>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdapts {
    least: Option<Spanned<u64>>,
    slow_after: Option<Spanned<TimeSpan>>,
}

impl RawPool {
    /// The dimensions; every mistake is among the problems.
    pub fn validate(&self, document: &Document, problems: &mut Problems) -> Dimensions {
        let usual = Dimensions::default();
        let size = self.size.as_ref().map_or(usual.size, |size| size.value);
        if let Some(wrong) = self.size.as_ref().filter(|size| !(1..=LARGEST).contains(&size.value)) {
            problems.add(&document.place_of(wrong), format!("a pool has 1 to {LARGEST} places, not {}", wrong.value));
        }
        Dimensions {
            size,
            queue: self.queue.unwrap_or(usual.queue),
            wait: self.wait.map_or(usual.wait, |wait| wait.0),
            adapts: self.adapts.as_ref().map(|adapts| adapts.validate(size, document, problems)),
        }
    }
}

impl RawAdapts {
    fn validate(&self, size: u64, document: &Document, problems: &mut Problems) -> Adapts {
        let least = self.least.as_ref().map_or(1, |least| least.value);
        if let Some(wrong) = self.least.as_ref().filter(|least| !(1..size.max(2)).contains(&least.value)) {
            let why = format!("a pool of {size} places cannot shrink to {least}; write 1 to {}", size.max(2) - 1);
            problems.add(&document.place_of(wrong), why);
        }
        if let Some(wrong) = self.slow_after.as_ref().filter(|slow| slow.value.0.is_zero()) {
            problems.add(
                &document.place_of(wrong),
                "no first token comes within 0 s; write how late it is when the model is busy",
            );
        }
        Adapts { least, slow_after: self.slow_after.as_ref().map(|slow| slow.value.0) }
    }
}
