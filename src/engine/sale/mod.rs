//! Sales: when prices turn, and what that does to what is kept.
//!
//! A sale is a window in the shop's calendar (`policies/calendar.yaml`). While it is open, what is kept about its goods
//! lives shorter; nothing that may quote one of its prices outlives the moment at which that price turns, at its start
//! as at its end, not even to be served stale. At both moments [`flush`] makes void what is kept all the same.

pub mod file;
pub mod flush;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::{clock::Timestamp, ids::IntentId, store::Tag};

/// A sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Its name.
    pub name: String,
    /// When its prices begin.
    pub from: Timestamp,
    /// When they end.
    pub to: Timestamp,
    /// What it is about: titles, products, sections of the shop. Empty: everything.
    pub tags: Vec<Tag>,
    /// How long answers of an intent may live while it is open.
    pub ttl: BTreeMap<IntentId, Duration>,
}

impl Sale {
    /// Whether it concerns something with these tags.
    pub fn covers(&self, tags: &[Tag]) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag))
    }

    /// Whether its prices hold.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}

/// A moment at which prices turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Of which sale.
    pub sale: &'a Sale,
    /// When.
    pub at: Timestamp,
    /// Whether it is its end.
    pub ends: bool,
}

impl Turn<'_> {
    /// Names it for the whole fleet; a sale whose times are changed turns anew.
    pub fn id(&self) -> String {
        format!("{} {} {}", self.sale.name, if self.ends { "end" } else { "start" }, self.at.0)
    }
}

/// The calendar as it is now: changed files put another in its place.
pub type InForce = Arc<ArcSwap<Calendar>>;

/// All sales.
#[derive(Clone, Debug, Default)]
pub struct Calendar(Vec<Sale>);

impl Calendar {
    /// These sales.
    pub fn new(sales: Vec<Sale>) -> Self {
        Self(sales)
    }

    /// All of them.
    pub fn sales(&self) -> &[Sale] {
        &self.0
    }

    /// The longest that an answer of this intent with these tags may live because a sale is open; `None` for no limit.
    pub fn limit(&self, intent: &str, tags: &[Tag], now: Timestamp) -> Option<Duration> {
        let open = self.0.iter().filter(|sale| sale.is_open(now) && sale.covers(tags));
        open.filter_map(|sale| sale.ttl.get(intent).copied()).min()
    }

    /// When the price of something with these tags turns next.
    pub fn next_turn(&self, tags: &[Tag], now: Timestamp) -> Option<Timestamp> {
        let covering = self.0.iter().filter(|sale| sale.covers(tags));
        covering.flat_map(|sale| [sale.from, sale.to]).filter(|at| *at > now).min()
    }

    /// When any price turns next.
    pub fn next_turn_of_all(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().flat_map(|sale| [sale.from, sale.to]).filter(|at| *at > now).min()
    }

    /// The turns after `since` up to `until`, in their order.
    pub fn turns(&self, since: Timestamp, until: Timestamp) -> Vec<Turn<'_>> {
        let both = |sale| [Turn { sale, at: sale.from, ends: false }, Turn { sale, at: sale.to, ends: true }];
        let mut turns: Vec<_> =
            self.0.iter().flat_map(both).filter(|turn| since < turn.at && turn.at <= until).collect();
        turns.sort_by_key(|turn| turn.at);
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(tag: &str) -> Tag {
        Tag(tag.into())
    }

    fn calendar() -> Calendar {
        let sale = |name: &str, from, to, tags: &[&str]| Sale {
            name: name.into(),
            from: Timestamp(from),
            to: Timestamp(to),
            tags: tags.iter().map(|name| tag(name)).collect(),
            ttl: [("product_info".into(), Duration::from_secs(900))].into(),
        };
        Calendar::new(vec![sale("box", 100, 200, &["title:demon slayer"]), sale("all", 150, 300, &[])])
    }

    #[test]
    fn answers_live_shorter_while_a_sale_of_theirs_is_open_and_only_then() {
        let (calendar, slayer) = (calendar(), [tag("title:demon slayer")]);
        let at = |now| calendar.limit("product_info", &slayer, Timestamp(now)).is_some();
        assert_eq!([99, 100, 199, 300].map(at), [false, true, true, false]);
        assert_eq!(calendar.limit("product_info", &[tag("title:bleach")], Timestamp(120)), None);
        assert_eq!(calendar.limit("faq", &slayer, Timestamp(120)), None);
    }

    #[test]
    fn the_next_turn_is_the_nearest_start_or_end_of_what_concerns_it() {
        let calendar = calendar();
        let next = |name: &str, now| calendar.next_turn(&[tag(name)], Timestamp(now)).map(|at| at.0);
        assert_eq!(
            [0, 100, 150, 200, 300].map(|now| next("title:demon slayer", now)),
            [Some(100), Some(150), Some(200), Some(300), None]
        );
        assert_eq!(next("title:bleach", 0), Some(150));
    }

    #[test]
    fn turns_come_in_order_and_each_once() {
        let calendar = calendar();
        let ids: Vec<_> = calendar.turns(Timestamp(100), Timestamp(300)).iter().map(Turn::id).collect();
        assert_eq!(ids, ["all start 150", "box end 200", "all end 300"]);
    }
}
