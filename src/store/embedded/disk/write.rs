//! What is written to the file, and its tables.

use std::sync::Arc;

use rusqlite::{Connection, params};

use crate::{
    digest::Digest,
    store::{SharedDocument, Tag, embedded::shelf::Tally},
};

/// The tables. Entries keep their encoded form only; `id` is the order of arrival. Hits stand apart, so that counting
/// them writes no answer anew. The floor of the generations is the row of the empty tag, which no entry can have.
pub(super) const TABLES: &str = "
    CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL);
    CREATE TABLE hits (key BLOB PRIMARY KEY, hits INTEGER NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE generations (tag TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (name TEXT PRIMARY KEY, version INTEGER NOT NULL, content BLOB NOT NULL);
";

/// The tag whose row holds the floor.
pub(super) const FLOOR: &str = "";

/// One change of the file.
#[derive(Debug)]
pub(in crate::store::embedded) enum Write {
    /// An entry is there.
    Keep {
        /// Its key.
        key: Digest,
        /// Its encoded form.
        value: Vec<u8>,
    },
    /// An entry was served so often.
    Hits(Digest, Tally),
    /// An entry is gone.
    Remove(Digest),
    /// A tag was invalidated.
    Generation(Tag, u64),
    /// Tags below this generation are forgotten.
    Floor(u64),
    /// A document has a new version.
    Document(Arc<str>, SharedDocument),
}

impl Write {
    /// Makes the change, inside the transaction that is open.
    pub(super) fn apply(&self, file: &Connection) -> rusqlite::Result<()> {
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| file.prepare_cached(sql)?.execute(values);
        match self {
            Self::Keep { key, value } => {
                run("REPLACE INTO entries (key, value) VALUES (?1, ?2)", params![key.0, value])
            }
            Self::Hits(key, Tally { hits, last }) => {
                let last = last.map(|at| at.0);
                run("REPLACE INTO hits VALUES (?1, ?2, ?3)", params![key.0, number(*hits), last.unwrap_or(0)])
            }
            Self::Remove(key) => {
                run("DELETE FROM hits WHERE key = ?1", params![key.0])?;
                run("DELETE FROM entries WHERE key = ?1", params![key.0])
            }
            Self::Generation(tag, generation) => {
                run("REPLACE INTO generations VALUES (?1, ?2)", params![tag.0, number(*generation)])
            }
            Self::Floor(floor) => {
                run("DELETE FROM generations WHERE generation <= ?1", params![number(*floor)])?;
                run("REPLACE INTO generations VALUES (?1, ?2)", params![FLOOR, number(*floor)])
            }
            Self::Document(name, document) => run(
                "REPLACE INTO documents VALUES (?1, ?2, ?3)",
                params![name, number(document.version), document.content],
            ),
        }
        .map(drop)
    }
}

/// A count as SQLite keeps numbers; none of ours comes near the end.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
