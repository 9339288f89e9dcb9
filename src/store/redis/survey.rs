//! Going through what is there, in bounded steps that never hold Redis up: pages, the count, what is forgotten.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use futures_util::future::join_all;

use super::{LONGEST_LIFE, Node, keys::Shard, known::micros, ledger, pool::Wait, server::Server};
use crate::{
    digest::Digest,
    ids::IntentId,
    store::{Entry, StoreError, Usage},
};

/// Keys looked at with one command: about a quarter of a millisecond of Redis's time.
const AT_ONCE: usize = 500;
/// A cursor says the master in its upper bits and where in it below.
const BELOW: u32 = 56;

impl Node {
    pub(super) async fn page(
        &self,
        cursor: Option<u64>,
        most: usize,
    ) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        let (next, keys) = self.scan(cursor.unwrap_or(0), most).await?;
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            entries.extend(self.get_many(keys, Wait::Behind).await?.into_iter().flatten());
        }
        Ok((entries, next))
    }

    pub(super) async fn usage(&self) -> Result<Usage, StoreError> {
        let ledgers = join_all(Shard::all().map(|shard| self.read_ledger(shard))).await;
        let mut usage = Usage { most_entries: Some(self.options.entries), ..Usage::default() };
        for ledger in ledgers {
            for (intent, entries, bytes) in ledger? {
                usage.entries += entries;
                match usage.bytes.iter_mut().find(|(known, _)| *known == intent) {
                    Some((_, sum)) => *sum += bytes,
                    None => usage.bytes.push((intent, bytes)),
                }
            }
        }
        usage.bytes.sort();
        self.count.store(usage.entries, Relaxed);
        for info in self.info("memory").await {
            let limit = info.number("maxmemory").filter(|limit| *limit > 0);
            let used_of = info.number("used_memory").zip(limit);
            let share = |(used, limit): (u64, u64)| used as f64 / limit as f64;
            // The fullest server is the one that will refuse first.
            if used_of.map(share) > usage.used_of.map(share) {
                usage.used_of = used_of;
            }
        }
        let evicted = self.info("stats").await.into_iter().filter_map(|info| info.number("evicted_keys"));
        usage.evictions = evicted.sum();
        Ok(usage)
    }

    /// A section of `INFO` of every master that answers.
    pub(super) async fn info(&self, section: &str) -> Vec<Info> {
        let mut command = redis::cmd("INFO");
        command.arg(section);
        let map = self.map.load_full();
        let asked = map.masters().iter().map(|server| self.ask_server::<String>(server, &command, Wait::Behind));
        join_all(asked).await.into_iter().flatten().map(Info).collect()
    }

    /// Forgets the generations of tags that are older than any entry, and the hits of entries that are gone. A share of each shard's at a time, when they are many.
    pub(super) async fn prune(&self) -> Result<(), StoreError> {
        let oldest = micros(self.clock.now() - LONGEST_LIFE);
        for shard in Shard::all() {
            self.forget_hits(shard).await?;
            let mut cursor = 0_u64;
            loop {
                let mut command = redis::cmd("HSCAN");
                command.arg(self.keys.generations(shard)).arg(cursor).arg("COUNT").arg(AT_ONCE);
                let (next, page): (u64, Vec<(Vec<u8>, u64)>) = self.ask(shard, &command, Wait::Behind).await?;
                let old: Vec<_> = page.into_iter().filter(|(_, at)| *at < oldest).map(|(tag, _)| tag).collect();
                if !old.is_empty() {
                    let call = self.scripts.prune.call().key(self.keys.generations(shard)).number(oldest);
                    let call = old.into_iter().fold(call, |call, tag| call.arg(tag));
                    self.call::<u64>(shard, &call, Wait::Behind).await?;
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Entries' keys of one step, and where to go on.
    pub(super) async fn scan(&self, cursor: u64, most: usize) -> Result<(Option<u64>, Vec<Digest>), StoreError> {
        let map = self.map.load_full();
        let (at, within) = ((cursor >> BELOW) as usize, cursor & ((1 << BELOW) - 1));
        let Some(server) = map.masters().get(at) else { return Ok((None, Vec::new())) };
        let mut command = redis::cmd("SCAN");
        command.arg(within).arg("MATCH").arg(self.keys.any_entry()).arg("COUNT").arg(most);
        let (next, keys): (u64, Vec<Vec<u8>>) = self.ask_server(server, &command, Wait::Behind).await?;
        let next = match next {
            0 if at + 1 < map.masters().len() => Some(((at + 1) as u64) << BELOW),
            0 => None,
            next => Some((at as u64) << BELOW | next),
        };
        Ok((next, keys.iter().filter_map(|key| self.keys.read_entry(key)).collect()))
    }

    /// What a shard's ledger says; places whose time is over are struck.
    async fn read_ledger(&self, shard: Shard) -> Result<Vec<(IntentId, u64, u64)>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.ledger(shard));
        let places: Vec<(String, i64)> = self.ask(shard, &command, Wait::Behind).await?;
        let now = self.clock.now();
        let (counted, over): (Vec<_>, Vec<_>) = places
            .iter()
            .map(|(place, number)| (place, ledger::read(place, *number, now)))
            .partition(|(_, read)| read.is_some());
        if !over.is_empty() {
            let mut command = redis::cmd("HDEL");
            command.arg(self.keys.ledger(shard));
            over.iter().take(AT_ONCE).for_each(|(place, _)| {
                command.arg(place);
            });
            let _ = self.ask::<u64>(shard, &command, Wait::Behind).await;
        }
        let line = |counted: ledger::Counted<'_>| (IntentId::from(counted.intent), counted.entries, counted.bytes);
        Ok(counted.into_iter().filter_map(|(_, read)| read).map(line).collect())
    }

    pub(super) async fn ask_server<T: redis::FromRedisValue>(
        &self,
        server: &Server,
        command: &redis::Cmd,
        wait: Wait,
    ) -> Result<T, StoreError> {
        let (answer, from) =
            self.count_errors(server.ask(self, super::server::Question::Plain(command), false, wait).await)?;
        self.read_answer(answer.map_err(|why| self.explain(&why, &from, server))?)
    }
}

/// Lines of `INFO`.
pub(super) struct Info(pub(super) String);

impl Info {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }
}
