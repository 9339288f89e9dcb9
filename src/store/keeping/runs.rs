//! What was removed from the store and why, for the whole fleet: the last runs, in a shared document.

use serde::{Deserialize, Serialize};

use super::Removed;
use crate::{
    clock::Timestamp,
    store::{Store, StoreError},
};

const DOCUMENT: &str = "cache/runs";
/// Runs remembered.
const MOST: usize = 50;
/// Tries to write the document over another node's.
const TRIES: usize = 5;

/// Why a run removed entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Their intents were over their budgets.
    Budgets,
    /// They were worth little, and memory was short.
    CleanUp,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it ended.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
    /// Who: `schedule`, `operator:aiko`, `policy:relieve-cache-memory`.
    pub by: String,
    /// What it removed.
    pub removed: Removed,
}

/// The last runs, newest first.
///
/// # Errors
/// When the store does not answer.
pub async fn past(store: &dyn Store) -> Result<Vec<Run>, StoreError> {
    Ok(read(store).await?.1)
}

/// Notes a run.
///
/// # Errors
/// When the store does not answer, or others write all the time.
pub async fn note(store: &dyn Store, run: Run) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let (version, mut runs) = read(store).await?;
        runs.insert(0, run.clone());
        runs.truncate(MOST);
        let content = serde_json::to_vec(&runs).unwrap_or_default();
        if store.write_document(DOCUMENT, version, &content).await?.is_some() {
            return Ok(());
        }
    }
    Err(StoreError::Refused(format!("`{DOCUMENT}` is written by others all the time")))
}

/// One that cannot be read counts as none.
async fn read(store: &dyn Store) -> Result<(u64, Vec<Run>), StoreError> {
    let Some(found) = store.document(DOCUMENT).await? else { return Ok((0, Vec::new())) };
    Ok((found.version, serde_json::from_slice(&found.content).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::embedded::{Embedded, Limits},
    };

    #[tokio::test]
    async fn the_newest_runs_are_remembered_and_no_more_than_may_be() {
        let store = Embedded::in_memory(Limits::default(), Clock::system());
        for n in 0..60 {
            let run = Run { at: Timestamp(n), why: Why::Budgets, by: "schedule".into(), removed: Removed::default() };
            note(&store, run).await.expect("noted");
        }
        let past = past(&store).await.expect("read");
        assert_eq!((past.len(), past[0].at), (MOST, Timestamp(59)));
    }
}
