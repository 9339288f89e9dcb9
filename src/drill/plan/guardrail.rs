//! The guardrail service of a drill's world, as a file describes it.

use super::{
    GuardrailService, What,
    raw::{RawGuardrail, RawInspection},
    validate::Reader,
};
use crate::{
    config::document::Spanned,
    drill::{offset::Offset, world::Inspection},
    units::TimeSpan,
};

impl Reader<'_> {
    /// The service as the drill begins.
    pub(super) fn guardrail(&mut self, raw: &RawGuardrail) -> GuardrailService {
        if raw.catches.iter().all(|words| words.trim().is_empty()) {
            self.wrong(&raw.filters, "a guardrail that catches nothing proves nothing: list words under `catches:`");
        }
        GuardrailService { usual: self.inspection(&raw.filters, raw.per_filter), catches: raw.catches.clone() }
    }

    fn inspection(&mut self, filters: &Spanned<u64>, per_filter: TimeSpan) -> Inspection {
        if !(1..=100).contains(&filters.value) {
            self.wrong(filters, "a guardrail has 1 to 100 filters");
        }
        Inspection { filters: filters.value, per_filter: per_filter.0 }
    }

    /// The filters that it is given later.
    pub(super) fn other_filters(&mut self, raw: &RawInspection, at: &Spanned<Offset>, is_there: bool) -> Option<What> {
        if !is_there {
            self.wrong(at, "there is no guardrail to change: describe it under `guardrail:` first");
        }
        is_there.then(|| What::Guardrail(self.inspection(&raw.filters, raw.per_filter)))
    }
}
