//! The trail's file: SQLite in the state folder, written by one process and read by any.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params};
use serde::{Deserialize, Serialize};

use super::Kept;
use crate::{
    clock::Timestamp,
    engine::{price::Quote, source::Source},
    ids::{IntentId, TenantId},
};

/// The version of the table.
const VERSION: i64 = 1;
/// How long a reader and the writer wait for each other.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rows are thrown away after every so many that are added.
const SWEEP: u64 = 1_000;

const TABLE: &str = "CREATE TABLE served (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, answer TEXT NOT NULL, tenant TEXT NOT NULL, user TEXT,
    intent TEXT NOT NULL, source TEXT NOT NULL, age_ms INTEGER NOT NULL, products TEXT NOT NULL, quotes TEXT NOT NULL) STRICT;
    CREATE INDEX served_at ON served (at);";

/// Why the trail cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// There is no such file.
    #[error("{} does not exist. The trail is `exposure.sqlite` in a node's state folder", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// Of a newer Banto, or something else.
    #[error("{} is no exposure trail that this Banto can read. Move it away, or use the Banto that wrote it", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the exposure trail cannot be used; look at the disk and the rights of the state folder")]
    Io(#[from] rusqlite::Error),
}

/// One answer that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its number in the file; 0 before it is there.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The answer's id, as the client got it.
    pub answer: String,
    /// Whose client.
    pub tenant: TenantId,
    /// The user, as the caller named him; `None` when it did not.
    pub user: Option<String>,
    /// What was asked about.
    pub intent: IntentId,
    /// Where the answer came from.
    pub source: Source,
    /// How old it was. Unit: milliseconds.
    pub age_ms: u64,
    /// What it was about, as tags: `title:one piece`, `product:b08x1yrstr`.
    pub products: Vec<String>,
    /// The prices it quoted as today's.
    pub quotes: Vec<Quote>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// About one of these tags; empty for anything.
    pub products: Vec<String>,
    /// Not before.
    pub from: Timestamp,
    /// Before.
    pub to: Timestamp,
    /// With a number greater than this.
    pub after: i64,
    /// At most so many.
    pub most: usize,
}

/// The file.
#[derive(Debug)]
pub struct TrailFile {
    file: Mutex<Connection>,
    kept: Kept,
}

