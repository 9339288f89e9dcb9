//! The network of a drill's world: a resolver in each zone, and the endpoint of the models, which may move.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    drill::world::Resolving,
    resolve::lookup::{Lookup, Trouble},
};

/// The name of the models' endpoint: one for all of them, as with Bedrock.
pub(super) const ENDPOINT: &str = "models.drill.internal";

/// What a resolver takes when nothing is wrong with it.
const USUAL: Duration = Duration::from_millis(3);

/// For so long an endpoint that has moved is still served where it was.
const WINDS_DOWN: Duration = Duration::from_secs(120);

/// All zones, and where the endpoint is.
pub(super) struct Network {
    state: Mutex<State>,
    dice: Arc<Dice>,
    clock: Clock,
}

#[derive(Default)]
struct State {
    resolvers: BTreeMap<Arc<str>, Resolving>,
    /// How often the endpoint has moved, and when last; its address tells.
    moves: u8,
    moved: Timestamp,
}

impl Network {
    pub(super) fn new(dice: Arc<Dice>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), dice, clock })
    }

    /// The resolver of a zone is like this from now on.
    pub(super) fn turn(&self, zone: &Arc<str>, now: Resolving) {
        self.state().resolvers.insert(zone.clone(), now);
    }

    /// The endpoint is elsewhere from now on; where it was, nobody answers after two minutes.
    pub(super) fn move_endpoint(&self) {
        let mut state = self.state();
        (state.moves, state.moved) = (state.moves.wrapping_add(1), self.clock.now());
    }

    /// The resolver that the nodes of a zone ask.
    pub(super) fn resolver_of(self: &Arc<Self>, zone: &Arc<str>) -> Arc<dyn Lookup> {
        Arc::new(ZoneResolver { network: self.clone(), zone: zone.clone() })
    }

    /// Whether the endpoint is there.
    pub(super) fn is_there(&self, address: IpAddr) -> bool {
        let state = self.state();
        let is_served = self.clock.now().since(state.moved) < WINDS_DOWN;
        address == place(state.moves) || is_served && address == place(state.moves.wrapping_sub(1))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ZoneResolver {
    network: Arc<Network>,
    zone: Arc<str>,
}

#[async_trait]
impl Lookup for ZoneResolver {
    async fn look_up(&self, _: &str) -> Result<Vec<IpAddr>, Trouble> {
        let now = self.network.state().resolvers.get(&self.zone).cloned().unwrap_or_default();
        let takes = now.takes.map_or(USUAL, |span| span.0);
        let dice = &self.network.dice;
        sleep(takes.mul_f64(0.8 + 0.4 * dice.roll())).await;
        if dice.roll() < now.fails.as_f64() {
            return Err(Trouble::Failed("SERVFAIL".into()));
        }
        Ok(vec![place(self.network.state().moves)])
    }
}

/// Where the endpoint is after so many moves.
fn place(moves: u8) -> IpAddr {
    IpAddr::from([10, 0, moves, 7])
}
