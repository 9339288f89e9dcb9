//! What entries are and how often they were served. Hits stand apart, in a hash for each shard, so that an entry which
//! nobody asks for a second time takes nothing for them. They go with an entry that is removed; those of entries that
//! ended or were evicted are forgotten now and then.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::{
    LONGEST_LIFE, Node,
    fault::Reason,
    head::Head,
    keys::{Shard, by_shard},
    pool::Wait,
    value,
};
use crate::{
    clock::Timestamp,
    digest::Digest,
    store::{About, StoreError},
};

/// Heads asked for at once: some kilobytes each way, on a few connections.
const READ_AT_ONCE: usize = 200;
/// Hits counted or looked at with one command.
const AT_ONCE: usize = 500;

/// Fields of a hash and their values, as `HSCAN` gives them.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// How often an entry was served, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hits {
    count: u64,
    last: Timestamp,
}

impl Hits {
    /// Reads `COUNT:SECONDS`.
    fn read(text: &str) -> Option<Self> {
        let (count, seconds) = text.split_once(':')?;
        let last = Timestamp(seconds.parse::<i64>().ok()?.checked_mul(1_000)?);
        Some(Self { count: count.parse().ok()?, last })
    }
}

fn describe(head: Head, hits: Option<Hits>) -> About {
    About {
        key: head.key,
        intent: head.intent,
        bytes: head.bytes,
        stored_at: head.stored_at,
        fresh_until: head.fresh_until,
        keep_until: head.keep_until,
        hits: hits.map_or(0, |hits| hits.count),
        last_hit: hits.map(|hits| hits.last),
    }
}

impl Node {
    pub(super) async fn ledger(
        &self,
        cursor: Option<u64>,
        most: usize,
    ) -> Result<(Vec<About>, Option<u64>), StoreError> {
        let (next, keys) = self.scan(cursor.unwrap_or(0), most).await?;
        Ok((self.about(&keys).await?.into_iter().flatten().collect(), next))
    }

    /// In the order of the keys. An error when a part cannot be had: sums over the rest would mislead.
    pub(super) async fn about(&self, keys: &[Digest]) -> Result<Vec<Option<About>>, StoreError> {
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_AT_ONCE) {
            let hits = self.hits(keys).await?;
            let heads = join_all(keys.iter().map(|key| self.head(key))).await;
            for (key, head) in keys.iter().zip(heads) {
                all.push(head?.map(|head| describe(head, hits.get(key).copied())));
            }
        }
        Ok(all)
    }

    /// The head of what stands under a key. What cannot be served is counted by reason and is not there. One call for each
    /// key, many on a connection: a slot that is being moved then redirects only those that are elsewhere already.
    async fn head(&self, key: &Digest) -> Result<Option<Head>, StoreError> {
        let call = self.scripts.head.call().key(self.keys.entry(key));
        let (head, length): (Vec<u8>, i64) = self.call(Shard::of(key), &call, Wait::Behind).await?;
        let read = match usize::try_from(length) {
            Err(_) => Err(Reason::WrongType),
            Ok(0) => return Ok(None),
            Ok(length) => value::decode_head(&head, length, key, self.longest_value()).map_err(Reason::from),
        };
        Ok(read.inspect_err(|why| self.faults.count(*why)).ok())
    }

    pub(super) async fn count_hits(&self, hits: &[(Digest, u64)]) -> Result<(), StoreError> {
        for (shard, hits) in by_shard(hits.iter().copied(), |(key, _)| Shard::of(key)) {
            for hits in hits.chunks(AT_ONCE) {
                let call = self.scripts.hits.call().key(self.keys.hits(shard)).number(LONGEST_LIFE.as_millis());
                let call = hits.iter().fold(call, |call, (key, count)| call.key(self.keys.entry(key)).number(count));
                self.call::<u64>(shard, &call, Wait::Behind).await?;
            }
        }
        Ok(())
    }

    /// Forgets the hits of entries that are gone.
    pub(super) async fn forget_hits(&self, shard: Shard) -> Result<(), StoreError> {
        let mut cursor = 0_u64;
        loop {
            let mut command = redis::cmd("HSCAN");
            command.arg(self.keys.hits(shard)).arg(cursor).arg("COUNT").arg(AT_ONCE);
            let (next, page): (u64, Pairs) = self.ask(shard, &command, Wait::Behind).await?;
            let keys = page.iter().filter_map(|(key, _)| Some(Digest(key.as_slice().try_into().ok()?)));
            let call = self.scripts.forget.call().key(self.keys.hits(shard));
            let call = keys.fold(call, |call, key| call.key(self.keys.entry(&key)));
            if !page.is_empty() {
                self.call::<u64>(shard, &call, Wait::Behind).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// The hits of those that have any.
    async fn hits(&self, keys: &[Digest]) -> Result<HashMap<Digest, Hits>, StoreError> {
        let asked = by_shard(keys.iter().copied(), Shard::of).into_iter().map(|(shard, keys)| async move {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys.hits(shard));
            keys.iter().for_each(|key| _ = command.arg(&key.0[..]));
            let hits: Vec<Option<String>> = self.ask(shard, &command, Wait::Behind).await?;
            Ok(keys
                .into_iter()
                .zip(hits)
                .filter_map(|(key, hits)| Some((key, Hits::read(&hits?)?)))
                .collect::<Vec<_>>())
        });
        let parts = join_all(asked).await.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn hits_are_read_and_scribble_is_none() {
        assert_eq!(Hits::read("3:1800000000"), Some(Hits { count: 3, last: Timestamp(1_800_000_000_000) }));
        for text in ["", "3", "3:", ":1", "x:1", "3:99999999999999999999"] {
            assert_eq!(Hits::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_entry_that_was_never_served_has_no_last_hit() {
        let at = Timestamp(1_800_000_000_000);
        let (key, intent) = (sample::key("q"), "faq".into());
        let head = Head { key, intent, bytes: 7, stored_at: at, fresh_until: at, keep_until: at };
        let about = describe(head, None);
        assert_eq!((about.key, about.bytes, about.hits, about.last_hit), (key, 7, 0, None));
    }
}
