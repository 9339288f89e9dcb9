//! Carrying out decisions: journal first, then act, then look.
//!
//! [`journal`] keeps what must survive a crash, [`carry_out`] moves one order from paper to the world exactly once,
//! [`knobs`] and [`cache`] are the hands for what is ours. Hands for AWS come from outside, by kind, in [`Hands`].

pub mod cache;
pub mod carry_out;
pub mod journal;
pub mod knobs;
pub mod message;
pub mod outbox;
pub mod prompts;
pub mod redis_config;
mod rows;

use std::{collections::BTreeMap, sync::Arc};

use super::actuator::Actuator;

/// The actuators of this installation, by the kind that policies name: `knob`, `clean_up`, `invalidate`, `ssm`, `ecs`, `redis_config` …
#[derive(Clone, Default)]
pub struct Hands(BTreeMap<String, Arc<dyn Actuator>>);

impl Hands {
    /// Adds the actuator for a kind.
    #[must_use]
    pub fn with(mut self, kind: &str, actuator: Arc<dyn Actuator>) -> Self {
        self.0.insert(kind.to_owned(), actuator);
        self
    }

    /// The actuator for a kind; `None` when this installation has none.
    pub fn of(&self, kind: &str) -> Option<&dyn Actuator> {
        self.0.get(kind).map(|actuator| &**actuator)
    }
}
