//! What is known of names, and for how long it serves. Pure.
//!
//! An answer is fresh for [`Terms::fresh`]; after three quarters of that it is asked for anew, if anybody has used the name
//! lately, and at once when nobody was found at its addresses. After it, as long as [`Terms::keep`] lasts, it is the last good answer. A failure is remembered for
//! [`Terms::pause`], in which nobody asks again. A name that must be private never turns public while a private answer is
//! kept: a resolver that falls back to the public zone counts as one that fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use super::{address::is_private, lookup::Trouble};
use crate::clock::Timestamp;

/// The addresses of a name, never none.
pub type Addresses = Arc<[IpAddr]>;

/// A name that nobody has used for this long is not asked for ahead.
const IN_USE: Duration = Duration::from_secs(3_600);

/// For how long what serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// An answer is used without asking.
    pub fresh: Duration,
    /// The last good answer is kept.
    pub keep: Duration,
    /// The wait for the resolver before the last good answer serves.
    pub wait: Duration,
    /// The longest look-up.
    pub deadline: Duration,
    /// Nobody asks again after a failure.
    pub pause: Duration,
    /// Names that are remembered; beyond that the one used least lately goes.
    pub names: usize,
    /// Names that must have private addresses.
    pub private: BTreeSet<String>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(60),
            keep: Duration::from_secs(6 * 3_600),
            wait: Duration::from_millis(50),
            deadline: Duration::from_secs(5),
            pause: Duration::from_secs(2),
            names: 1_024,
            private: BTreeSet::new(),
        }
    }
}

/// What is known of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// An answer that serves.
    Fresh(Addresses),
    /// An old answer. `ask`: it is time to ask again.
    LastGood {
        /// The answer.
        addresses: Addresses,
        /// Whether the resolver may be asked: it did not fail a moment ago.
        ask: bool,
    },
    /// The resolver had none a moment ago.
    Failed(Trouble),
    /// Nothing.
    Unknown,
}

#[derive(Debug, Default)]
struct Entry {
    good: Option<(Addresses, Timestamp)>,
    /// The newest failure after the good answer.
    failed: Option<(Trouble, Timestamp)>,
    /// Whether somebody found nobody at the addresses of the good answer.
    doubted: bool,
    used: Timestamp,
}

/// All names.
#[derive(Debug)]
pub struct Memory {
    terms: Terms,
    names: BTreeMap<Arc<str>, Entry>,
}

impl Memory {
    /// One that knows nothing.
    pub fn new(terms: Terms) -> Self {
        Self { terms, names: BTreeMap::new() }
    }

    /// What is known of a name that somebody wants to use.
    pub fn recall(&mut self, name: &str, now: Timestamp) -> Recalled {
        let Some(entry) = self.names.get_mut(name) else { return Recalled::Unknown };
        entry.used = now;
        let pausing = entry.failed.as_ref().filter(|(_, at)| now.since(*at) < self.terms.pause);
        match (&entry.good, pausing) {
            (Some((addresses, at)), _) if now.since(*at) < self.terms.fresh && !entry.doubted => {
                Recalled::Fresh(addresses.clone())
            }
            (Some((addresses, at)), pausing) if now.since(*at) < self.terms.keep => {
                Recalled::LastGood { addresses: addresses.clone(), ask: pausing.is_none() }
            }
            (_, Some((trouble, _))) => Recalled::Failed(trouble.clone()),
            _ => Recalled::Unknown,
        }
    }

    /// The resolver answered; what serves of it.
    ///
    /// # Errors
    /// The name must be private, the answer is not, and a private one is kept.
    pub fn learn(&mut self, name: &Arc<str>, found: Vec<IpAddr>, now: Timestamp) -> Result<Addresses, Trouble> {
        let mut found = found;
        if self.terms.private.contains(&**name) {
            let inside: Vec<_> = found.iter().copied().filter(|address| is_private(*address)).collect();
            match inside.is_empty() {
                true if self.keeps_private(name, now) => {
                    self.fail(name, &Trouble::Public, now);
                    return Err(Trouble::Public);
                }
                true => {}
                false => found = inside,
            }
        }
        let addresses: Addresses = found.into();
        let entry = self.entry(name, now);
        (entry.good, entry.failed, entry.doubted) = (Some((addresses.clone(), now)), None, false);
        Ok(addresses)
    }

    /// The resolver did not answer.
    pub fn fail(&mut self, name: &Arc<str>, trouble: &Trouble, now: Timestamp) {
        self.entry(name, now).failed = Some((trouble.clone(), now));
    }

    /// Nobody is at the addresses of a name: the answer is not fresh any more, unless it came a moment ago.
    pub fn doubt(&mut self, name: &str, now: Timestamp) {
        let pause = self.terms.pause;
        if let Some(entry) = self.names.get_mut(name) {
            entry.doubted |= entry.good.as_ref().is_some_and(|(_, at)| now.since(*at) >= pause);
        }
    }

    /// The names in use that are to be asked for now.
    pub fn due(&self, now: Timestamp) -> Vec<Arc<str>> {
        let ahead = self.terms.fresh * 3 / 4;
        let is_due = |entry: &Entry| {
            now.since(entry.used) < IN_USE
                && entry.good.as_ref().is_some_and(|(_, at)| entry.doubted || now.since(*at) >= ahead)
                && entry.failed.as_ref().is_none_or(|(_, at)| now.since(*at) >= self.terms.pause)
        };
        self.names.iter().filter(|(_, entry)| is_due(entry)).map(|(name, _)| name.clone()).collect()
    }

