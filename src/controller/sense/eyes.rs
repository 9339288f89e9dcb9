//! What a controller sees by: the engines' registries, here and elsewhere, events that came in, and whatever other sources put
//! into the same history on their own time.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{fleet::EngineSource, history::History, means::Means, remote::RemoteSource};
use crate::{
    clock::Timestamp,
    controller::{event::Event, query::Series, reconcile::Senses},
    telemetry::registry::Registry,
};

/// Events on their way to a controller.
pub type Inbox = Arc<Mutex<Vec<Event>>>;

/// A controller's eyes.
pub struct Eyes {
    /// The engines in this process.
    pub engines: EngineSource,
    /// The engines in others.
    pub remote: RemoteSource,
    /// What alarms compare the present with.
    pub means: Means,
    /// Where all of it is remembered.
    pub history: Arc<History>,
    /// What was announced since the last look.
    pub inbox: Inbox,
    /// Where it shows which sources deliver.
    pub registry: Arc<Registry>,
}

#[async_trait]
impl Senses for Eyes {
    async fn look(&mut self, now: Timestamp) {
        self.engines.look(&self.history, now);
        self.remote.look(&self.history, now).await;
        self.means.look(&self.history, now);
        let events = mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        events.into_iter().for_each(|event| self.history.note(event));
        self.history.gaps(|gaps| gaps.show(&self.registry, now));
    }

    fn series(&self) -> &(dyn Series + Send + Sync) {
        &*self.history
    }

    fn events(&self, since: Timestamp) -> Vec<Event> {
        self.history.events_since(since)
    }
}
