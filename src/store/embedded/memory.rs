//! What the embedded store knows: one lock around plain maps. Every change says what has to be written to the file.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;

use super::{
    Buckets, Budgets, Limits,
    disk::write::Write,
    generations::Generations,
    leases::Leases,
    shelf::{Shelf, Tally},
};
use crate::{
    clock::{Clock, Timestamp},
    digest::Digest,
    store::{About, Change, Entry, Put, SharedDocument, Tag, Unfit, Usage},
};

/// Changes a listener may lag behind before it has missed some.
const CHANGES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) clock: Clock,
    pub(super) changes: broadcast::Sender<Change>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) shelf: Shelf,
    pub(super) generations: Generations,
    pub(super) leases: Leases,
    pub(super) budgets: Budgets,
    pub(super) buckets: Buckets,
    pub(super) documents: BTreeMap<Arc<str>, SharedDocument>,
    /// While the file is being read: what was removed meanwhile and must not come back from it.
    pub(super) removed_while_loading: Option<HashSet<Digest>>,
}

/// What a look-up found.
pub(super) struct Found {
    pub(super) entry: Option<Arc<Entry>>,
    /// The file is still being read and nothing speaks against the entry being there.
    pub(super) may_be_in_file: bool,
    /// What was found outdated and taken out.
    pub(super) gone: Vec<Digest>,
}

/// What became of an entry of the file.
pub(super) enum Restored {
    /// It is in memory now.
    Taken(Arc<Entry>),
    /// Memory has this one, or a newer one.
    Known,
    /// It is over, outdated or removed.
    Void,
    /// Memory is full.
    NoRoom,
}

