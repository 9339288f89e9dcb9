//! The thread that keeps the file: reads the entries in the background at the start, then commits orders in batches.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use tracing::{error, info};

use super::{
    Memory, Order, Queued,
    open::{self, File, is_damage, move_aside},
    write::Write,
};
use crate::{
    clock::Timestamp,
    digest::Digest,
    store::{
        Entry,
        embedded::{generations::Generations, memory::Restored, shelf::Tally},
        encoding,
    },
};

/// Orders committed together at most.
const BATCH: usize = 512;
/// How long an order waits for others to be committed with: a commit costs much more than what is in it.
const GATHER: Duration = Duration::from_millis(3);
/// Entries read at once; orders wait no longer than one such page.
const PAGE: usize = 128;

pub(super) struct Keeper {
    path: PathBuf,
    /// `None` once the file could not be replaced: from then on every write is refused.
    file: Option<Connection>,
    memory: Arc<Memory>,
    queue: mpsc::Receiver<Queued>,
    /// Entries with a smaller id are still to be read.
    unread_below: i64,
    restored: u64,
    replaced: bool,
}

type Waiting = Vec<oneshot::Sender<Result<(), Arc<str>>>>;

impl Keeper {
    pub(super) fn new(path: &std::path::Path, file: File, memory: Arc<Memory>, queue: mpsc::Receiver<Queued>) -> Self {
        let mut state = memory.state();
        state.documents = file.documents;
        state.generations = Generations::restored(file.floor, file.generations);
        state.removed_while_loading = Some(HashSet::new());
        drop(state);
        let (path, file) = (path.to_owned(), Some(file.connection));
        Self { path, file, memory, queue, unread_below: i64::MAX, restored: 0, replaced: false }
    }

