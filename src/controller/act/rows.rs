//! Rows of the journal: each thing's body is JSON, beside the columns that are searched for.

use rusqlite::{Connection, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};

use super::journal::{Changes, JournalError};
use crate::controller::{notice::Notice, order::Order};

/// Rows kept of what is over; older ones make room.
pub(super) const DECISIONS: i64 = 10_000;
const CLOSED: i64 = 1_000;

pub(super) fn put_order(file: &Connection, order: &Order) -> rusqlite::Result<()> {
    let status = json(&order.status);
    file.prepare_cached("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)")?.execute(params![
        order.id,
        order.episode,
        order.written.0,
        status.trim_matches('"'),
        json(order)
    ])?;
    Ok(())
}

pub(super) fn put_memory<T: Serialize>(file: &Connection, key: &str, what: &T) -> rusqlite::Result<()> {
    file.prepare_cached("INSERT OR REPLACE INTO memory VALUES (?, ?)")?.execute(params![key, json(what)])?;
    Ok(())
}

/// A notice whose id is known changes nothing: it is on its way.
pub(super) fn put_notice(file: &Connection, notice: &Notice) -> rusqlite::Result<()> {
    let kind = json(&notice.kind);
    file.prepare_cached("INSERT OR IGNORE INTO notices VALUES (?1, ?2, ?2, ?3, ?4, ?5)")?.execute(params![
        notice.id,
        notice.at.0,
        notice.dedup_key,
        kind.trim_matches('"'),
        json(notice)
    ])?;
    Ok(())
}

/// Makes room: what is over is kept for a while, what is open for as long as it takes.
pub(super) fn forget(page: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    if !changes.decisions.is_empty() {
        page.execute("DELETE FROM decisions WHERE seq <= (SELECT max(seq) FROM decisions) - ?", [DECISIONS])?;
    }
    if changes.incidents.iter().any(|incident| incident.closed.is_some()) {
        page.execute_batch(&format!(
            "DELETE FROM incidents WHERE id IN
               (SELECT id FROM incidents WHERE closed IS NOT NULL ORDER BY opened DESC LIMIT -1 OFFSET {CLOSED});
             DELETE FROM episodes WHERE id IN
               (SELECT id FROM episodes WHERE open = 0 ORDER BY began DESC LIMIT -1 OFFSET {CLOSED});
             DELETE FROM orders WHERE episode NOT IN (SELECT id FROM episodes);
             DELETE FROM notices WHERE id IN
               (SELECT id FROM notices WHERE due IS NULL ORDER BY at DESC LIMIT -1 OFFSET {CLOSED});
             DELETE FROM deliveries WHERE notice NOT IN (SELECT id FROM notices);"
        ))?;
    }
    Ok(())
}

pub(super) fn json<T: Serialize>(what: &T) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

pub(super) fn parse<T: DeserializeOwned>(table: &'static str, body: &str) -> Result<T, JournalError> {
    serde_json::from_str(body).map_err(|error| JournalError::Row { table, why: error.to_string() })
}
