//! The shop's services as the engine uses them: the origin cache, the live catalogue, the price checks.

use std::sync::Arc;

use super::{loaded::StartError, settings::Settings, shop::Shop};
use crate::{
    engine::{
        answer::Engine,
        origin::{self, Clients, Origins},
        price::{
            catalogue::Catalogue,
            checker::{self, Checker},
        },
    },
    outbound::Outbound,
    resolve::Resolver,
    store::Store,
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// What they work with.
pub(super) struct Around<'a> {
    pub(super) shop: &'a Shop,
    pub(super) engine: &'a Engine,
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    pub(super) resolver: &'a Resolver,
}

/// Those that are there.
pub(super) struct Services {
    pub(super) origins: Origins,
    /// `None` when no file says how it is asked, or nobody said where it is.
    pub(super) catalogue: Option<Catalogue>,
}

/// The live catalogue of these settings.
pub fn catalogue(shop: &Shop, clients: &Clients) -> Option<Catalogue> {
    let asking = shop.catalogue.clone()?;
    let client = clients.get(&asking.place)?.clone();
    Some(Catalogue::new(asking, client))
}

/// Clients of the services that the settings name.
///
/// # Errors
/// The machine's certificates cannot be read.
pub fn clients(settings: &Settings, resolver: &Resolver, registry: &Registry) -> Result<Clients, String> {
    let outbound =
        Outbound::on(resolver).map_err(|error| format!("the machine's certificates cannot be read: {error}"))?;
    Ok(origin::clients(&settings.origins, &outbound, registry))
}

/// Starts them; what they do in the background runs in `tasks`.
pub(super) fn start(settings: &Settings, around: Around<'_>, tasks: &Tasks) -> Result<Services, StartError> {
    let Around { shop, engine, store, registry, resolver } = around;
    let (clock, dice) = (engine.clock, engine.dice.clone());
    let clients = clients(settings, resolver, &registry).map_err(StartError::Machine)?;
    let catalogue = catalogue(shop, &clients);
    if let Some(catalogue) = catalogue.clone() {
        let parts = checker::Parts {
            store: store.clone(),
            understanding: engine.understanding.clone(),
            catalogue: Arc::new(catalogue),
            dice: dice.clone(),
            registry: registry.clone(),
        };
        Checker::new(parts).start(tasks);
    }
    let (definitions, calendar) = (shop.origins.to_vec(), engine.calendar.clone());
    let origins = Origins::start(origin::Parts { definitions, clients, store, registry, clock, dice, calendar }, tasks);
    Ok(Services { origins, catalogue })
}
