//! Looks every second for dead letters whose time has come.

use std::{sync::Arc, time::Duration};

use super::intake::Intake;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

/// Runs for ever; safe to drop at any await, because what was tried is tried again.
pub async fn run(intake: Arc<Intake>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = intake.replay_due().await {
            tracing::warn!(%error, "Dead letters could not be tried again; the next look does.");
            tokio::time::sleep(EVERY * 30).await;
        }
    }
}
