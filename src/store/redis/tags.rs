//! The generations of tags, which say what is void.
//!
//! A tag's generation lives in its own shard, mostly not that of the entries it is on, so no script can compare them while
//! it writes. It need not: an entry carries the generations from before its fill began, and every reader compares them
//! with what Redis says of them now. Let a fill note *g*, and then an invalidation raise the tag to *g'* > *g*. Whenever
//! and wherever the entry is written, a reader that knows *g'* does not serve it; and a reader that does not know *g'* yet
//! is told within a push's time, and forgets everything if its ear was broken. The look before a write (`put`) only
//! saves the room.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::join_all;
use tracing::warn;

use super::{
    Node,
    keys::{Shard, by_shard},
    known::Debt,
    pool::Wait,
    scripts::Call,
};
use crate::store::{Change, StoreError, Tag};

/// Tags asked about, or told, with one command.
const AT_ONCE: usize = 500;

impl Node {
    /// Makes every entry with one of these tags void, here at once, elsewhere as soon as Redis is told.
    pub(super) async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        let parts = by_shard(tags.iter().map(|tag| (tag.clone(), 0)), |(tag, _)| tag.shard());
        let told = join_all(parts.into_iter().map(|(shard, tags)| self.tell_all(shard, tags))).await;
        let (mut failed, mut last) = (Vec::new(), Ok(()));
        for (tags, outcome) in told {
            if let Err(why) = outcome {
                failed.extend(tags.into_iter().map(|(tag, _)| tag));
                last = Err(why);
            }
        }
        if !failed.is_empty() {
            if !self.known().hold(&failed) {
                warn!("Too many invalidations wait for Redis; the last ones will not reach other nodes.");
            }
            self.tell(Change::Invalidated(failed));
        }
        last
    }

    /// Tells Redis, once, what it missed or lost.
    pub(super) async fn pay(&self) {
        let debt = self.known().debt();
        let parts = by_shard(debt.tags(), |(tag, _)| tag.shard());
        for (shard, tags) in parts {
            let (tags, outcome) = self.tell_all(shard, tags).await;
            if outcome.is_ok() {
                let paid: BTreeSet<_> = tags.iter().map(|(tag, _)| tag).collect();
                let is_paid = |tag: &Tag| paid.contains(tag);
                let part = Debt {
                    unsent: debt.unsent.iter().filter(|(tag, _)| is_paid(tag)).map(|(t, s)| (t.clone(), *s)).collect(),
                    lost: debt.lost.iter().filter(|(tag, _)| is_paid(tag)).map(|(t, g)| (t.clone(), *g)).collect(),
                };
                self.known().paid(&part);
            }
        }
    }

    async fn tell_all(&self, shard: Shard, tags: Vec<(Tag, u64)>) -> (Vec<(Tag, u64)>, Result<(), StoreError>) {
        for some in tags.chunks(AT_ONCE) {
            match self.call::<Vec<u64>>(shard, &self.invalidation(shard, some), Wait::Behind).await {
                Ok(generations) => {
                    self.take_over(some.iter().map(|(tag, _)| tag.clone()).zip(generations).collect());
                }
                Err(why) => return (tags, Err(why)),
            }
        }
        (tags, Ok(()))
    }

    fn invalidation(&self, shard: Shard, tags: &[(Tag, u64)]) -> Call<'_> {
        let call = self.scripts.invalidate.call().key(self.keys.generations(shard)).arg(self.keys.channel());
        tags.iter().fold(call, |call, (tag, least)| call.arg(tag.0.as_bytes()).number(least))
    }

    /// Learns the generations of those tags that are not known.
    pub(super) async fn learn_missing(&self, tags: impl Iterator<Item = &Tag>, wait: Wait) -> Result<(), StoreError> {
        let missing: Vec<_> = {
            let known = self.known();
            tags.filter(|tag| known.of(tag).is_none()).cloned().collect()
        };
        self.ask_generations(missing, wait).await
    }

    /// Asks for the present generations of tags, also of known ones.
    pub(super) async fn ask_generations(&self, mut tags: Vec<Tag>, wait: Wait) -> Result<(), StoreError> {
        tags.sort();
        tags.dedup();
        let parts = by_shard(tags, Tag::shard);
        let asked = parts.iter().flat_map(|(shard, tags)| tags.chunks(AT_ONCE).map(|tags| (*shard, tags)));
        let asked = asked.map(|(shard, tags)| async move {
            let mark = self.known().mark();
            let call = self.scripts.generations.call().key(self.keys.generations(shard));
            let call = tags.iter().fold(call, |call, tag| call.arg(tag.0.as_bytes()));
            let generations: Vec<u64> = self.call(shard, &call, wait).await?;
            let mut known = self.known();
            tags.iter().zip(generations).for_each(|(tag, generation)| known.learn(tag, generation, mark));
            Ok(())
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Takes over new generations, and tells if they are news: an invalidation of this node is heard twice.
    ///
    /// What is told is told while the knowledge is locked, so that nobody hears of an entry after what voids it.
    pub(super) fn take_over(&self, tags: Vec<(Tag, u64)>) {
        let mut known = self.known();
        let is_news = tags.iter().fold(false, |news, (tag, generation)| known.hear(tag, *generation) || news);
        if is_news {
            self.tell(Change::Invalidated(tags.into_iter().map(|(tag, _)| tag).collect()));
        }
    }

    /// Hears that other servers hold the shards now, or that an ear broke: nothing that was answered can be relied on.
    pub(super) fn lose_touch(self: &Arc<Self>) {
        let mut known = self.known();
        known.doubt(self.clock.now());
        self.tell(Change::Lost);
        drop(known);
        self.owes.notify_one();
    }
}
