//! The shop's catalogue in a drill's world: what things cost, as the world has it, and the events by which it tells of changes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    clock::{Clock, Timestamp},
    drill::{facts::Facts, offset::Offset, plan::price_of},
    engine::{
        origin::client::Failed,
        price::{
            self,
            catalogue::{Check, LivePrices, Subject},
        },
    },
    ids::TenantId,
    money::Money,
};

/// The catalogue.
pub(super) struct Shelves {
    pub(super) facts: Facts,
    pub(super) check: Check,
    pub(super) clock: Clock,
    pub(super) start: Timestamp,
}

#[async_trait]
impl LivePrices for Shelves {
    fn check(&self) -> Check {
        self.check
    }

    async fn prices(&self, _: &TenantId, subject: &Subject) -> Result<Vec<Money>, Failed> {
        let Subject::Title(title) = subject else { return Ok(Vec::new()) };
        let now = Offset::between(self.start, self.clock.now());
        let says = self.facts.says(&price_of(title), now).unwrap_or_default();
        Ok(price::current(says).iter().map(|quote| quote.price).collect())
    }
}

/// What the catalogue's team sends when a title's price has turned.
pub(super) fn told(title: &Arc<str>, yen: u32, kind: &str, at: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": format!("{at}-{title}"),
        "source": "com.mangaassist.catalog",
        "detail-type": kind,
        "time": at.to_string(),
        "resources": [],
        "detail": { "change_type": "price_update", "asin": title.replace(' ', ""), "title": title, "new_price": yen },
    })
}
