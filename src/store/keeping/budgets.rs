//! Memory budgets: each intent may hold a share of the store's limit. What is over it goes by value: least hit first, then
//! oldest.
//!
//! Intents without a budget of their own share that of `_other`. A store without a limit has nothing to share out.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    MOST_REMOVED, Removed,
    walk::{Walk, remove, walk},
};
use crate::{
    clock::Timestamp,
    ids::IntentId,
    store::{About, Store, StoreError, Usage},
    units::Ratio,
};

/// The intent whose budget those without one share.
const OTHER: &str = "_other";

/// Which share of the limit each intent may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(BTreeMap<IntentId, Ratio>);

impl FromIterator<(IntentId, Ratio)> for Shares {
    fn from_iter<I: IntoIterator<Item = (IntentId, Ratio)>>(shares: I) -> Self {
        Self(shares.into_iter().collect())
    }
}

/// Which budgets are enforced, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// Which share each intent may hold.
    pub shares: Shares,
    /// In how long the next time.
    pub first: Duration,
    /// And how often from then on.
    pub every: Duration,
}

/// How an intent, or all without a budget of their own, stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Which intent; `_other` stands for all without a budget of their own.
    pub intent: IntentId,
    /// What its entries take.
    pub bytes: u64,
    /// What they may take; `None` when the store has no limit, or nothing is set for it.
    pub budget: Option<u64>,
}

impl Standing {
    /// Bytes over the budget; 0 within it.
    pub fn over(&self) -> u64 {
        self.budget.map_or(0, |budget| self.bytes.saturating_sub(budget))
    }
}

impl Shares {
    /// Whose budget an intent's entries count in.
    pub(super) fn purse<'a>(&'a self, intent: &'a IntentId) -> &'a str {
        if self.0.contains_key(intent) { intent } else { OTHER }
    }

    /// How every intent stands, those with a budget first, by name.
    pub fn standing(&self, usage: &Usage) -> Vec<Standing> {
        let mut bytes: BTreeMap<&str, u64> = self.0.keys().map(|intent| (&**intent, 0)).collect();
        for (intent, held) in &usage.bytes {
            *bytes.entry(self.purse(intent)).or_default() += held;
        }
        let limit = usage.used_of.map(|(_, limit)| limit).filter(|limit| *limit > 0);
        let stands = |(intent, bytes): (&str, u64)| {
            let share = self.0.get(intent).zip(limit);
            let budget = share.map(|(share, limit)| (limit as f64 * share.as_f64()) as u64);
            Standing { intent: intent.into(), bytes, budget }
        };
        bytes.into_iter().map(stands).collect()
    }

    /// Removes what is over its budget, at most `most` entries; what that was.
    ///
    /// # Errors
    /// When the store does not answer; what was removed until then is gone.
    pub async fn enforce(&self, store: &dyn Store, most: u64) -> Result<Removed, StoreError> {
        let standing = self.standing(&store.usage().await?);
        let most = usize::try_from(most.min(MOST_REMOVED)).unwrap_or(usize::MAX);
        let over = standing.into_iter().filter(|stands| stands.over() > 0);
        let mut chosen: BTreeMap<_, _> =
            over.map(|stands| (stands.intent.clone(), Choice::of(stands.over()))).collect();
        let mut removed = Removed::default();
        if chosen.is_empty() {
            return Ok(removed);
        }
        walk(store, &mut removed, |page, _| {
            for about in page {
                if let Some(choice) = chosen.get_mut(self.purse(&about.intent)) {
                    choice.consider(about, most);
                }
            }
            Walk::default()
        })
        .await?;
        let mut gone: Vec<_> = chosen.into_values().flat_map(|choice| choice.worst).collect();
        gone.sort();
        gone.truncate(most);
        let gone: Vec<_> = gone.into_iter().map(|Worth { about, .. }| about).collect();
        remove(store, &gone, &mut removed).await?;
        Ok(removed)
    }
}

/// The least valuable entries of one purse: as many as it takes to be within the budget, and no more.
#[derive(Debug)]
struct Choice {
    over: u64,
    bytes: u64,
    worst: BinaryHeap<Worth>,
}

impl Choice {
    fn of(over: u64) -> Self {
        Self { over, bytes: 0, worst: BinaryHeap::new() }
    }

    fn consider(&mut self, about: About, most: usize) {
        self.bytes += about.bytes;
        self.worst.push(Worth::of(about));
        while let Some(best) = self.worst.peek()
            && (self.bytes - best.about.bytes >= self.over || self.worst.len() > most)
        {
            self.bytes -= best.about.bytes;
            self.worst.pop();
        }
    }
}

/// Orders entries by what they are worth: fewest hits first, then oldest, then by key, so that it is the same each time.
#[derive(Debug)]
struct Worth {
    rank: (u64, Timestamp, crate::digest::Digest),
    about: About,
}

impl Worth {
    fn of(about: About) -> Self {
        Self { rank: (about.hits, about.stored_at, about.key), about }
    }
}

