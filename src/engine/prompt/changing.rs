//! Prefixes that change from request to request: found in what applications really send, with the first byte that differs.
//!
//! Of each tenant and format a few prefixes are remembered in memory, shortened; nothing of them is logged, and their words
//! are shown to an operator who asks for them. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::{
    difference::{Difference, first},
    lint::{Dynamic, kind_around},
    prefix::Prefix,
};
use crate::{clock::Timestamp, digest::Digest, ids::TenantId};

/// Applications that are watched.
const MOST: usize = 64;
/// Prefixes of one that are compared with.
const TEXTS: usize = 4;
/// Prefixes of one that are known by their digest.
const KNOWN: usize = 64;
/// How many requests back it is looked, and from how many on something is said.
const REQUESTS: usize = 100;
const ENOUGH: usize = 20;
/// Bytes of a prefix that are compared.
const COMPARED: usize = 32 << 10;

/// What was seen of the applications.
#[derive(Debug, Default)]
pub struct Changing(BTreeMap<(TenantId, &'static str), Application>);

#[derive(Debug, Default)]
struct Application {
    known: VecDeque<Digest>,
    texts: VecDeque<String>,
    /// Whether each of the last requests came with a prefix that was never seen.
    new: VecDeque<bool>,
    last: Option<(Timestamp, Difference, Option<Dynamic>)>,
}

/// An application whose prefix changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// Whose.
    pub tenant: TenantId,
    /// In which format.
    pub dialect: &'static str,
    /// The share of the last requests that came with a prefix never seen before.
    pub share: f64,
    /// Whether that is so often that the provider's cache is of no use.
    pub dynamic: bool,
    /// When it changed last.
    pub at: Timestamp,
    /// Where it differs from the prefix most like it, as it was sent.
    pub difference: Difference,
    /// What kind of text stands there.
    pub kind: Option<Dynamic>,
}

impl Changing {
    /// A request with this prefix was sent; whether the prefix is new.
    pub fn note(&mut self, tenant: &TenantId, prefix: &Prefix, now: Timestamp) -> bool {
        let key = (tenant.clone(), prefix.dialect.label());
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return false;
        }
        self.0.entry(key).or_default().note(prefix, now)
    }

    /// The applications whose prefix has ever changed; with its words only when they are asked for.
    pub fn list(&self, words: bool) -> Vec<Changes> {
        let changes = |((tenant, dialect), it): (&(TenantId, &'static str), &Application)| {
            let (at, difference, kind) = it.last.clone()?;
            let (share, dynamic) = (it.share(), it.is_dynamic());
            let difference = if words { difference } else { difference.without_words() };
            Some(Changes { tenant: tenant.clone(), dialect, share, dynamic, at, difference, kind })
        };
        self.0.iter().filter_map(changes).collect()
    }
}

impl Application {
    fn note(&mut self, prefix: &Prefix, now: Timestamp) -> bool {
        let is_new = !self.known.contains(&prefix.digest);
        push(&mut self.new, is_new, REQUESTS);
        if !is_new {
            return false;
        }
        let mut text = prefix.text();
        text.truncate(text.floor_char_boundary(COMPARED));
        let same = |other: &&String| first(other.as_bytes(), text.as_bytes()).unwrap_or(usize::MAX);
        if let Some(nearest) = self.texts.iter().max_by_key(same)
            && let Some(difference) = Difference::between(nearest, &text)
        {
            let kind = kind_around(&text, difference.byte).or_else(|| kind_around(nearest, difference.byte));
            self.last = Some((now, difference, kind));
        }
        push(&mut self.known, prefix.digest, KNOWN);
        push(&mut self.texts, text, TEXTS);
        true
    }

    fn share(&self) -> f64 {
        self.new.iter().filter(|new| **new).count() as f64 / self.new.len().max(1) as f64
    }

    fn is_dynamic(&self) -> bool {
        self.new.len() >= ENOUGH && self.share() >= 0.5
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    queue.push_back(item);
    if queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::dialect::Dialect;

    fn send(changing: &mut Changing, system: &str) -> bool {
        let prefix = Prefix::new(Dialect::Converse, system.into(), String::new());
        changing.note(&"shop".into(), &prefix, Timestamp(1))
    }

    #[test]
    fn a_prefix_with_the_time_in_it_is_named_by_its_first_byte() {
        let mut changing = Changing::default();
        for minute in 0..30 {
            send(&mut changing, &format!("You are kind. It is 14:{minute:02} now. Be brief."));
        }
        let found = changing.list(false).remove(0);
        assert!(found.dynamic && found.share > 0.9, "{found:?}");
        // 14:2|8 and 14:2|9 share the most.
        assert_eq!((found.difference.byte, found.kind), (24, Some(Dynamic::Time)));
        assert_eq!((found.difference.before.as_str(), found.difference.after.as_str()), ("", ""), "no words unasked");
        assert!(changing.list(true)[0].difference.after.contains("14:29"));
    }

    #[test]
    fn two_prompts_in_turn_and_one_new_version_are_no_dynamic_text() {
        let mut changing = Changing::default();
        for n in 0..60 {
            send(&mut changing, if n % 2 == 0 { "One prompt." } else { "Another prompt." });
        }
        assert!(send(&mut changing, "One prompt, and more."));
        let found = changing.list(false).remove(0);
        assert!(!found.dynamic && found.difference.byte == 10, "{found:?}");
    }
}
