//! The provider behind the simulated models: one profile, one load and one prompt cache for all nodes that ask it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    load::Load,
    profile::{Fault, FaultKind, Profile},
    prompt_cache::PromptCache,
    prose::tokens,
};
use crate::{
    clock::Timestamp,
    dice::Dice,
    digest::Digest,
    engine::{asked::Asked, model::usage::Usage, prompt::prefix::Prefix},
};

/// A simulated provider. Its profile may be changed while requests are under way; those already received keep theirs.
#[derive(Debug)]
pub struct Simulation {
    state: Mutex<State>,
    dice: Arc<Dice>,
}

#[derive(Debug, Default)]
struct State {
    profile: Profile,
    load: Load,
    prompts: PromptCache,
    at_once: u64,
}

/// What is going to happen to one request.
pub(super) struct Fate {
    /// The request counts as being served until this is dropped.
    pub(super) served: Served,
    pub(super) fault: Option<Fault>,
    pub(super) first_token: Duration,
    pub(super) per_token: Duration,
    /// What it knows about the question.
    pub(super) known: Vec<String>,
    /// The prompt's part of the usage.
    pub(super) prompt: Usage,
}

impl Simulation {
    /// A provider that behaves like this.
    pub fn new(profile: Profile, dice: Arc<Dice>) -> Self {
        Self { state: Mutex::new(State { profile, ..State::default() }), dice }
    }

    /// How it behaves now.
    pub fn profile(&self) -> Profile {
        self.state().profile.clone()
    }

    /// It behaves like this from now on.
    pub fn set(&self, profile: Profile) {
        self.state().profile = profile;
    }

    /// One more thing is wrong with it; a fault of the same kind is replaced.
    pub fn strike(&self, fault: Fault) {
        let mut state = self.state();
        state.profile.faults.retain(|old| old.kind != fault.kind);
        state.profile.faults.push(fault);
    }

    /// Nothing is wrong with it any more.
    pub fn heal(&self) {
        self.state().profile.faults.clear();
    }

    /// Its prompt cache is empty again.
    pub fn forget_prompts(&self) {
        self.state().prompts.clear();
    }

    /// Decides one request's fate when it comes in.
    pub(super) fn receive(self: &Arc<Self>, asked: &Asked, now: Timestamp) -> Fate {
        let mut state = self.state();
        let offered = state.load.arrive(now);
        let slow = state.profile.capacity.map_or(1.0, |capacity| capacity.slow(offered));
        let fault = self.fault(&state, offered, now);
        state.at_once += 1;
        let idle = state.profile.keeps_prefix.0;
        let (all, prefix) = lengths(asked);
        let is_kept = prefix >= state.profile.least_prefix;
        let warm = fault.is_some() || (is_kept && state.prompts.touch(beginning(asked), now, idle));
        let profile = &state.profile;
        let cold = if warm { Duration::ZERO } else { profile.cold.0 };
        let spread = 0.8 + 0.4 * self.dice.roll();
        Fate {
            served: Served(self.clone()),
            fault,
            first_token: (profile.first_token.0 + cold).mul_f64(slow * spread),
            per_token: profile.per_token.0.mul_f64(slow),
            known: profile.knows.iter().filter(|it| it.concerns(&asked.text)).map(|it| it.says.clone()).collect(),
            prompt: prompt(all, if is_kept { prefix } else { 0 }, warm),
        }
    }

    /// What happens to a request instead of an answer: first what the load does, then what was wished for.
    fn fault(&self, state: &State, offered: f64, now: Timestamp) -> Option<Fault> {
        let profile = &state.profile;
        let is_full = profile.at_once.is_some_and(|most| state.at_once >= most);
        let too_many = profile.capacity.is_some_and(|capacity| self.dice.roll() < capacity.throttles(offered));
        if is_full || too_many {
            return Some(Fault::outage(FaultKind::Throttle));
        }
        profile.faults.iter().find(|fault| fault.strikes(now, self.dice.roll())).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Served(Arc<Simulation>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.state().at_once -= 1;
    }
}

/// What the prompt cache knows a prompt by: its system prompt and tools, or all that is said in front of the question.
fn beginning(asked: &Asked) -> Digest {
    Prefix::of(asked).map_or(asked.context, |prefix| prefix.digest)
}

/// The tokens of the prompt, and of its prefix: everything beside the last question.
fn lengths(asked: &Asked) -> (u64, u64) {
    let all = tokens(&asked.body);
    (all, all.saturating_sub(tokens(asked.text.as_bytes())))
}

fn prompt(all: u64, prefix: u64, warm: bool) -> Usage {
    let (cache_read, cache_write) = if warm { (prefix, 0) } else { (0, prefix) };
    Usage { prompt: all, completion: 0, cache_read, cache_write }
}