    fn keeps_private(&self, name: &str, now: Timestamp) -> bool {
        let good = self.names.get(name).and_then(|entry| entry.good.as_ref());
        good.is_some_and(|(addresses, at)| {
            now.since(*at) < self.terms.keep && addresses.iter().all(|address| is_private(*address))
        })
    }

    fn entry(&mut self, name: &Arc<str>, now: Timestamp) -> &mut Entry {
        if !self.names.contains_key(name) && self.names.len() >= self.terms.names {
            let oldest = self.names.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.names.remove(&name));
        }
        self.names.entry(name.clone()).or_insert_with(|| Entry { used: now, ..Entry::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "bedrock-runtime.ap-northeast-1.amazonaws.com";

    fn inside(last: u8) -> Vec<IpAddr> {
        vec![IpAddr::from([10, 0, 1, last])]
    }

    fn outside() -> Vec<IpAddr> {
        vec![IpAddr::from([52, 94, 5, 1])]
    }

    fn memory() -> Memory {
        Memory::new(Terms { names: 3, private: [NAME.to_owned()].into(), ..Terms::default() })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000 + seconds * 1_000)
    }

    fn name() -> Arc<str> {
        NAME.into()
    }

    #[test]
    fn an_answer_serves_for_a_minute_and_then_as_the_last_good_one() {
        let mut memory = memory();
        assert_eq!(memory.recall(NAME, at(0)), Recalled::Unknown);
        let known = memory.learn(&name(), inside(7), at(0)).expect("private");
        assert_eq!(memory.recall(NAME, at(59)), Recalled::Fresh(known.clone()));
        assert_eq!(memory.recall(NAME, at(60)), Recalled::LastGood { addresses: known.clone(), ask: true });
        assert_eq!(memory.recall(NAME, at(6 * 3_600)), Recalled::Unknown, "what is older than that may be anybody's");
    }

    #[test]
    fn a_name_in_use_is_asked_for_before_its_answer_ends_and_an_unused_one_is_not() {
        let mut memory = memory();
        memory.learn(&name(), inside(7), at(0)).expect("private");
        assert_eq!(memory.due(at(44)), [""; 0].map(Arc::from));
        assert_eq!(memory.due(at(45)), [name()]);
        assert_eq!(memory.due(at(3_600)), [""; 0].map(Arc::from), "nobody has used it for an hour");
        memory.recall(NAME, at(3_601));
        assert_eq!(memory.due(at(3_601)), [name()]);
    }

    #[test]
    fn a_failure_is_remembered_for_a_moment_and_costs_nobody_the_last_good_answer() {
        let mut memory = memory();
        memory.fail(&name(), &Trouble::Empty, at(0));
        assert_eq!(memory.recall(NAME, at(1)), Recalled::Failed(Trouble::Empty));
        assert_eq!(memory.recall(NAME, at(2)), Recalled::Unknown);
        let known = memory.learn(&name(), inside(7), at(3)).expect("private");
        memory.fail(&name(), &Trouble::Empty, at(70));
        assert_eq!(memory.recall(NAME, at(71)), Recalled::LastGood { addresses: known.clone(), ask: false });
        assert_eq!(memory.due(at(71)), [""; 0].map(Arc::from));
        assert_eq!(memory.recall(NAME, at(72)), Recalled::LastGood { addresses: known, ask: true });
    }

    #[test]
    fn a_private_name_does_not_turn_public_because_the_resolver_fell_back() {
        let mut memory = memory();
        assert!(memory.learn(&name(), outside(), at(0)).is_ok(), "better than nothing");
        let known = memory.learn(&name(), [inside(7), outside()].concat(), at(10)).expect("private");
        assert_eq!(&*known, inside(7), "the public part of an answer is left out");
        assert_eq!(memory.learn(&name(), outside(), at(80)), Err(Trouble::Public));
        assert_eq!(memory.recall(NAME, at(83)), Recalled::LastGood { addresses: known, ask: true });
        assert!(memory.learn(&"api.example.com".into(), outside(), at(80)).is_ok(), "nobody wants that one private");
    }

    #[test]
    fn addresses_at_which_nobody_is_are_asked_for_anew_but_not_again_and_again() {
        let mut memory = memory();
        let known = memory.learn(&name(), inside(7), at(0)).expect("private");
        memory.doubt(NAME, at(1));
        assert_eq!(memory.recall(NAME, at(1)), Recalled::Fresh(known.clone()), "it came a moment ago");
        memory.doubt(NAME, at(20));
        assert_eq!(memory.recall(NAME, at(20)), Recalled::LastGood { addresses: known, ask: true });
        assert_eq!(memory.due(at(20)), [name()]);
        let moved = memory.learn(&name(), inside(8), at(21)).expect("private");
        assert_eq!(memory.recall(NAME, at(21)), Recalled::Fresh(moved));
    }

    #[test]
    fn only_so_many_names_are_remembered_and_the_least_used_goes_first() {
        let mut memory = memory();
        for (second, name) in ["a", "b", "c"].into_iter().enumerate() {
            memory.learn(&name.into(), inside(1), at(second as i64)).expect("an answer");
        }
        memory.recall("a", at(5));
        memory.learn(&"d".into(), inside(2), at(6)).expect("an answer");
        assert_eq!(memory.recall("b", at(7)), Recalled::Unknown);
        assert!(matches!(memory.recall("a", at(7)), Recalled::Fresh(_)));
    }
}
