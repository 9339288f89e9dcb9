//! From names to addresses, for everything that this process connects to: models, origins, AWS, Redis, webhooks.
//!
//! What it promises: an answer of the resolver serves for a minute and is asked for anew before that is over; a resolver that
//! fails or is slow costs a name that is known at most a short wait, because the last good answer serves; one look-up of a
//! name at a time, each with a deadline; every look-up is measured under the zone that this node runs in.
//!
//! What it leaves to others: which address of several is tried, and whether an address still answers; a connector that finds
//! nobody says so ([`Resolver::doubt`]). The resolver behind it is the machine's own ([`lookup`]); why not a DNS client of our own stands in
//! `docs/decisions/0016-names-are-remembered-here.md`. [`memory`] and [`standing`] are pure.

pub mod address;
mod connect;
pub mod lookup;
pub mod memory;
mod meters;
pub mod standing;
pub mod zone;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use self::connect::Connector;

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use self::{
    lookup::{Lookup, System, Trouble},
    memory::{Addresses, Memory, Recalled, Terms},
    meters::Meters,
    standing::Standing,
};
use crate::{clock::Clock, telemetry::registry::Registry};

/// How often names that are in use are looked through for those to be asked anew.
const TICK: Duration = Duration::from_secs(1);

/// Knows addresses. Clones share what they know.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    lookup: Arc<dyn Lookup>,
    state: Mutex<State>,
    terms: Terms,
    zone: Arc<str>,
    clock: Clock,
    meters: Meters,
}

struct State {
    memory: Memory,
    standing: Standing,
    flights: BTreeMap<Arc<str>, Flight>,
}

/// What a look-up comes to: nothing yet, or its end.
type Flight = watch::Receiver<Option<Result<Addresses, Trouble>>>;

/// There is no address for a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address for {name}: {trouble}. Is the name right? If so, look at the resolver of this machine")]
pub struct NoAddress {
    /// Which name.
    pub name: Arc<str>,
    /// Why.
    pub trouble: Trouble,
}

impl Resolver {
    /// On top of `lookup`; what it takes is measured under `zone`.
    pub fn new(lookup: Arc<dyn Lookup>, terms: Terms, zone: &str, clock: Clock, registry: &Registry) -> Self {
        let (memory, standing) = (Memory::new(terms.clone()), Standing::default());
        let state = Mutex::new(State { memory, standing, flights: BTreeMap::new() });
        let meters = Meters::new(registry, zone);
        Self(Arc::new(Inner { lookup, state, terms, zone: zone.into(), clock, meters }))
    }

    /// On top of the machine's resolver, with the usual terms, measured for nobody: for commands and tests.
    pub fn system() -> Self {
        let registry = Registry::default();
        Self::new(Arc::new(System::default()), Terms::default(), zone::UNKNOWN, Clock::system(), &registry)
    }

    /// The zone that this node runs in.
    pub fn zone(&self) -> &str {
        &self.0.zone
    }

    /// The addresses of a name. Safe to drop: the look-up goes on for whoever asks next.
    ///
    /// # Errors
    /// [`NoAddress`], only for names that had no good answer for as long as one is kept.
    pub async fn resolve(&self, name: &str) -> Result<Addresses, NoAddress> {
        if let Some(address) = literal(name) {
            return Ok([address].into());
        }
        let name = canonical(name);
        let recalled = self.state().memory.recall(&name, self.0.clock.now());
        match recalled {
            Recalled::Fresh(addresses) => Ok(addresses),
            Recalled::LastGood { addresses, ask } => Ok(self.renewed(&name, addresses, ask).await),
            Recalled::Failed(trouble) => Err(NoAddress { name, trouble }),
            Recalled::Unknown => {
                landed(self.fly(&name)).await.map_err(|trouble| NoAddress { name: name.clone(), trouble })
            }
        }
    }

    /// The addresses of a name that follows its service about, as an endpoint that fails over does: asked for now, and what
    /// is known only where the resolver fails or is slow.
    ///
    /// # Errors
    /// [`NoAddress`], as with [`resolve`](Self::resolve).
    pub async fn newest(&self, name: &str) -> Result<Addresses, NoAddress> {
        if let Some(address) = literal(name) {
            return Ok([address].into());
        }
        let name = canonical(name);
        let recalled = self.state().memory.recall(&name, self.0.clock.now());
        match recalled {
            Recalled::Fresh(addresses) => Ok(self.renewed(&name, addresses, true).await),
            Recalled::LastGood { addresses, ask } => Ok(self.renewed(&name, addresses, ask).await),
            Recalled::Failed(trouble) => Err(NoAddress { name, trouble }),
            Recalled::Unknown => self.resolve(&name).await,
        }
    }

