//! The journal: everything the controller must remember over a crash, in one SQLite file.
//!
//! An episode, its orders, its incident and the notices about it change in one transaction, so that a restart finds
//! either all of a step or nothing of it. Every write is on the disk before the call returns: an order is journalled
//! before it is carried out. One process at a time has the file.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::rows::{forget, json, parse, put_memory, put_notice, put_order};
use crate::{
    clock::Timestamp,
    controller::{
        decide::{
            episode::Episode,
            state::{Record, Standing, State},
        },
        incident::Incident,
        notice::Notice,
        order::Order,
    },
    ids::PolicyName,
};

/// The layout of the file; a file of a newer Banto is refused.
const SCHEMA: i64 = 1;

/// Everything the controller must remember.
#[derive(Debug)]
pub struct Journal {
    file: Mutex<Connection>,
}

/// Why the journal cannot be used. The controller does not act without it; the engine answers on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file is damaged or is something else.
    #[error(
        "{path} is not a readable journal. Move it away and start again: open incidents will be noticed afresh, and \
         remedies in force return by themselves at their deadlines"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
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
    #[error("{path} is in use by another Banto. Stop that one, or give this one a data folder of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A row cannot be understood.
    #[error("the journal holds a row in `{table}` that this Banto cannot read: {why}")]
    Row {
        /// Where.
        table: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be written or read: disk full, rights, hardware.
    #[error("the journal does not answer. The controller does not act without it; look at the disk that holds it")]
    Io(#[from] rusqlite::Error),
}

/// What one step changes, written all at once.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Episodes as they are now.
    pub episodes: Vec<Episode>,
    /// Incidents as they are now.
    pub incidents: Vec<Incident>,
    /// Policies' records as they are now.
    pub records: Vec<(PolicyName, Record)>,
    /// What holds for all policies, if it changed.
    pub standing: Option<Standing>,
    /// Notices to send.
    pub notices: Vec<Notice>,
    /// What was decided, where it is not what was decided last.
    pub decisions: Vec<Decided>,
}

impl Changes {
    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.episodes.is_empty()
            && self.incidents.is_empty()
            && self.records.is_empty()
            && self.standing.is_none()
            && self.notices.is_empty()
            && self.decisions.is_empty()
    }
}

/// One line of the log of decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// Which policy.
    pub policy: PolicyName,
    /// The reason's short name: `cooling_down`.
    pub outcome: String,
    /// The reason in words.
    pub why: String,
}

