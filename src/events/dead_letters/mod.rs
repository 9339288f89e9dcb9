//! Events that could not be applied, in a SQLite file: on the disk before their sender is told that we have them.
//!
//! Bounded: when it is full nothing more is taken, and the sender keeps what it sent. Every call waits for the disk, so
//! callers run it beside their runtime's workers.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::envelope::{Arrived, Shape};
use crate::{clock::Timestamp, units::Bytes};

/// The layout of the file; a file of a newer Banto is refused.
const SCHEMA: i64 = 1;

/// An event that could not be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The event's identity.
    pub id: String,
    /// How it came.
    pub channel: String,
    /// When it came first.
    pub received: Timestamp,
    /// When it happened, if it says so.
    pub at: Option<Timestamp>,
    /// Why it could not be applied, the last time.
    pub why: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again; `None`: only by hand.
    pub due: Option<Timestamp>,
    /// What it is; `None` for a text that could not be read.
    pub shape: Option<Shape>,
    /// The event, out of its envelopes, or the text that could not be read.
    pub text: String,
}

impl Letter {
    /// The event; `None` for a text that could not be read.
    pub fn arrived(&self) -> Option<Arrived> {
        let body = serde_json::from_str(&self.text).ok()?;
        Some(Arrived { id: Some(self.id.clone()), at: self.at, shape: self.shape?, body })
    }
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Letters.
    pub letters: u64,
    /// Their bytes.
    pub bytes: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self { letters: 10_000, bytes: Bytes(64 << 20) }
    }
}

/// Why a letter was not kept, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// As many wait as may.
    #[error(
        "the dead-letter store is full ({0} events wait). `banto events dead-letters list` shows why; replay or drop some"
    )]
    Full(u64),
    /// The file was written by a newer Banto.
    #[error(
        "{path} was written by a newer Banto (layout {found}, this one knows {SCHEMA}). Start that one, or move the file away"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// Another process has it.
    #[error("{path} is in use by another Banto. Stop that one, or give this one a state folder of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written or read.
    #[error("the dead-letter store does not answer ({0}); look at the disk that holds it")]
    Io(#[from] rusqlite::Error),
}

/// The store.
#[derive(Debug)]
pub struct DeadLetters {
    file: Mutex<Connection>,
    limits: Limits,
    waits_for_a_disk: bool,
}

