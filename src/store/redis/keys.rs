//! The names under which things stand in Redis.
//!
//! All begin with `{prefix}`, braces included: in a cluster they share one slot, because a write compares the generations
//! of an entry's tags in the same breath. Several Bantos share a Redis under different prefixes.

use crate::{digest::Digest, store::Tag};

#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{{{prefix}}}") }
    }

    pub(super) fn entry(&self, key: &Digest) -> Vec<u8> {
        self.digest("e", key)
    }

    pub(super) fn lead(&self, key: &Digest) -> Vec<u8> {
        self.digest("l", key)
    }

    pub(super) fn generation(&self, tag: &Tag) -> String {
        self.name("g", &tag.0)
    }

    pub(super) fn budget(&self, budget: &str) -> String {
        self.name("b", budget)
    }

    pub(super) fn document(&self, name: &str) -> String {
        self.name("d", name)
    }

    /// When each entry ends, what each is, and the bytes by intent.
    pub(super) fn ledger(&self) -> [String; 3] {
        ["ends", "about", "bytes"].map(|part| self.name("ledger", part))
    }

    /// Where nodes tell each other what they did.
    pub(super) fn channel(&self) -> String {
        self.name("c", "changes")
    }

    fn name(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }

    fn digest(&self, kind: &str, key: &Digest) -> Vec<u8> {
        [format!("{}:{kind}:", self.prefix).as_bytes(), &key.0].concat()
    }
}
