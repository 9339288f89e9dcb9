//! The store of a process: Redis for a fleet, else this process's own.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use super::{loaded::StartError, settings::Settings};
use crate::{
    clock::Clock,
    dice::Dice,
    resolve::Resolver,
    store::{Store, embedded, measured::Measured, redis},
    tasks::Tasks,
    telemetry::registry::Registry,
    units::Bytes,
};

/// How long a start waits for Redis; without it the engine serves all the same.
const REDIS_AT_START: Duration = Duration::from_millis(200);

/// Opens it; the Redis beside it is for those who ask the servers themselves.
///
/// # Errors
/// When the folder for state cannot be made, or the store cannot be opened.
pub(super) async fn open(
    settings: &Settings,
    resolver: &Resolver,
    clock: Clock,
    dice: &Arc<Dice>,
    registry: &Registry,
    tasks: &Tasks,
) -> Result<(Arc<dyn Store>, Option<redis::Redis>), StartError> {
    std::fs::create_dir_all(&settings.state).map_err(|error| {
        StartError::Machine(format!(
            "cannot create {}: {error}. `state:` names another folder",
            settings.state.display()
        ))
    })?;
    let machine = |error: &dyn std::fmt::Display| StartError::Machine(error.to_string());
    if let Some(options) = settings.redis.clone() {
        let options = redis::Options { entries: settings.limits.entries, resolver: resolver.clone(), ..options };
        let store =
            redis::Redis::connect(options, clock, dice.clone(), registry, tasks).map_err(|error| machine(&error))?;
        if !store.connected(REDIS_AT_START).await {
            warn!("Redis does not answer yet; the engine serves without it and goes on trying.");
        }
        return Ok((Arc::new(Measured::new(store.clone(), registry)), Some(store)));
    }
    let limits = embedded::Limits {
        bytes: Bytes(settings.limits.cache),
        entries: settings.limits.entries,
        ..embedded::Limits::default()
    };
    let path = settings.state.join("cache.sqlite");
    let store = embedded::Embedded::open(&path, limits, clock, tasks).map_err(|error| machine(&error))?;
    Ok((Arc::new(Measured::new(store, registry)), None))
}
