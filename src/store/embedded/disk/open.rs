//! Opening the file: made when there is none, moved aside when it cannot be read, refused when somebody else has it.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode};
use tracing::error;

use super::write::{FLOOR, TABLES};
use crate::store::{SharedDocument, Tag};

/// The version of the tables.
const VERSION: i64 = 2;
/// How long a former life that is still ending may hold the file.
const LONGEST_HANDOVER: Duration = Duration::from_secs(2);

/// Why the store's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} belongs to another running process; give each process a store file of its own", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be made, read or moved.
    #[error("cannot use {} as the store's file; make its folder writable, or choose another path", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What SQLite or the system says.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No thread for it.
    #[error("cannot start the thread that keeps the store's file; raise the limit on threads")]
    Thread {
        /// What the system says.
        #[source]
        why: io::Error,
    },
}

/// An open file and what is read from it before anything else.
pub(super) struct File {
    pub(super) connection: Connection,
    pub(super) documents: BTreeMap<Arc<str>, SharedDocument>,
    pub(super) floor: u64,
    pub(super) generations: HashMap<Tag, u64>,
}

/// Opens the file. One that is damaged, or of another version, is moved aside: the cache starts empty, the service starts.
pub(super) fn open(path: &Path) -> Result<File, OpenError> {
    let unusable = |why: Box<dyn std::error::Error + Send + Sync>| OpenError::Unusable { path: path.into(), why };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|why| unusable(why.into()))?;
    }
    let file = match try_open(path) {
        Err(why) if is_damage(&why) => {
            move_aside(path, &why).map_err(|why| unusable(why.into()))?;
            try_open(path)
        }
        other => other,
    };
    file.map_err(|why| match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path: path.into() },
        _ => unusable(why.into()),
    })
}

/// Whether this error says that the file's content is not to be relied on.
pub(super) fn is_damage(why: &rusqlite::Error) -> bool {
    matches!(why.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(why, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::IntegralValueOutOfRange(..))
}

/// Renames the file and its companions to `….unreadable`, over those of an earlier time.
pub(super) fn move_aside(path: &Path, why: &rusqlite::Error) -> io::Result<()> {
    let with = |ending: &str| [path.as_os_str(), ending.as_ref()].into_iter().collect::<OsString>();
    error!(
        path = %path.display(), moved_to = %with(".unreadable").display(), error = %why,
        "The store's file cannot be read and was moved aside; the cache starts empty."
    );
    for companion in ["", "-wal", "-shm"] {
        match fs::rename(with(companion), with(&format!(".unreadable{companion}"))) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(())
}

fn try_open(path: &Path) -> rusqlite::Result<File> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LONGEST_HANDOVER)?;
    // Ours alone; a commit survives the process, and the file survives the machine.
    connection.execute_batch("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")?;
    prepare_tables(&connection)?;
    let documents = read_documents(&connection)?;
    let (floor, generations) = read_generations(&connection)?;
    Ok(File { connection, documents, floor, generations })
}

fn prepare_tables(connection: &Connection) -> rusqlite::Result<()> {
    match connection.query_row("PRAGMA user_version", [], |row| row.get(0))? {
        VERSION => Ok(()),
        0 => connection.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
    }
}

fn read_documents(connection: &Connection) -> rusqlite::Result<BTreeMap<Arc<str>, SharedDocument>> {
    let mut rows = connection.prepare("SELECT name, version, content FROM documents")?;
    let document = |row: &rusqlite::Row| {
        let version = row.get::<_, i64>(1)?.unsigned_abs();
        Ok((row.get(0)?, SharedDocument { version, content: row.get(2)? }))
    };
    rows.query_map([], document)?.collect()
}

fn read_generations(connection: &Connection) -> rusqlite::Result<(u64, HashMap<Tag, u64>)> {
    let mut rows = connection.prepare("SELECT tag, generation FROM generations")?;
    let generation = |row: &rusqlite::Row| Ok((Tag(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs()));
    let mut all: HashMap<Tag, u64> = rows.query_map([], generation)?.collect::<rusqlite::Result<_>>()?;
    Ok((all.remove(&Tag(FLOOR.into())).unwrap_or(0), all))
}
