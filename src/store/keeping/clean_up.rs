//! The emergency clean-up: intents that are worth little go, and entries that nobody ever asked for.

use std::time::Duration;

use super::{
    MOST_REMOVED, Removed,
    budgets::Shares,
    walk::{Walk, walk},
};
use crate::{
    clock::Timestamp,
    ids::IntentId,
    store::{About, Store, StoreError},
};

/// Which entries a clean-up may remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanUp {
    /// All entries of these intents.
    pub intents: Vec<IntentId>,
    /// And entries never hit that are older than this; `None` for none of them.
    pub unused_for: Option<Duration>,
    /// At most so many, and never more than [`MOST_REMOVED`].
    pub most: u64,
}

impl CleanUp {
    fn takes(&self, about: &About, now: Timestamp) -> bool {
        self.intents.contains(&about.intent) || self.is_unused(about, now)
    }

    fn is_unused(&self, about: &About, now: Timestamp) -> bool {
        about.hits == 0 && self.unused_for.is_some_and(|span| about.age(now) > span)
    }

    /// Removes what is over budget first, if budgets are given, then what the plan names; what that was.
    ///
    /// # Errors
    /// When the store does not answer; what was removed until then is gone.
    pub async fn run_with(
        &self,
        budgets: Option<&Shares>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let mut removed = match budgets {
            Some(budgets) => budgets.enforce(store, self.most).await?,
            None => Removed::default(),
        };
        let rest = Self { most: self.most.saturating_sub(removed.entries), ..self.clone() };
        if rest.most > 0 && !rest.is_nothing() {
            removed.extend(rest.run(store, now).await?);
        }
        Ok(removed)
    }

    /// Whether it names nothing to remove.
    pub fn is_nothing(&self) -> bool {
        self.intents.is_empty() && self.unused_for.is_none()
    }

    /// Removes what the plan names; what that was.
    ///
    /// # Errors
    /// When the store does not answer; what was removed until then is gone.
    pub async fn run(&self, store: &dyn Store, now: Timestamp) -> Result<Removed, StoreError> {
        let most = self.most.min(MOST_REMOVED);
        let mut removed = Removed::default();
        walk(store, &mut removed, |page, removed| {
            let room = usize::try_from(most - removed.entries).unwrap_or(usize::MAX);
            let low = page.into_iter().filter(|about| self.takes(about, now));
            let remove: Vec<_> = low.take(room).collect();
            Walk { ends: remove.len() == room, remove }
        })
        .await?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::Clock,
        store::{
            Entry,
            embedded::{Embedded, Limits},
            sample,
        },
    };

    const HOUR: Duration = Duration::from_secs(3_600);

    async fn store(questions: &[(&str, &str)]) -> Embedded {
        let store = Embedded::in_memory(Limits::default(), Clock::starting_at(Timestamp(0)));
        for (question, intent) in questions {
            let entry = Entry { intent: (*intent).into(), ..sample::entry(question, &[]) };
            store.put(Arc::new(entry)).await.expect("put");
        }
        store
    }

    fn plan(intents: &[&str], most: u64) -> CleanUp {
        CleanUp { intents: intents.iter().map(|&intent| intent.into()).collect(), unused_for: Some(HOUR), most }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asked_for_goes_oldest_first_once_it_is_an_hour_old() {
        let store = store(&[("a", "faq"), ("b", "faq"), ("c", "faq")]).await;
        store.count_hits(&[(sample::key("b"), 1)]).await.expect("counted");
        let at = |after: Duration| Timestamp(0) + after;
        assert_eq!(plan(&[], 9).run(&store, at(HOUR)).await.expect("runs").entries, 0, "not older than an hour");
        let removed = plan(&[], 1).run(&store, at(HOUR * 2)).await.expect("runs");
        assert_eq!((removed.entries, removed.by_intent["faq"].0), (1, 1));
        let left = store.about(&["a", "b", "c"].map(sample::key)).await.expect("answers");
        assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn intents_that_are_named_go_whatever_their_hits() {
        let store = store(&[("hello", "greeting"), ("a", "faq")]).await;
        store.count_hits(&[(sample::key("hello"), 99)]).await.expect("counted");
        let removed = plan(&["greeting"], 100).run(&store, Timestamp(0)).await.expect("runs");
        assert_eq!(removed.by_intent.keys().collect::<Vec<_>>(), ["greeting"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_run_removes_more_than_it_may() {
        let questions: Vec<_> = (0..1_200).map(|n| n.to_string()).collect();
        let store = store(&questions.iter().map(|q| (q.as_str(), "greeting")).collect::<Vec<_>>()).await;
        let removed = plan(&["greeting"], 777).run(&store, Timestamp(0)).await.expect("runs");
        assert_eq!((removed.entries, store.usage().await.expect("usage").entries), (777, 423));
    }
}