impl TrailFile {
    /// Opens the file for writing, or makes it.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn open(path: &Path, kept: Kept) -> Result<Self, TrailError> {
        let file = Connection::open(path)?;
        file.busy_timeout(PATIENCE)?;
        file.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;").map_err(|why| foreign(why, path))?;
        match version(&file).map_err(|why| foreign(why, path))? {
            VERSION => {}
            0 => file.execute_batch(&format!("BEGIN; {TABLE} PRAGMA user_version={VERSION}; COMMIT;"))?,
            _ => return Err(TrailError::Foreign { path: path.into() }),
        }
        Ok(Self { file: Mutex::new(file), kept })
    }

    /// Opens a file for reading, whether or not a Banto writes it.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn read(path: &Path) -> Result<Self, TrailError> {
        if !path.is_file() {
            return Err(TrailError::Missing { path: path.into() });
        }
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file.busy_timeout(PATIENCE)?;
        match version(&file).map_err(|why| foreign(why, path))? {
            VERSION => Ok(Self { file: Mutex::new(file), kept: Kept::default() }),
            _ => Err(TrailError::Foreign { path: path.into() }),
        }
    }

    /// Adds rows, all or none; once in a while what is too old or too much goes.
    ///
    /// # Errors
    /// [`TrailError::Io`].
    pub fn add(&self, rows: &[Row]) -> Result<(), TrailError> {
        let mut file = self.file();
        let change = file.transaction()?;
        for row in rows {
            let mut insert = change.prepare_cached(
                "INSERT INTO served (at, answer, tenant, user, intent, source, age_ms, products, quotes)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            insert.execute(params![
                row.at.0,
                row.answer,
                &*row.tenant,
                row.user,
                &*row.intent,
                row.source.label(),
                i64::try_from(row.age_ms).unwrap_or(i64::MAX),
                format!("\n{}\n", row.products.join("\n")),
                serde_json::to_string(&row.quotes).unwrap_or_default(),
            ])?;
        }
        if let Some(last) = rows.last()
            && change.last_insert_rowid().unsigned_abs() % SWEEP < rows.len() as u64
        {
            change.execute("DELETE FROM served WHERE at < ?", [(last.at - self.kept.span).0])?;
            let most = i64::try_from(self.kept.rows).unwrap_or(i64::MAX);
            change.execute("DELETE FROM served WHERE id <= (SELECT max(id) FROM served) - ?", [most])?;
        }
        Ok(change.commit()?)
    }

    /// Rows in the order in which they were given.
    ///
    /// # Errors
    /// [`TrailError::Io`].
    pub fn rows(&self, wanted: &Wanted) -> Result<Vec<Row>, TrailError> {
        let file = self.file();
        let about = vec!["instr(products, ?) > 0"; wanted.products.len()].join(" OR ");
        let about = if about.is_empty() { "1" } else { &about };
        let mut query = file.prepare_cached(&format!(
            "SELECT id, at, answer, tenant, user, intent, source, age_ms, products, quotes FROM served
             WHERE at >= ? AND at < ? AND id > ? AND ({about}) ORDER BY id LIMIT ?"
        ))?;
        let mut values: Vec<rusqlite::types::Value> =
            vec![wanted.from.0.into(), wanted.to.0.into(), wanted.after.into()];
        values.extend(wanted.products.iter().map(|tag| format!("\n{tag}\n").into()));
        values.push(i64::try_from(wanted.most).unwrap_or(i64::MAX).into());
        let rows = query.query_map(rusqlite::params_from_iter(values), row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn file(&self) -> MutexGuard<'_, Connection> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let products: String = row.get(8)?;
    let (source, quotes): (String, String) = (row.get(6)?, row.get(9)?);
    Ok(Row {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        answer: row.get(2)?,
        tenant: row.get::<_, String>(3)?.into(),
        user: row.get(4)?,
        intent: row.get::<_, String>(5)?.into(),
        source: Source::ALL.into_iter().find(|known| known.label() == source).unwrap_or(Source::Stale),
        age_ms: row.get::<_, i64>(7)?.unsigned_abs(),
        products: products.lines().filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        quotes: serde_json::from_str(&quotes).unwrap_or_default(),
    })
}

fn version(file: &Connection) -> rusqlite::Result<i64> {
    file.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn foreign(why: rusqlite::Error, path: &Path) -> TrailError {
    match why.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            TrailError::Foreign { path: path.into() }
        }
        _ => TrailError::Io(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(at: i64, product: &str) -> Row {
        Row {
            id: 0,
            at: Timestamp(at),
            answer: format!("a{at}"),
            tenant: "shop".into(),
            user: Some("u1".into()),
            intent: "pricing".into(),
            source: Source::Stale,
            age_ms: 5,
            products: vec![product.into()],
            quotes: crate::engine::price::current("¥528"),
        }
    }

    fn all() -> Wanted {
        Wanted { to: Timestamp(i64::MAX), most: 10_000, ..Wanted::default() }
    }

    #[test]
    fn what_was_noted_is_found_by_product_and_time_while_it_is_still_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("exposure.sqlite");
        let written = TrailFile::open(&path, Kept::default()).expect("opens");
        written
            .add(&[given(10, "title:one piece"), given(20, "title:one piece party"), given(30, "title:one piece")])
            .expect("adds");
        let read = TrailFile::read(&path).expect("opens");
        let about =
            Wanted { products: vec!["title:one piece".into()], from: Timestamp(10), to: Timestamp(30), ..all() };
        let rows = read.rows(&about).expect("reads");
        assert_eq!(rows, [Row { id: 1, ..given(10, "title:one piece") }], "neither another title nor the end itself");
        assert_eq!(read.rows(&Wanted { after: 2, ..all() }).expect("reads").len(), 1);
    }

    #[test]
    fn the_trail_is_bounded_in_age_and_in_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept { span: Duration::from_secs(1), rows: 1_500 };
        let file = TrailFile::open(&folder.path().join("t"), kept).expect("opens");
        file.add(&[given(0, "p")]).expect("adds");
        for at in 0..5 {
            file.add(&(0..1_000).map(|n| given(10_000 + at * 1_000 + n, "p")).collect::<Vec<_>>()).expect("adds");
        }
        let rows = file.rows(&all()).expect("reads");
        assert!(rows.len() <= 1_500 && rows[0].at > Timestamp(0), "{}", rows.len());
    }

    #[test]
    fn what_is_no_trail_says_so_and_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t");
        assert!(matches!(TrailFile::read(&path), Err(TrailError::Missing { .. })));
        std::fs::write(&path, "not a database, but long enough to be taken for one".repeat(100)).expect("written");
        assert!(matches!(TrailFile::read(&path), Err(TrailError::Foreign { .. })));
        assert!(matches!(TrailFile::open(&path, Kept::default()), Err(TrailError::Foreign { .. })));
    }
}