impl PartialEq for Worth {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Worth {}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// The most hit entries of a store, most first, at most `most`.
///
/// # Errors
/// When the store does not answer.
pub async fn hottest(store: &dyn Store, most: usize) -> Result<Vec<About>, StoreError> {
    let mut best = BinaryHeap::new();
    walk(store, &mut Removed::default(), |page, _| {
        for about in page.into_iter().filter(|about| about.hits > 0) {
            best.push(Reverse(Worth::of(about)));
            if best.len() > most {
                best.pop();
            }
        }
        Walk::default()
    })
    .await?;
    Ok(best.into_sorted_vec().into_iter().map(|Reverse(worth)| worth.about).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::Clock,
        store::{
            Entry,
            embedded::{Embedded, Limits},
            sample,
        },
        units::Bytes,
    };

    fn shares(shares: &[(&str, u32)]) -> Shares {
        shares.iter().map(|(intent, percent)| ((*intent).into(), Ratio::basis_points(percent * 100))).collect()
    }

    /// A store of this many bytes with entries of these intents and hits, each stored a second after the other.
    async fn store(bytes: u64, entries: impl IntoIterator<Item = (&str, u64)>) -> Embedded {
        let limits = Limits { bytes: Bytes(bytes), ..Limits::default() };
        let store = Embedded::in_memory(limits, Clock::starting_at(Timestamp(0)));
        for (n, (intent, hits)) in entries.into_iter().enumerate() {
            let stored_at = Timestamp(n as i64 * 1_000);
            let entry = Entry { intent: intent.into(), stored_at, ..sample::entry(&format!("{n:04}"), &[]) };
            let key = entry.key;
            store.put(Arc::new(entry)).await.expect("put");
            store.count_hits(&[(key, hits)]).await.expect("counted");
        }
        store
    }

    async fn left(store: &Embedded) -> Vec<String> {
        let mut left: Vec<_> =
            store.page(None, 10_000).await.expect("a page").0.iter().map(|entry| entry.question.clone()).collect();
        left.sort();
        left
    }

    #[tokio::test(start_paused = true)]
    async fn within_an_intent_over_budget_the_least_hit_and_then_the_oldest_go() {
        let store = store(1 << 20, [("faq", 5), ("faq", 0), ("faq", 0), ("faq", 1), ("greeting", 0)]).await;
        let of = store.about(&[sample::key("0000")]).await.expect("about")[0].as_ref().map_or(0, |about| about.bytes);
        // Room for two of the four.
        let percent = Ratio::new(2.5 * of as f64 / f64::from(1 << 20)).expect("a share");
        let shares = Shares::from_iter([("faq".into(), percent), ("greeting".into(), Ratio::ONE)]);
        let removed = shares.enforce(&store, 100).await.expect("runs");
        assert_eq!((removed.entries, removed.by_intent.len()), (2, 1));
        assert_eq!(left(&store).await, ["0000", "0003", "0004"]);
        assert_eq!(shares.enforce(&store, 100).await.expect("runs"), Removed::default(), "once is enough");
    }

    #[tokio::test(start_paused = true)]
    async fn intents_without_a_budget_share_the_one_of_other() {
        let store = store(1 << 20, [("pricing", 0), ("promotion", 0), ("_other", 0), ("faq", 0)]).await;
        let usage = store.usage().await.expect("usage");
        let standing = shares(&[("faq", 25), ("_other", 3)]).standing(&usage);
        let held = |intent: &str| usage.bytes.iter().find(|(known, _)| *known == intent).map_or(0, |(_, bytes)| *bytes);
        let others = held("pricing") + held("promotion") + held("_other");
        let stands: Vec<_> = standing.iter().map(|stands| (&*stands.intent, stands.bytes)).collect();
        assert_eq!(stands, [("_other", others), ("faq", held("faq"))]);
        assert_eq!(standing[1].budget, Some((1 << 20) / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn one_run_removes_no_more_than_it_may_and_the_worst_first() {
        let store = store(1 << 20, (0..30).map(|n| ("faq", 30 - n))).await;
        let removed = shares(&[("faq", 0)]).enforce(&store, 7).await.expect("runs");
        assert_eq!(removed.entries, 7);
        assert_eq!(left(&store).await.last().map(String::as_str), Some("0022"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_without_a_limit_has_nothing_over_budget() {
        let usage = Usage { bytes: vec![("faq".into(), 1 << 40)], ..Usage::default() };
        assert!(shares(&[("faq", 1)]).standing(&usage).iter().all(|stands| stands.over() == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_hottest_come_first() {
        let store = store(1 << 20, [("faq", 1), ("faq", 9), ("faq", 0), ("faq", 4)]).await;
        let hits: Vec<_> = hottest(&store, 2).await.expect("an answer").iter().map(|about| about.hits).collect();
        assert_eq!(hits, [9, 4]);
    }

    proptest! {
        #[test]
        fn whatever_is_held_enforcing_ends_within_the_budget_and_removes_no_more_than_it_must(
            hits in prop::collection::vec(0u64..5, 1..60), percent in 0u32..100,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
            runtime.block_on(async {
                let each = 60_000 / 60;
                let store = store(60_000, hits.iter().map(|hits| ("faq", *hits))).await;
                let shares = shares(&[("faq", percent)]);
                let before = shares.standing(&store.usage().await.expect("usage"))[0].clone();
                let removed = shares.enforce(&store, 1_000).await.expect("runs");
                let after = shares.standing(&store.usage().await.expect("usage"))[0].clone();
                prop_assert_eq!(after.over(), 0);
                prop_assert!(removed.bytes < before.over() + each, "{:?} for {}", removed, before.over());
                Ok(())
            })?;
        }
    }
}
