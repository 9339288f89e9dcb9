//! Cleaning up by hand: what is over budget, or what is worth little.

use axum::{Json, extract::State};
use serde::Deserialize;
use tracing::warn;

use super::away;
use crate::{
    api::admin::{AdminError, Shared},
    ids::IntentId,
    knob,
    store::keeping::{
        MOST_REMOVED,
        clean_up::CleanUp,
        runs::{self, Run, Why},
    },
    telemetry::catalogue,
    units::TimeSpan,
};

/// What to remove.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// What is over its intent's budget first.
    #[serde(default)]
    budgets: bool,
    /// Everything of these intents.
    #[serde(default)]
    intents: Vec<IntentId>,
    /// And what was never asked for and is older than this.
    unused_for: Option<TimeSpan>,
    /// At most so many entries.
    #[serde(default = "most")]
    most: u64,
    /// Who wants it.
    by: String,
}

fn most() -> u64 {
    MOST_REMOVED
}

/// `POST /api/v1/cache/clean-up`; what it removed.
pub(super) async fn clean_up(State(desk): Shared, Json(wish): Json<Wish>) -> Result<Json<Run>, AdminError> {
    if !(1..=MOST_REMOVED).contains(&wish.most) {
        return Err(AdminError::invalid(format!("`most` is {}: one run removes 1 to {MOST_REMOVED}", wish.most)));
    }
    let Wish { budgets, intents, unused_for, most, by } = wish;
    // A controller says `policy:…`, a person their name.
    let by = if by.contains(':') { by } else { format!("operator:{by}") };
    let plan = CleanUp { intents, unused_for: unused_for.map(|span| span.0), most };
    if !budgets && plan.is_nothing() {
        let what = "say what to remove: `budgets`, `intents`, `unused_for` or several; nothing never means everything";
        return Err(AdminError::invalid(what));
    }
    let why = if plan.is_nothing() { Why::Budgets } else { Why::CleanUp };
    let shares = budgets.then(|| knob::budgets::shares(&desk.board));
    let removed = plan.run_with(shares.as_ref(), &*desk.store, desk.clock.now()).await;
    let removed = removed.map_err(away)?;
    let reason = if why == Why::Budgets { "budgets" } else { "clean_up" };
    desk.registry.counter(&catalogue::REMOVED, &[reason]).add(removed.entries);
    warn!(
        by,
        reason,
        entries = removed.entries,
        bytes = removed.bytes,
        "Entries were removed from the cache because somebody asked for it."
    );
    let run = Run { at: desk.clock.now(), why, by, removed };
    if let Err(error) = runs::note(&*desk.store, run.clone()).await {
        warn!(%error, "The run could not be noted.");
    }
    Ok(Json(run))
}
