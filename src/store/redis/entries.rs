//! Entries in Redis, and the ledger that says what they are without reading them.

use std::sync::Arc;

use super::{LONGEST_LIFE, Node, ledger, link::Wait, message::Message};
use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::IntentId,
    store::{Change, Entry, Put, StoreError, Unfit, Usage, encoding},
};

/// Entries looked at or removed with one command.
pub(super) const AT_ONCE: usize = 500;

impl Node {
    pub(super) async fn get(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        let value: Option<Vec<u8>> = self.link.ask(redis::cmd("GET").arg(self.keys.entry(key)), Wait::OnPath).await?;
        let Some(value) = value else { return Ok(None) };
        let entry = encoding::decode(&value)?;
        self.learn_missing(entry.tags.iter().map(|(tag, _)| tag)).await?;
        Ok(self.is_valid(&entry).then(|| Arc::new(entry)))
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
        if self.known().have_passed(&entry.tags, now) == Some(true) {
            return Ok(Put::Outdated);
        }
        let message = Message::Stored { by: self.mark, key: entry.key }.encode();
        let mut call = self.keys.ledger().into_iter().fold(self.scripts.put.call(), |call, key| call.key(key));
        call = call.key(self.keys.entry(&entry.key)).arg(encoding::encode(&entry)?).number(life.as_millis().max(1));
        call = call.number((now + life).0).arg(entry.key.0).arg(ledger::line(&entry));
        call = call.number(self.options.entries).arg(self.keys.channel()).arg(message);
        for (tag, generation) in &entry.tags {
            call = call.key(self.keys.generation(tag)).number(generation);
        }
        let answer = match self.link.call::<String>(&call, Wait::Behind).await {
            Err(StoreError::Refused(why)) if why.contains("OOM") => return Ok(Put::Refused(Unfit::NoMemory)),
            answer => answer?,
        };
        let put = match answer.as_str() {
            "stored" => Put::Stored,
            "outdated" => Put::Outdated,
            _ => Put::Refused(Unfit::Full),
        };
        if put == Put::Stored {
            self.tell(Change::Stored(entry));
        }
        Ok(put)
    }

    /// Removes entries; how many there were.
    pub(super) async fn drop_entries(&self, keys: &[Digest]) -> Result<u64, StoreError> {
        let message = Message::Removed(keys.to_vec()).encode();
        let mut call = self.keys.ledger().into_iter().fold(self.scripts.drop.call(), |call, key| call.key(key));
        call = call.arg(self.keys.channel()).arg(message);
        for key in keys {
            call = call.key(self.keys.entry(key)).arg(key.0);
        }
        self.link.call(&call, Wait::Behind).await
    }

    /// Those of these entries that there are.
    pub(super) async fn entries(&self, keys: &[Digest]) -> Result<Vec<Arc<Entry>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(self.keys.entry(key));
        }
        let values: Vec<Option<Vec<u8>>> = self.link.ask(&command, Wait::Behind).await?;
        // One that cannot be read is of another version's form: a miss here too.
        let entries: Vec<_> = values.iter().flatten().filter_map(|value| encoding::decode(value).ok()).collect();
        self.learn_missing(entries.iter().flat_map(|entry| &entry.tags).map(|(tag, _)| tag)).await?;
        Ok(entries.into_iter().filter(|entry| self.is_valid(entry)).map(Arc::new).collect())
    }

    pub(super) async fn page(
        &self,
        cursor: Option<u64>,
        most: usize,
    ) -> Result<(Vec<Arc<Entry>>, Option<u64>), StoreError> {
        let (about, next) = self.scan(cursor.unwrap_or(0), most).await?;
        let keys: Vec<_> = about.into_iter().map(|about| about.key).collect();
        let mut entries = Vec::new();
        for keys in keys.chunks(AT_ONCE) {
            entries.extend(self.entries(keys).await?);
        }
        Ok((entries, next))
    }

    pub(super) async fn usage(&self) -> Result<Usage, StoreError> {
        let call = self.keys.ledger().into_iter().fold(self.scripts.usage.call(), |call, key| call.key(key));
        let (entries, bytes): (u64, Vec<(String, u64)>) = self.link.call(&call, Wait::Behind).await?;
        let info: String = self.link.ask(redis::cmd("INFO").arg("memory").arg("stats"), Wait::Behind).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok());
        let limit = field("maxmemory").filter(|limit| *limit > 0);
        let mut bytes: Vec<_> = bytes.into_iter().map(|(intent, bytes)| (IntentId::from(intent), bytes)).collect();
        bytes.sort();
        Ok(Usage {
            entries,
            bytes,
            used_of: field("used_memory").zip(limit),
            most_entries: Some(self.options.entries),
            evictions: field("evicted_keys").unwrap_or(0),
        })
    }

    /// Whether an entry may be served: not over, none of its tags moved on.
    fn is_valid(&self, entry: &Entry) -> bool {
        let now: Timestamp = self.clock.now();
        entry.keep_until > now && self.known().have_passed(&entry.tags, now) == Some(false)
    }
}
