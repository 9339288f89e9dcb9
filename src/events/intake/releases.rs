//! A release that is announced has the cache warmed for it.

use tracing::warn;

use super::Intake;
use crate::{
    clock::Timestamp,
    controller::event::Event,
    store::keeping::release::{self, Release},
};

/// The release that an event announces: `details.at` says when it comes (else the event's own time), `details.volume`
/// which. A mapping's hint to warm is one that is wanted at once. `None` for events of other kinds.
///
/// # Errors
/// `details.at` is no time.
pub(super) fn of(event: &Event) -> Result<Option<Release>, String> {
    if !["release", "warming"].contains(&event.kind.as_str()) {
        return Ok(None);
    }
    let at = match event.details.get("at") {
        None => event.at,
        Some(at) => chrono::DateTime::parse_from_rfc3339(at)
            .map(|at| Timestamp::from(at.to_utc()))
            .map_err(|error| format!("`at: {at}` is no time ({error}): write 2026-12-04T00:00:00+09:00"))?,
    };
    let volume = event.details.get("volume").and_then(|volume| volume.parse().ok());
    Ok(Some(Release { at, title: event.subject.clone(), volume }))
}

impl Intake {
    /// Announces the releases among these to the fleet. That it cannot be done costs warmth, and the event nothing.
    pub(super) async fn announce(&self, happened: &[Event]) {
        let now = self.clock.now();
        for event in happened {
            let release = match of(event) {
                Ok(Some(release)) if !release.is_past(now) => release,
                Ok(_) => continue,
                Err(why) => {
                    warn!(why, "A release was announced without a time; the cache is not warmed for it.");
                    continue;
                }
            };
            if let Err(error) = release::announce(&*self.store, &release, now).await {
                warn!(%error, %release, "A release could not be announced to the fleet; the cache is not warmed for it.");
            }
        }
    }
}
