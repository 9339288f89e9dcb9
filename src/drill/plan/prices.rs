//! What a drill file says of prices: what each title costs, and what prices turn to.

use std::{collections::BTreeMap, sync::Arc};

use super::{What, raw::RawTurn, validate::Reader};
use crate::{
    config::document::Spanned,
    money::{Currency, Money},
};

impl Reader<'_> {
    pub(super) fn prices(&mut self, raw: &BTreeMap<String, Spanned<u32>>) -> Vec<(Arc<str>, u32)> {
        for price in raw.values().filter(|price| !(1..=1_000_000).contains(&price.value)) {
            self.wrong(price, "a price lies between 1 and 1000000 yen");
        }
        raw.iter().map(|(title, price)| (title.as_str().into(), price.value)).collect()
    }

    /// What the prices turn to.
    pub(super) fn turn(&mut self, raw: RawTurn, usual: &[(Arc<str>, u32)]) -> Option<What> {
        if !(0.01..=100.0).contains(&raw.times.value) || usual.is_empty() {
            self.wrong(&raw.times, "prices turn to 0.01 to 100 times those that stand under `prices:`");
            return None;
        }
        let turned = |yen: u32| (f64::from(yen) * raw.times.value).round().max(1.0) as u32;
        let to = usual.iter().map(|(title, yen)| (title.clone(), turned(*yen))).collect();
        Some(What::Prices { to, told_as: raw.told_as })
    }
}

/// What a model says of a price.
pub(super) fn costs(title: &str, yen: u32) -> String {
    format!("{title} costs {} a volume.", Money::new(i64::from(yen), Currency::JPY))
}
