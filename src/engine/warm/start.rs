//! A node that starts takes over the fleet's hottest entries before it serves, so that it does not go cold to the store, or
//! to the models, for what everybody asks.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tracing::info;

use crate::{
    engine::answer::Engine,
    store::{Store, keeping::budgets},
};

/// Entries taken over.
const HOTTEST: usize = 2_000;
/// Read at once.
const AT_ONCE: usize = 32;

/// Takes over the hottest entries, for at most `most`; how many.
pub async fn take_over(engine: &Engine, store: &Arc<dyn Store>, most: Duration) -> usize {
    let mut taken = 0;
    let work = async {
        let hottest = budgets::hottest(&**store, HOTTEST).await.unwrap_or_default();
        let mut reading = stream::iter(hottest).map(|about| engine.recall.hold(about.key)).buffered(AT_ONCE);
        while let Some(held) = reading.next().await {
            taken += usize::from(held);
        }
    };
    let in_time = timeout(most, work).await.is_ok();
    info!(entries = taken, in_time, "The hottest entries are held.");
    taken
}
