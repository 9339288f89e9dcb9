//! Entries in Redis: read alone or many at once, written, removed.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use futures_util::future::join_all;

use super::{
    LONGEST_LIFE, Node,
    fault::Reason,
    keys::{Shard, by_shard},
    known::Known,
    ledger,
    message::Message,
    pool::Wait,
    value,
};
use crate::{
    clock::Timestamp,
    digest::Digest,
    store::{Change, Entry, Put, StoreError, Tag, Unfit},
};

/// Entries removed with one command.
const AT_ONCE: usize = 500;

impl Node {
    pub(super) async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        let Some(entry) = self.read(key, Wait::OnPath).await? else { return Ok(None) };
        self.learn_missing(entry.tags.iter().map(|(tag, _)| tag), Wait::OnPath).await?;
        Ok(self.is_valid(&self.known(), &entry).then(|| Arc::new(entry)))
    }

    /// Many at once: one round of the network for the entries, and one for tags that are not known. A part that cannot be
    /// had is a part of misses; an error only when nothing can.
    pub(super) async fn get_many(&self, keys: &[Digest], wait: Wait) -> Result<Vec<Option<Arc<Entry>>>, StoreError> {
        let read = join_all(keys.iter().map(|key| self.read(key, wait))).await;
        let mut failure = None;
        let mut entries: Vec<_> = read
            .into_iter()
            .map(|entry| {
                entry.unwrap_or_else(|why| {
                    failure = Some(why);
                    None
                })
            })
            .collect();
        if let Some(why) = failure.filter(|_| entries.iter().all(Option::is_none)) {
            return Err(why);
        }
        let tags = entries.iter().flatten().flat_map(|entry| &entry.tags).map(|(tag, _)| tag);
        // Entries whose tags stay unknown are not valid below.
        let _ = self.learn_missing(tags, wait).await;
        let known = self.known();
        let valid = |entry: Entry| self.is_valid(&known, &entry).then(|| Arc::new(entry));
        Ok(entries.iter_mut().map(|entry| entry.take().and_then(valid)).collect())
    }

    /// What stands under a key and can be read; from a replica first where that is wished. A replica's "nothing" is asked
    /// of the master again, because whoever has just been given the lead must see what the last leader stored.
    async fn read(&self, key: &Digest, wait: Wait) -> Result<Option<Entry>, StoreError> {
        let mut command = redis::cmd("GETRANGE");
        // One byte more than any that is written: whatever stands there, no more is read.
        command.arg(self.keys.entry(key)).arg(0).arg(self.longest_value());
        let shard = Shard::of(key);
        if let Some(bytes) = self.ask_replica(shard, &command, wait).await
            && let Some(entry) = self.decode(&bytes, key)
        {
            return Ok(Some(entry));
        }
        let bytes: Vec<u8> = self.ask(shard, &command, wait).await?;
        Ok(if bytes.is_empty() { None } else { self.decode(&bytes, key) })
    }

    /// The entry in these bytes; what cannot be served is counted by reason and is not there.
    fn decode(&self, bytes: &[u8], key: &Digest) -> Option<Entry> {
        let entry = value::decode(bytes, key, self.longest_value());
        entry.map_err(|why| self.faults.count(Reason::from(why))).ok()
    }

    pub(super) async fn put(&self, entry: Arc<Entry>) -> Result<Put, StoreError> {
        let now = self.clock.now();
        let life = entry.keep_until.since(now).min(LONGEST_LIFE);
        if life.is_zero() {
            return Ok(Put::Refused(Unfit::Over));
        }
        if entry.size() > self.options.largest.0 {
            return Ok(Put::Refused(Unfit::TooLarge));
        }
        let place = ledger::place(&entry.intent, now + life, life);
        let bytes = value::encode(&entry, &place)?;
        if bytes.len() > self.longest_value() {
            return Ok(Put::Refused(Unfit::TooLarge));
        }
        if self.is_outdated(&entry, now).await? {
            return Ok(Put::Outdated);
        }
        let shard = Shard::of(&entry.key);
        let message = Message::Stored { by: self.mark, key: entry.key }.encode();
        let has_room = self.count.load(Relaxed) < self.options.entries;
        let call = self.scripts.put.call().key(self.keys.ledger(shard)).key(self.keys.entry(&entry.key));
        let call = call.arg(bytes).number(life.as_millis().max(1)).arg(place).number(u8::from(has_room));
        let call = call.arg(self.keys.channel()).arg(message);
        let answer = match self.call::<String>(shard, &call, Wait::Behind).await {
            Err(StoreError::Refused(why)) if why.contains("OOM") => return Ok(Put::Refused(Unfit::NoMemory)),
            answer => answer?,
        };
        if answer == "refused" {
            return Ok(Put::Refused(Unfit::Full));
        }
        self.count.fetch_add(u64::from(answer == "stored"), Relaxed);
        self.tell_entry(&entry);
        Ok(Put::Stored)
    }

    /// Whether one of the tags was invalidated since the fill began, as far as Redis says now.
    async fn is_outdated(&self, entry: &Entry, now: Timestamp) -> Result<bool, StoreError> {
        if entry.tags.is_empty() || self.known().have_passed(&entry.tags, now) == Some(true) {
            return Ok(!entry.tags.is_empty());
        }
        let tags: Vec<Tag> = entry.tags.iter().map(|(tag, _)| tag.clone()).collect();
        self.ask_generations(tags, Wait::Behind).await?;
        Ok(self.known().have_passed(&entry.tags, now) != Some(false))
    }

    /// Removes entries; how many there were.
    pub(super) async fn drop_entries(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for (shard, keys) in by_shard(keys.iter().copied(), Shard::of) {
            for keys in keys.chunks(AT_ONCE) {
                let call = self.scripts.drop.call().key(self.keys.ledger(shard)).key(self.keys.hits(shard));
                let call = keys.iter().fold(call, |call, key| call.key(self.keys.entry(key)));
                let call = call.arg(self.keys.channel()).arg(Message::Removed(keys.to_vec()).encode());
                dropped += self.call::<u64>(shard, &call, Wait::Behind).await?;
            }
        }
        let _ = self.count.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_sub(dropped)));
        Ok(dropped)
    }

    /// Tells listeners of an entry, unless it is void meanwhile. What is told is told while the knowledge is locked, so
    /// that nobody hears of an entry after what voids it.
    pub(super) fn tell_entry(&self, entry: &Arc<Entry>) {
        let known = self.known();
        if self.is_valid(&known, entry) {
            self.tell(Change::Stored(entry.clone()));
        }
    }

    /// Whether an entry may be served: not over, none of its tags moved on.
    fn is_valid(&self, known: &Known, entry: &Entry) -> bool {
        let now: Timestamp = self.clock.now();
        entry.keep_until > now && known.have_passed(&entry.tags, now) == Some(false)
    }

    /// Bytes of the longest value that is written: what an entry of the largest size can take with its names around it.
    pub(super) fn longest_value(&self) -> usize {
        usize::try_from(self.options.largest.0).unwrap_or(usize::MAX / 4).saturating_mul(2).saturating_add(16 << 10)
    }
}