    /// Tells that nobody was found at the addresses of a name: whoever connects next asks anew.
    pub fn doubt(&self, name: &str) {
        self.state().memory.doubt(&canonical(name), self.0.clock.now());
    }

    /// Asks the resolver now, whatever is known, and how long that took. A look-up that is under way is joined.
    ///
    /// # Errors
    /// The resolver gave no answer, whether or not a last good one is known.
    pub async fn look_up(&self, name: &str) -> Result<(Addresses, Duration), NoAddress> {
        if let Some(address) = literal(name) {
            return Ok(([address].into(), Duration::ZERO));
        }
        let (name, began) = (canonical(name), Instant::now());
        let found = landed(self.fly(&name)).await.map_err(|trouble| NoAddress { name: name.clone(), trouble })?;
        Ok((found, began.elapsed()))
    }

    /// How the resolver of this node has done within the last minute.
    pub fn health(&self) -> standing::Health {
        self.state().standing.health(self.0.clock.now())
    }

    /// Asks anew for names in use before their answers end, and shows how the resolver does. Runs until dropped.
    pub async fn keep_fresh(self) {
        loop {
            let due = self.state().memory.due(self.0.clock.now());
            for name in due {
                drop(self.fly(&name));
            }
            self.0.meters.show(&self.health());
            tokio::time::sleep(TICK).await;
        }
    }

    /// A fresh answer if it comes within the short wait, else the last good one.
    async fn renewed(&self, name: &Arc<str>, last_good: Addresses, ask: bool) -> Addresses {
        if ask && let Ok(Ok(fresh)) = timeout(self.0.terms.wait, landed(self.fly(name))).await {
            return fresh;
        }
        self.0.meters.last_good();
        last_good
    }

    /// Joins the look-up of a name that is under way, or starts one.
    fn fly(&self, name: &Arc<str>) -> Flight {
        let mut state = self.state();
        if let Some(flight) = state.flights.get(name) {
            return flight.clone();
        }
        let (tell, hear) = watch::channel(None);
        state.flights.insert(name.clone(), hear.clone());
        drop(state);
        let landing = Landing { resolver: self.clone(), name: name.clone() };
        #[expect(clippy::disallowed_methods, reason = "it ends with its deadline, a few seconds at most")]
        tokio::spawn(async move {
            let outcome = landing.resolver.ask(&landing.name).await;
            drop(landing);
            tell.send_replace(Some(outcome));
        });
        hear
    }

    /// One look-up, measured and remembered.
    async fn ask(&self, name: &Arc<str>) -> Result<Addresses, Trouble> {
        let began = Instant::now();
        let answer = timeout(self.0.terms.deadline, self.0.lookup.look_up(name)).await;
        let answer = answer.unwrap_or(Err(Trouble::Late(self.0.terms.deadline)));
        let answer = answer.and_then(|found| if found.is_empty() { Err(Trouble::Empty) } else { Ok(found) });
        let (now, took) = (self.0.clock.now(), began.elapsed());
        let mut state = self.state();
        let outcome = match answer {
            Ok(found) => state.memory.learn(name, found, now),
            Err(trouble) => {
                state.memory.fail(name, &trouble, now);
                Err(trouble)
            }
        };
        state.standing.note(now, took, outcome.is_ok());
        let health = state.standing.health(now);
        drop(state);
        self.0.meters.looked_up(took, outcome.as_ref().err());
        self.0.meters.show(&health);
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a look-up off the list when it ends, also when its runtime does.
struct Landing {
    resolver: Resolver,
    name: Arc<str>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.resolver.state().flights.remove(&self.name);
    }
}

async fn landed(mut flight: Flight) -> Result<Addresses, Trouble> {
    let outcome = flight.wait_for(Option::is_some).await;
    outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(Trouble::Interrupted))
}

/// An address that needs no look-up: `10.0.0.5`, `[fd00::1]`.
fn literal(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// One form for all spellings of a name.
fn canonical(name: &str) -> Arc<str> {
    name.trim_end_matches('.').to_ascii_lowercase().into()
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("zone", &self.0.zone).finish_non_exhaustive()
    }
}