impl Memory {
    pub(super) fn new(limits: Limits, clock: Clock) -> Self {
        let state = State {
            shelf: Shelf::new(limits),
            generations: Generations::default(),
            leases: Leases::default(),
            budgets: Budgets::default(),
            buckets: Buckets::default(),
            documents: BTreeMap::new(),
            removed_while_loading: None,
        };
        Self { clock, changes: broadcast::Sender::new(CHANGES), state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, key: &Digest) -> Found {
        let now = self.clock.now();
        let mut state = self.state();
        let entry = state.shelf.find(key, now);
        let is_outdated = entry.as_ref().is_some_and(|entry| state.generations.have_passed(&entry.tags));
        if is_outdated {
            state.shelf.remove(key);
            return Found { entry: None, may_be_in_file: false, gone: vec![*key] };
        }
        let may_be_in_file = state.removed_while_loading.as_ref().is_some_and(|removed| !removed.contains(key));
        Found { entry, may_be_in_file, gone: Vec::new() }
    }

    /// Takes an entry in, in its encoded form; what `has_file` needs to know of it.
    pub(super) fn keep(&self, entry: Arc<Entry>, body: Vec<u8>, has_file: bool) -> (Put, Vec<Write>) {
        let now = self.clock.now();
        let mut state = self.state();
        let mut gone = state.tidy(now);
        let put = match state.shelf.refuses(&entry.key, &body) {
            _ if state.generations.have_passed(&entry.tags) => Put::Outdated,
            _ if entry.keep_until <= now => Put::Refused(Unfit::Over),
            Some(unfit) => Put::Refused(unfit),
            None => Put::Stored,
        };
        let mut writes = Vec::new();
        if put == Put::Stored {
            // Copied, so that it takes exactly its length: what an encoder's buffer has to spare would stay as a hole beside it.
            gone.extend(state.shelf.keep(&entry, body.as_slice().into()));
            writes.extend(has_file.then_some(Write::Keep { key: entry.key, value: body }));
        }
        drop(state);
        self.tell_removed(&gone);
        if put == Put::Stored {
            self.tell(Change::Stored(entry));
        }
        writes.extend(gone.into_iter().map(Write::Remove));
        (put, writes)
    }

    /// Takes in an entry of the file, in its encoded form and with the hits it had.
    pub(super) fn restore(&self, entry: Entry, body: Vec<u8>, tally: Tally) -> Restored {
        let now = self.clock.now();
        let mut state = self.state();
        let removed = state.removed_while_loading.as_ref().is_some_and(|removed| removed.contains(&entry.key));
        if removed || entry.keep_until <= now || state.generations.have_passed(&entry.tags) {
            return Restored::Void;
        }
        if state.shelf.holds(&entry.key) {
            return Restored::Known;
        }
        if !state.shelf.has_room_for(&entry.key, &body) {
            return Restored::NoRoom;
        }
        let entry = Arc::new(entry);
        state.shelf.keep(&entry, body.into());
        state.shelf.recount(&entry.key, tally);
        drop(state);
        self.tell(Change::Stored(entry.clone()));
        Restored::Taken(entry)
    }

    /// Documents and generations as they are to stand in a new file.
    pub(super) fn settled(&self) -> Vec<Write> {
        let state = self.state();
        let (floor, of) = state.generations.listed();
        let generations = of.iter().map(|(tag, generation)| Write::Generation(tag.clone(), *generation));
        let documents = state.documents.iter().map(|(name, document)| Write::Document(name.clone(), document.clone()));
        std::iter::once(Write::Floor(floor)).chain(generations).chain(documents).collect()
    }

    pub(super) fn remove(&self, keys: &[Digest]) -> (u64, Vec<Write>) {
        let mut state = self.state();
        let removed = keys.iter().filter(|key| state.shelf.remove(key)).count();
        if let Some(removed) = &mut state.removed_while_loading {
            removed.extend(keys);
        }
        drop(state);
        self.tell_removed(keys);
        (removed as u64, keys.iter().map(|key| Write::Remove(*key)).collect())
    }

    pub(super) fn generations(&self, tags: &[Tag]) -> Vec<u64> {
        let state = self.state();
        tags.iter().map(|tag| state.generations.of(tag)).collect()
    }

    pub(super) fn invalidate(&self, tags: &[Tag]) -> ((), Vec<Write>) {
        let mut state = self.state();
        let bumped = tags.iter().map(|tag| Write::Generation(tag.clone(), state.generations.bump(tag)));
        let mut writes: Vec<_> = bumped.collect();
        writes.extend(state.generations.forget_oldest().map(Write::Floor));
        drop(state);
        self.tell(Change::Invalidated(tags.to_vec()));
        ((), writes)
    }

    pub(super) fn write_document(&self, name: &str, expect: u64, content: &[u8]) -> (Option<u64>, Vec<Write>) {
        let mut state = self.state();
        if state.documents.get(name).map_or(0, |document| document.version) != expect {
            return (None, Vec::new());
        }
        let name: Arc<str> = name.into();
        let document = SharedDocument { version: expect + 1, content: content.to_vec() };
        state.documents.insert(name.clone(), document.clone());
        drop(state);
        self.tell(Change::Written(name.clone()));
        (Some(document.version), vec![Write::Document(name, document)])
    }

    pub(super) fn page(&self, cursor: Option<u64>, most: usize) -> (Vec<Arc<Entry>>, Option<u64>) {
        let now = self.clock.now();
        let state = self.state();
        let (mut entries, next) = state.shelf.page(cursor, most);
        entries.retain(|entry| entry.keep_until > now && !state.generations.have_passed(&entry.tags));
        (entries, next)
    }

    pub(super) fn ledger(&self, cursor: Option<u64>, most: usize) -> (Vec<About>, Option<u64>) {
        self.state().shelf.ledger(cursor, most)
    }

    pub(super) fn about(&self, keys: &[Digest]) -> Vec<Option<About>> {
        let state = self.state();
        keys.iter().map(|key| state.shelf.about(key)).collect()
    }

    /// Counts hits; what the file should know of them.
    pub(super) fn count_hits(&self, hits: &[(Digest, u64)]) -> Vec<Write> {
        let now = self.clock.now();
        let mut state = self.state();
        let counted = |(key, hits): &(Digest, u64)| Some(Write::Hits(*key, state.shelf.count(key, *hits, now)?));
        hits.iter().filter_map(counted).collect()
    }

    /// How full it is, after a little tidying; and what that took out.
    pub(super) fn usage(&self) -> (Usage, Vec<Digest>) {
        let now = self.clock.now();
        let mut state = self.state();
        let gone = state.tidy(now);
        let usage = state.shelf.usage();
        drop(state);
        self.tell_removed(&gone);
        (usage, gone)
    }

    fn tell_removed(&self, gone: &[Digest]) {
        gone.iter().for_each(|key| self.tell(Change::Removed(*key)));
    }

    /// Tells everybody who listens.
    pub(super) fn tell(&self, change: Change) {
        // Nobody listens: nothing is missed.
        let _ = self.changes.send(change);
    }
}

impl State {
    fn tidy(&mut self, now: Timestamp) -> Vec<Digest> {
        let Self { shelf, generations, .. } = self;
        shelf.tidy(now, |tags| generations.have_passed(tags))
    }
}