impl DeadLetters {
    /// Opens the file, or makes it. One that cannot be read is moved aside: `events.sqlite.damaged`.
    ///
    /// # Errors
    /// [`DeadLettersError`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, DeadLettersError> {
        match Self::set_up(Connection::open(path)?, path, limits) {
            Err(DeadLettersError::Io(error)) if is_damaged(&error) => {
                let aside = path.with_extension("sqlite.damaged");
                tracing::warn!(file = %path.display(), moved_to = %aside.display(), "The dead letters cannot be read; they were moved aside.");
                std::fs::rename(path, aside).map_err(|_| DeadLettersError::Io(error))?;
                Self::set_up(Connection::open(path)?, path, limits)
            }
            other => other,
        }
    }

    /// A store that forgets at the end of the process: for drills and tests.
    ///
    /// # Errors
    /// None in practice.
    pub fn in_memory(limits: Limits) -> Result<Self, DeadLettersError> {
        let letters = Self::set_up(Connection::open_in_memory()?, Path::new("the dead letters in memory"), limits)?;
        Ok(Self { waits_for_a_disk: false, ..letters })
    }

    /// Whether what is done here may take a while. In memory it takes none, and must not: a drill's clock stands still
    /// while another thread works, and what comes first then would be chance.
    pub fn waits_for_a_disk(&self) -> bool {
        self.waits_for_a_disk
    }

    fn set_up(mut file: Connection, path: &Path, limits: Limits) -> Result<Self, DeadLettersError> {
        let prepare = |file: &mut Connection| {
            file.busy_timeout(std::time::Duration::from_millis(500))?; // a former life may still be closing it
            file.execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
            )?;
            let layout: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if layout == 0 {
                let new = file.transaction()?;
                new.execute_batch(include_str!("schema.sql"))?;
                new.pragma_update(None, "user_version", SCHEMA)?;
                new.commit()?;
            }
            Ok(layout)
        };
        match prepare(&mut file).map_err(|error| at_opening(error, path))? {
            found if found > SCHEMA => Err(DeadLettersError::Newer { path: path.to_owned(), found }),
            _ => Ok(Self { file: Mutex::new(file), limits, waits_for_a_disk: true }),
        }
    }

    /// Keeps a letter, in the place of an older one with its id. It is on the disk when this returns; `false` when it
    /// was there before.
    ///
    /// # Errors
    /// [`DeadLettersError::Full`] or [`DeadLettersError::Io`]; then it was not kept.
    pub fn keep(&self, letter: &Letter) -> Result<bool, DeadLettersError> {
        let mut file = self.file();
        let page = file.transaction()?;
        let whole = "SELECT count(*), coalesce(sum(bytes), 0) FROM letters";
        let (count, bytes): (i64, i64) = page.query_row(whole, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known: Option<i64> =
            page.query_row("SELECT bytes FROM letters WHERE id = ?", [&letter.id], |row| row.get(0)).optional()?;
        let size = (letter.text.len() + letter.why.len()) as i64;
        let grown = (bytes - known.unwrap_or(0) + size).unsigned_abs();
        if (known.is_none() && count.unsigned_abs() >= self.limits.letters) || grown > self.limits.bytes.0 {
            return Err(DeadLettersError::Full(count.unsigned_abs()));
        }
        put(&page, letter, size)?;
        page.commit()?;
        Ok(known.is_none())
    }

    /// Those that are to be tried again now, the oldest first.
    ///
    /// # Errors
    /// [`DeadLettersError::Io`].
    pub fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Letter>, DeadLettersError> {
        self.read(
            "SELECT body FROM letters WHERE due <= ?1 ORDER BY due, received, id LIMIT ?2",
            params![now.0, most as i64],
        )
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// [`DeadLettersError::Io`].
    pub fn list(&self, most: usize) -> Result<Vec<Letter>, DeadLettersError> {
        self.read("SELECT body FROM letters ORDER BY received, id LIMIT ?1", params![most as i64])
    }

    /// One of them.
    ///
    /// # Errors
    /// [`DeadLettersError::Io`].
    pub fn get(&self, id: &str) -> Result<Option<Letter>, DeadLettersError> {
        Ok(self.read("SELECT body FROM letters WHERE id = ?1", params![id])?.pop())
    }

    /// Forgets one; whether it was there.
    ///
    /// # Errors
    /// [`DeadLettersError::Io`].
    pub fn remove(&self, id: &str) -> Result<bool, DeadLettersError> {
        Ok(self.file().execute("DELETE FROM letters WHERE id = ?", [id])? > 0)
    }

    /// How many wait.
    ///
    /// # Errors
    /// [`DeadLettersError::Io`].
    pub fn count(&self) -> Result<u64, DeadLettersError> {
        let count: i64 = self.file().query_row("SELECT count(*) FROM letters", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Those rows that can be read: one of another version is left alone.
    fn read(&self, query: &str, with: impl rusqlite::Params) -> Result<Vec<Letter>, DeadLettersError> {
        let file = self.file();
        let mut query = file.prepare_cached(query)?;
        let rows = query.query_map(with, |row| row.get::<_, String>(0))?;
        let bodies = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }

    fn file(&self) -> MutexGuard<'_, Connection> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(file: &Connection, letter: &Letter, size: i64) -> rusqlite::Result<usize> {
    let body = serde_json::to_string(letter).unwrap_or_default();
    file.prepare_cached("INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        letter.id,
        letter.channel,
        letter.received.0,
        letter.attempts,
        letter.due.map(|at| at.0),
        size,
        body
    ])
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn at_opening(error: rusqlite::Error, path: &Path) -> DeadLettersError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DeadLettersError::InUse { path: path.to_owned() },
        _ => DeadLettersError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, due: Option<i64>) -> Letter {
        Letter {
            id: id.into(),
            channel: "sns".into(),
            received: Timestamp(1),
            at: None,
            why: "the store is away".into(),
            attempts: 1,
            due: due.map(Timestamp),
            shape: Some(Shape::Json),
            text: r#"{"a":1}"#.into(),
        }
    }

    fn ids(letters: Result<Vec<Letter>, DeadLettersError>) -> Vec<String> {
        letters.expect("readable").into_iter().map(|letter| letter.id).collect()
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.sqlite");
        let store = DeadLetters::open(&path, Limits::default()).expect("opens");
        assert!(store.keep(&letter("a", Some(5))).expect("kept"));
        assert!(!store.keep(&letter("a", Some(9))).expect("kept again"));
        drop(store);
        let store = DeadLetters::open(&path, Limits::default()).expect("opens again");
        assert_eq!(store.list(10).expect("readable"), [letter("a", Some(9))]);
        assert!(store.remove("a").expect("removed") && !store.remove("a").expect("gone"));
    }

    #[test]
    fn those_that_are_due_come_oldest_first_and_those_for_hands_never() {
        let store = DeadLetters::in_memory(Limits::default()).expect("opens");
        for (id, due) in [("late", Some(50)), ("soon", Some(5)), ("poison", None), ("next", Some(7))] {
            store.keep(&letter(id, due)).expect("kept");
        }
        assert_eq!(ids(store.due(Timestamp(10), 10)), ["soon", "next"]);
        assert_eq!(ids(store.due(Timestamp(10), 1)), ["soon"]);
        assert_eq!(store.count().expect("counted"), 4);
    }

    #[test]
    fn when_it_is_full_nothing_more_is_taken_and_nothing_is_lost() {
        let limits = Limits { letters: 2, bytes: Bytes(1_000) };
        let store = DeadLetters::in_memory(limits).expect("opens");
        for id in ["a", "b"] {
            store.keep(&letter(id, None)).expect("kept");
        }
        assert!(matches!(store.keep(&letter("c", None)), Err(DeadLettersError::Full(2))));
        store.keep(&letter("a", Some(1))).expect("one that is there may change");
        assert!(store.remove("b").expect("removed"));
        let large = Letter { text: "x".repeat(2_000), ..letter("large", None) };
        assert!(matches!(store.keep(&large), Err(DeadLettersError::Full(_))));
    }

    #[test]
    fn a_file_that_is_something_else_is_moved_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.sqlite");
        std::fs::write(&path, "not a database, by any means".repeat(100)).expect("written");
        assert_eq!(DeadLetters::open(&path, Limits::default()).expect("opens").count().expect("counted"), 0);
        assert!(folder.path().join("events.sqlite.damaged").exists());
    }
}
