//! Going through a store's ledger, and removing what was chosen, without anybody noticing.

use std::time::Duration;

use super::Removed;
use crate::store::{About, Store, StoreError};

/// Entries read or removed with one call.
const PAGE: usize = 500;
/// The rest after each removal: others are served meanwhile.
const REST: Duration = Duration::from_millis(5);

/// Shows every entry of the ledger to `see`, which says what to remove of each page.
pub(super) async fn walk(
    store: &dyn Store,
    removed: &mut Removed,
    mut see: impl FnMut(Vec<About>, &Removed) -> Walk,
) -> Result<(), StoreError> {
    let mut cursor = None;
    loop {
        let (page, next) = store.ledger(cursor, PAGE).await?;
        let Walk { remove: gone, ends } = see(page, removed);
        remove(store, &gone, removed).await?;
        match next {
            Some(_) if !ends => cursor = next,
            _ => return Ok(()),
        }
        tokio::task::yield_now().await;
    }
}

/// How a walk goes on after a page.
#[derive(Default)]
pub(super) struct Walk {
    /// What is removed of it.
    pub(super) remove: Vec<About>,
    /// Whether it ends here.
    pub(super) ends: bool,
}

/// Removes entries, some at a time.
pub(super) async fn remove(store: &dyn Store, gone: &[About], removed: &mut Removed) -> Result<(), StoreError> {
    for batch in gone.chunks(PAGE) {
        let keys: Vec<_> = batch.iter().map(|about| about.key).collect();
        store.remove(&keys).await?;
        batch.iter().for_each(|about| removed.add(about));
        tokio::time::sleep(REST).await;
    }
    Ok(())
}
