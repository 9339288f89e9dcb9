//! What the controller remembers between two decisions. The journal keeps all of it over restarts.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    episode::{Episode, Phase},
    verdict::Move,
};
use crate::{
    clock::Timestamp,
    controller::{incident::Outcome, order::Purpose},
    ids::PolicyName,
};

/// The span over which changes are counted against budgets.
pub const BUDGET_SPAN: Duration = Duration::from_secs(3_600);

/// What the controller remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Episodes that are not closed, by id.
    pub episodes: BTreeMap<String, Episode>,
    /// What each policy did before.
    pub records: BTreeMap<PolicyName, Record>,
    /// What holds for all policies.
    pub standing: Standing,
}

/// What holds for all policies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The hold switch, when it is on.
    pub hold: Option<Hold>,
    /// When remedies were applied within the last hour, oldest first.
    pub spent: VecDeque<Timestamp>,
}

/// Somebody stopped the controller from acting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What one policy did before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When its last episode closed.
    pub closed: Option<Timestamp>,
    /// Episodes in a row that failed, or whose trigger came back soon after.
    pub failures: u32,
    /// When its episodes of the last hour began, oldest first.
    pub begun: VecDeque<Timestamp>,
    /// The newest event or scheduled time that it has dealt with; for these triggers only.
    pub dealt_with: Option<Timestamp>,
    /// How its last episode ended.
    pub outcome: Option<Outcome>,
    /// The trigger of its last episode (since when it held): one occurrence is remedied once.
    pub occurrence: Option<Timestamp>,
}

impl State {
    /// The open episode of a policy.
    pub fn open(&self, policy: &str) -> Option<&Episode> {
        self.episodes.values().find(|episode| episode.policy == *policy)
    }

    /// Takes over what was decided and written down.
    pub fn adopt(&mut self, step: &Move, now: Timestamp) {
        let episode = &step.episode;
        if episode.phase == Phase::Closed {
            self.episodes.remove(&episode.id);
        } else {
            self.episodes.insert(episode.id.clone(), episode.clone());
        }
        if let Some(record) = &step.record {
            self.records.insert(episode.policy.clone(), record.clone());
        }
        if step.order.as_ref().is_some_and(|order| order.purpose == Purpose::Apply) {
            forget_old(&mut self.standing.spent, now);
            self.standing.spent.push_back(now);
        }
    }

    /// What a policy did before.
    pub fn record(&self, policy: &str) -> Record {
        self.records.get(policy).cloned().unwrap_or_default()
    }
}

/// Forgets the moments that no longer count against a budget.
pub fn forget_old(moments: &mut VecDeque<Timestamp>, now: Timestamp) {
    while moments.front().is_some_and(|at| *at + BUDGET_SPAN <= now) {
        moments.pop_front();
    }
}

/// When a budget of `most` an hour has room again; `None` when it has room now.
pub fn room_at(moments: &VecDeque<Timestamp>, most: usize, now: Timestamp) -> Option<Timestamp> {
    let recent: Vec<_> = moments.iter().filter(|at| **at + BUDGET_SPAN > now).collect();
    let oldest_in_the_way = recent.len().checked_sub(most.max(1))?;
    Some(*recent[oldest_in_the_way] + BUDGET_SPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_room_again_an_hour_after_the_change_that_filled_it() {
        let spent = VecDeque::from([Timestamp(0), Timestamp(60_000)]);
        assert_eq!(room_at(&spent, 3, Timestamp(90_000)), None);
        assert_eq!(room_at(&spent, 2, Timestamp(90_000)), Some(Timestamp(3_600_000)));
        assert_eq!(room_at(&spent, 2, Timestamp(3_600_000)), None);
    }
}
