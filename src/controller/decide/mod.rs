//! Policies: what should be done, and what not, each with its reason. Pure.
//!
//! [`decide`] looks at the level of things, never at edges: the same state and the same sight give the same decision,
//! after a restart as on any other day. Missing data never starts a remedy and never ends one. A policy without an open
//! episode is weighed in `consider`; one with an open episode goes on in `progress`.

pub mod apart;
pub mod conflict;
mod consider;
pub mod episode;
pub mod policy;
mod progress;
mod raw;
pub mod redis_config;
pub mod state;
mod step;
mod steps;
mod take_back;
mod trigger;
mod usurped;
pub mod validate;
pub mod verdict;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use self::{
    episode::Episode,
    policy::{Condition, Policy},
    state::State,
    verdict::{Decision, Verdict, Why},
};
use super::{alarm::Judgement, diagnosis::Diagnosis, event::Event};
use crate::{
    clock::Timestamp,
    ids::{AlarmName, KnobName, PolicyName, TreeName},
    knob::board::Setting,
};

/// What is seen at one moment.
pub struct Seen<'a> {
    /// How each alarm and composite stands.
    pub alarms: &'a BTreeMap<AlarmName, Judgement>,
    /// Composites whose actions are held back by their suppressor, and why.
    pub suppressed: &'a BTreeMap<AlarmName, String>,
    /// What each tree found.
    pub diagnoses: &'a BTreeMap<TreeName, Diagnosis>,
    /// How each knob stands.
    pub settings: &'a BTreeMap<KnobName, Setting>,
    /// The incidents that are open, by alarm.
    pub incidents: &'a BTreeMap<AlarmName, String>,
    /// The nodes that have yet to take over the newest knobs, in words.
    pub lagging: &'a [String],
    /// What happened around the engine lately, oldest first.
    pub events: &'a [Event],
    /// Whether a condition holds.
    pub holds: &'a Ask<'a>,
}

/// Whether a condition holds, given a diagnosis; the error says what is missing to tell.
pub type Ask<'a> = dyn Fn(&Condition, Option<&Diagnosis>) -> Result<bool, String> + 'a;

/// What all policies together may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Remedies' changes an hour, over all policies. Taking back is never limited.
    pub changes_per_hour: usize,
    /// Failures in a row after which a policy is locked.
    pub failures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes_per_hour: 60, failures: 3 }
    }
}

/// What each policy wants, given what we remember and what we see.
pub fn decide(policies: &[Policy], limits: &Limits, state: &State, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let mut claims = Claims::of(policies, state);
    let mut decision = Decision::default();
    for policy in by_rank(policies) {
        let verdict = match state.open(&policy.name) {
            Some(episode) => progress::progress(policy, episode, state, seen, now),
            None => consider::consider(policy, limits, state, seen, &claims, now),
        };
        if matches!(verdict, Verdict::Move(..)) {
            claims.take(policy);
        }
        decision.verdicts.insert(policy.name.clone(), verdict);
    }
    let known: BTreeSet<_> = policies.iter().map(|policy| &policy.name).collect();
    for orphan in state.episodes.values().filter(|episode| !known.contains(&episode.policy)) {
        decision.verdicts.insert(orphan.policy.clone(), progress::abandon(orphan, now));
    }
    let wakes = decision.verdicts.values().filter_map(|verdict| verdict.why().wake_at());
    let scheduled = policies.iter().filter_map(|policy| policy.when.next_time(now));
    decision.wake_at = wakes.chain(scheduled).filter(|at| *at > now).min();
    decision
}

/// The higher priority first, then the graver, then by name: the same order every time.
fn by_rank(policies: &[Policy]) -> Vec<&Policy> {
    let mut ranked: Vec<_> = policies.iter().collect();
    ranked.sort_by(|a, b| (Reverse(a.priority), a.severity, &a.name).cmp(&(Reverse(b.priority), b.severity, &b.name)));
    ranked
}

/// Who has what: one writer per knob at a time.
struct Claims<'a> {
    targets: BTreeMap<(String, String), PolicyName>,
    active: BTreeMap<PolicyName, Option<&'a Policy>>,
}

impl<'a> Claims<'a> {
    fn of(policies: &'a [Policy], state: &State) -> Self {
        let mut claims = Self { targets: BTreeMap::new(), active: BTreeMap::new() };
        for episode in state.episodes.values() {
            match policies.iter().find(|policy| policy.name == episode.policy) {
                Some(policy) => claims.take(policy),
                None => claims.take_applied(episode),
            }
        }
        claims
    }

    fn take(&mut self, policy: &'a Policy) {
        for (kind, target) in policy.targets() {
            self.targets.entry((kind.to_owned(), target.to_owned())).or_insert_with(|| policy.name.clone());
        }
        self.active.insert(policy.name.clone(), Some(policy));
    }

    fn take_applied(&mut self, orphan: &Episode) {
        for applied in &orphan.applied {
            self.targets.insert((applied.kind.clone(), applied.target.clone()), orphan.policy.clone());
        }
        self.active.insert(orphan.policy.clone(), None);
    }

    /// Another policy that stands in the way of this one.
    fn against(&self, policy: &Policy) -> Option<Why> {
        let taken = policy.targets().find_map(|(kind, target)| {
            let writer = self.targets.get(&(kind.to_owned(), target.to_owned()))?;
            (*writer != policy.name)
                .then(|| Why::HeldBy { target: target.to_owned(), writer: format!("policy {writer}") })
        });
        let excluded = || {
            let excluded = self.active.iter().find(|(name, other)| {
                policy.excludes.contains(*name)
                    || other.is_some_and(|other| other.name != policy.name && other.excludes.contains(&policy.name))
            });
            excluded.map(|(name, _)| Why::HeldBy { target: "this situation".into(), writer: format!("policy {name}") })
        };
        taken.or_else(excluded)
    }
}

#[cfg(test)]
mod tests;