    /// Works until the store is gone and its last order is carried out.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.try_recv() {
                Ok(order) => self.carry_out(order),
                Err(mpsc::TryRecvError::Disconnected) => return,
                Err(mpsc::TryRecvError::Empty) => {}
            }
            if self.read_on().is_break() {
                break;
            }
        }
        self.memory.state().removed_while_loading = None;
        // Hits that were noted when their entry had just gone.
        self.delete("DELETE FROM hits WHERE key NOT IN (SELECT key FROM entries) AND ?1 = 0", 0);
        info!(entries = self.restored, path = %self.path.display(), "Entries restored from the store's file.");
        while let Ok(order) = self.queue.recv() {
            self.carry_out_with_more(order);
        }
    }

    /// Sleeps while more orders come in: to be woken by each would cost more than all of them. Whoever waits for one
    /// counts time elsewhere.
    #[expect(clippy::disallowed_methods, reason = "a thread without a runtime, and nothing is decided by this time")]
    fn carry_out_with_more(&mut self, first: Queued) {
        std::thread::sleep(GATHER);
        self.carry_out(first);
    }

    /// Carries out this order and those waiting behind it, in one transaction.
    fn carry_out(&mut self, first: Queued) {
        let (mut writes, mut waiting) = (Vec::new(), Waiting::new());
        let mut next = Some(first);
        while let Some((order, _place)) = next {
            match order {
                Order::Read(key, found) => drop(found.send(self.look_up(&key))),
                Order::Write(more, done) => {
                    writes.extend(more);
                    waiting.extend(done);
                }
            }
            next = if waiting.len() < BATCH { self.queue.try_recv().ok() } else { None };
        }
        let outcome = self.commit(&writes);
        waiting.into_iter().for_each(|done| drop(done.send(outcome.clone())));
    }

    fn commit(&mut self, writes: &[Write]) -> Result<(), Arc<str>> {
        match self.transact(writes) {
            Err(why) if is_damage(&why) && self.replace_file(&why) => self.transact(writes),
            outcome => outcome,
        }
        .map_err(|why| format!("{} takes no writes: {why}", self.path.display()).into())
    }

    fn transact(&mut self, writes: &[Write]) -> rusqlite::Result<()> {
        let Some(file) = &mut self.file else { return Err(rusqlite::Error::InvalidQuery) };
        let transaction = file.transaction()?;
        writes.iter().try_for_each(|write| write.apply(&transaction))?;
        transaction.commit()
    }

    /// An entry of the file that has not been read yet.
    fn look_up(&mut self, key: &Digest) -> Option<Arc<Entry>> {
        let file = self.file.as_ref()?;
        let row = file.prepare_cached(&format!("{KEPT} WHERE entries.key = ?1"));
        let (_, value, tally) = row.and_then(|mut row| row.query_row(params![key.0], kept).optional()).ok()??;
        let entry = encoding::decode(&value).ok()?;
        match self.memory.restore(entry, value, tally) {
            Restored::Taken(entry) => Some(entry),
            Restored::Known => self.memory.find(key).entry,
            Restored::Void | Restored::NoRoom => None,
        }
    }

    /// Reads the next page of entries, newest first.
    fn read_on(&mut self) -> ControlFlow<()> {
        let page = self.file.as_ref().map_or(Ok(Vec::new()), |file| read_page(file, self.unread_below));
        match page {
            Ok(rows) if rows.is_empty() => ControlFlow::Break(()),
            Ok(rows) => self.take_in(rows),
            Err(why) => {
                if !(is_damage(&why) && self.replace_file(&why)) {
                    error!(path = %self.path.display(), error = %why, "Entries of the store's file cannot be read; those not yet read are not used.");
                }
                ControlFlow::Break(())
            }
        }
    }

    fn take_in(&mut self, rows: Vec<Kept>) -> ControlFlow<()> {
        let mut is_full = false;
        for (id, value, tally) in rows {
            self.unread_below = id;
            let restored = match encoding::decode(&value) {
                Ok(entry) => self.memory.restore(entry, value, tally),
                Err(_) => Restored::Void,
            };
            match restored {
                Restored::Taken(_) => self.restored += 1,
                Restored::Known => {}
                Restored::Void => self.delete("DELETE FROM entries WHERE id = ?1", id),
                Restored::NoRoom => is_full = true,
            }
            if is_full {
                self.delete("DELETE FROM entries WHERE id <= ?1", id);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes rows out of the file that memory has no use for; one that stays is only looked at again after a restart.
    fn delete(&self, sql: &str, id: i64) {
        let _ = self.file.as_ref().map(|file| file.prepare_cached(sql).and_then(|mut row| row.execute([id])));
    }

    /// Puts a new file with what memory holds in the place of a damaged one; whether that worked. Tried once in a life.
    fn replace_file(&mut self, why: &rusqlite::Error) -> bool {
        if std::mem::replace(&mut self.replaced, true) {
            return false;
        }
        self.file = None;
        let file = move_aside(&self.path, why).map_err(|why| why.to_string());
        let file = file.and_then(|()| open::open(&self.path).map_err(|why| why.to_string()));
        match file {
            Ok(file) => self.file = Some(file.connection),
            Err(why) => error!(error = why, "No new file for the store: from now on it is kept in memory only."),
        }
        self.file.is_some() && self.write_all().is_ok()
    }

    fn write_all(&mut self) -> rusqlite::Result<()> {
        let settled = self.memory.settled();
        self.transact(&settled)?;
        let mut cursor = None;
        loop {
            let (entries, next) = self.memory.page(cursor, BATCH);
            let kept = |entry: &Arc<Entry>| Some(Write::Keep { key: entry.key, value: encoding::encode(entry).ok()? });
            self.transact(&entries.iter().filter_map(kept).collect::<Vec<_>>())?;
            cursor = match next {
                Some(_) => next,
                None => return Ok(()),
            };
        }
    }
}

/// A row: its place, the entry's encoded form, its hits.
type Kept = (i64, Vec<u8>, Tally);

const KEPT: &str = "SELECT id, value, hits, last FROM entries LEFT JOIN hits ON hits.key = entries.key";

fn read_page(file: &Connection, below: i64) -> rusqlite::Result<Vec<Kept>> {
    let mut rows = file.prepare_cached(&format!("{KEPT} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"))?;
    rows.query_map(params![below, PAGE as i64], kept)?.collect()
}

fn kept(row: &rusqlite::Row) -> rusqlite::Result<Kept> {
    let hits = row.get::<_, Option<i64>>(2)?.unwrap_or(0).unsigned_abs();
    let last = row.get::<_, Option<i64>>(3)?.map(Timestamp);
    Ok((row.get(0)?, row.get(1)?, Tally { hits, last }))
}