impl Journal {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`JournalError`] says what is wrong with the file and what to do.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = Connection::open(path).map_err(|error| at_opening(error, path))?;
        Self::set_up(file, path)
    }

    /// A journal that forgets at the end of the process: for drills and tests.
    ///
    /// # Errors
    /// None in practice.
    pub fn in_memory() -> Result<Self, JournalError> {
        Self::set_up(Connection::open_in_memory()?, Path::new("the journal in memory"))
    }

    fn set_up(mut file: Connection, path: &Path) -> Result<Self, JournalError> {
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
            found if found > SCHEMA => Err(JournalError::Newer { path: path.to_owned(), found }),
            _ => Ok(Self { file: Mutex::new(file) }),
        }
    }

    /// Writes a step down, all of it or nothing.
    ///
    /// # Errors
    /// [`JournalError::Io`]; then nothing of it was written.
    pub fn write(&self, changes: &Changes) -> Result<(), JournalError> {
        let mut file = self.file();
        let page = file.transaction()?;
        for episode in &changes.episodes {
            let open = episode.phase != crate::controller::decide::episode::Phase::Closed;
            page.prepare_cached("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?, ?)")?.execute(params![
                episode.id,
                open,
                episode.began.0,
                json(episode)
            ])?;
            if let Some(order) = &episode.order {
                put_order(&page, order)?;
            }
        }
        for incident in &changes.incidents {
            page.prepare_cached("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)")?.execute(params![
                incident.id,
                incident.opened.0,
                incident.closed.map(|at| at.0),
                json(incident)
            ])?;
        }
        for (policy, record) in &changes.records {
            page.prepare_cached("INSERT OR REPLACE INTO records VALUES (?, ?)")?
                .execute(params![&**policy, json(record)])?;
        }
        if let Some(standing) = &changes.standing {
            put_memory(&page, "standing", standing)?;
        }
        changes.notices.iter().try_for_each(|notice| put_notice(&page, notice))?;
        for line in &changes.decisions {
            page.prepare_cached("INSERT INTO decisions (at, policy, outcome, why) VALUES (?, ?, ?, ?)")?
                .execute(params![line.at.0, &*line.policy, line.outcome, line.why])?;
        }
        forget(&page, changes)?;
        Ok(page.commit()?)
    }

    /// Writes down how far an order is.
    ///
    /// # Errors
    /// [`JournalError::Io`]; then the order must not go on.
    pub fn record(&self, order: &Order) -> Result<(), JournalError> {
        Ok(put_order(&self.file(), order)?)
    }

    /// What a former life left: open episodes with their orders, records, the hold switch.
    ///
    /// # Errors
    /// [`JournalError`] when a row cannot be read.
    pub fn state(&self) -> Result<State, JournalError> {
        let mut state = State::default();
        let bodies = self.bodies("SELECT body FROM episodes WHERE open = 1 ORDER BY began, id")?;
        for body in bodies {
            let mut episode: Episode = parse("episodes", &body)?;
            if let Some(order) = &mut episode.order {
                *order = self.order(&order.id)?.unwrap_or_else(|| order.clone());
            }
            state.episodes.insert(episode.id.clone(), episode);
        }
        let file = self.file();
        let mut records = file.prepare_cached("SELECT policy, body FROM records")?;
        let rows = records.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (policy, body) = row?;
            state.records.insert(policy.into(), parse("records", &body)?);
        }
        drop(records);
        drop(file);
        state.standing = self.recall("standing")?.unwrap_or_default();
        Ok(state)
    }

    /// An order as it was last written down.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    pub fn order(&self, id: &str) -> Result<Option<Order>, JournalError> {
        let file = self.file();
        let mut query = file.prepare_cached("SELECT body FROM orders WHERE id = ?")?;
        let body: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
        body.map(|body| parse("orders", &body)).transpose()
    }

    /// The newest incidents, newest first.
    ///
    /// # Errors
    /// [`JournalError`] when a row cannot be read.
    pub fn incidents(&self, most: usize) -> Result<Vec<Incident>, JournalError> {
        let bodies = self.bodies(&format!("SELECT body FROM incidents ORDER BY opened DESC, id LIMIT {most}"))?;
        bodies.iter().map(|body| parse("incidents", body)).collect()
    }

    /// The incidents that are not closed, oldest first.
    ///
    /// # Errors
    /// [`JournalError`] when a row cannot be read.
    pub fn open_incidents(&self) -> Result<Vec<Incident>, JournalError> {
        let bodies = self.bodies("SELECT body FROM incidents WHERE closed IS NULL ORDER BY opened, id")?;
        bodies.iter().map(|body| parse("incidents", body)).collect()
    }

    /// The newest decisions, newest first.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn decisions(&self, most: usize) -> Result<Vec<Decided>, JournalError> {
        let file = self.file();
        let mut query =
            file.prepare_cached("SELECT at, policy, outcome, why FROM decisions ORDER BY seq DESC LIMIT ?")?;
        let rows = query.query_map([most as i64], |row| {
            let policy: String = row.get(1)?;
            Ok(Decided { at: Timestamp(row.get(0)?), policy: policy.into(), outcome: row.get(2)?, why: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps something under a name: the alarms' memory, this controller's identity.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn remember<T: Serialize>(&self, name: &str, what: &T) -> Result<(), JournalError> {
        Ok(put_memory(&self.file(), name, what)?)
    }

    /// What was kept under a name; `None` when nothing was.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    pub fn recall<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JournalError> {
        let file = self.file();
        let mut query = file.prepare_cached("SELECT body FROM memory WHERE key = ?")?;
        let body: Option<String> = query.query_row([name], |row| row.get(0)).optional()?;
        body.map(|body| parse("memory", &body)).transpose()
    }

    fn bodies(&self, query: &str) -> Result<Vec<String>, JournalError> {
        let file = self.file();
        let mut query = file.prepare_cached(query)?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn file(&self) -> MutexGuard<'_, Connection> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_opening(error: rusqlite::Error, path: &Path) -> JournalError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::InUse { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Damaged { path, source: error },
        _ => JournalError::Io(error),
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
