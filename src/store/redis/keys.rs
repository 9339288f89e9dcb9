//! The names under which things stand in Redis.
//!
//! Everything is dealt out to [`SHARDS`] shards. The keys of one shard begin with the same word in braces, so that in a
//! cluster they share a slot and a script may touch several of them; the words are chosen so that the shards' slots are
//! spread evenly, and every master gets its share. On a single server shards cost nothing. Several Bantos share a Redis
//! under different prefixes.

use super::slots::{SLOTS, slot};
use crate::{digest::Digest, store::Tag};

/// How many shards there are. Part of the form of what is stored: another number would find nothing.
pub(super) const SHARDS: usize = 32;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shard(u8);

impl Shard {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS as u8).map(Self)
    }

    /// The shard of an entry or a lead.
    pub(super) fn of(key: &Digest) -> Self {
        Self(key.0[15] % SHARDS as u8)
    }

    /// The shard of a tag, a budget or a document.
    pub(super) fn of_name(name: &str) -> Self {
        Self::of(&Digest::of([name.as_bytes()]))
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
    /// What the keys of each shard begin with, braces included.
    words: Vec<String>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), words: Shard::all().map(|shard| word(prefix, shard)).collect() }
    }

    pub(super) fn slot(&self, shard: Shard) -> u16 {
        slot(self.words[shard.index()].as_bytes())
    }

    pub(super) fn entry(&self, key: &Digest) -> Vec<u8> {
        self.digest("e", key)
    }

    /// The shard and the digest in an entry's key; `None` for any other key.
    pub(super) fn read_entry(&self, key: &[u8]) -> Option<Digest> {
        let digest = Digest(key.last_chunk::<16>().copied()?);
        (self.entry(&digest) == key).then_some(digest)
    }

    /// What the keys of all entries look like, for `SCAN`.
    pub(super) fn any_entry(&self) -> String {
        format!("{{{}:*}}:e:*", self.prefix)
    }

    pub(super) fn lead(&self, key: &Digest) -> Vec<u8> {
        self.digest("l", key)
    }

    /// The generations of a shard's tags.
    pub(super) fn generations(&self, shard: Shard) -> String {
        self.name(shard, "ledger", "tags")
    }

    /// Bytes and entries of a shard by intent and end.
    pub(super) fn ledger(&self, shard: Shard) -> String {
        self.name(shard, "ledger", "entries")
    }

    /// How often a shard's entries were served.
    pub(super) fn hits(&self, shard: Shard) -> String {
        self.name(shard, "ledger", "hits")
    }

    pub(super) fn budget(&self, budget: &str) -> String {
        self.name(Shard::of_name(budget), "b", budget)
    }

    pub(super) fn lease(&self, bucket: &str) -> String {
        self.name(Shard::of_name(bucket), "t", bucket)
    }

    pub(super) fn document(&self, name: &str) -> String {
        self.name(Shard::of_name(name), "d", name)
    }

    /// A key that is written and removed to see whether this user may do what it will have to.
    pub(super) fn rehearsal(&self, shard: Shard) -> String {
        self.name(shard, "r", "rehearsal")
    }

    /// Where nodes tell each other what they did.
    pub(super) fn channel(&self) -> String {
        format!("{}:changes", self.prefix)
    }

    fn name(&self, shard: Shard, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.words[shard.index()])
    }

    fn digest(&self, kind: &str, key: &Digest) -> Vec<u8> {
        [self.words[Shard::of(key).index()].as_bytes(), b":", kind.as_bytes(), b":", &key.0].concat()
    }
}

impl Tag {
    pub(super) fn shard(&self) -> Shard {
        Shard::of_name(&self.0)
    }
}

/// The first word whose slot lies in the shard's part of all slots.
fn word(prefix: &str, shard: Shard) -> String {
    let part = SLOTS / SHARDS as u16;
    let words = (0..u32::MAX).map(|n| format!("{{{prefix}:{}.{n:x}}}", shard.0));
    let mut fitting = words.filter(|word| usize::from(slot(word.as_bytes()) / part) == shard.index());
    fitting.next().unwrap_or_default()
}

/// Which tags, or other things, belong to which shard.
pub(super) fn by_shard<T>(
    things: impl IntoIterator<Item = T>,
    shard: impl Fn(&T) -> Shard,
) -> std::collections::BTreeMap<Shard, Vec<T>> {
    let mut parts = std::collections::BTreeMap::<_, Vec<T>>::new();
    for thing in things {
        parts.entry(shard(&thing)).or_default().push(thing);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::key;

    #[test]
    fn all_keys_of_a_shard_share_a_slot_and_shards_are_spread_evenly() {
        let keys = Keys::new("banto");
        for shard in Shard::all() {
            let names = [keys.generations(shard), keys.ledger(shard), keys.hits(shard), keys.rehearsal(shard)];
            assert!(names.iter().all(|name| slot(name.as_bytes()) == keys.slot(shard)));
            assert_eq!(usize::from(keys.slot(shard)) / 512, shard.index());
        }
        assert_eq!(slot(&keys.entry(&key("q"))), keys.slot(Shard::of(&key("q"))));
    }

    #[test]
    fn an_entry_is_read_from_its_key_and_from_no_other() {
        let keys = Keys::new("banto");
        assert_eq!(keys.read_entry(&keys.entry(&key("q"))), Some(key("q")));
        assert_eq!(keys.read_entry(&keys.lead(&key("q"))), None);
        assert_eq!(keys.read_entry(&Keys::new("other").entry(&key("q"))), None);
        assert_eq!(keys.read_entry(b"short"), None);
    }
}
