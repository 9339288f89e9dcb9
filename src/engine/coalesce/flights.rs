//! The answers under way on this node, and how many wait for each.

use std::collections::{BTreeMap, HashMap};

use crate::{
    digest::Digest,
    engine::answer_log::{AnswerLog, LogWriter},
};

struct Flight {
    id: u64,
    log: AnswerLog,
    /// Who asked: the leader's client and the followers.
    crowd: usize,
}

/// What became of a request that joined.
pub(super) enum Joined {
    Leading { id: u64, writer: LogWriter, log: AnswerLog },
    Following(AnswerLog),
}

#[derive(Default)]
pub(super) struct Flights {
    under_way: HashMap<Digest, Flight>,
    /// How many flights there are with a crowd of each size.
    crowds: BTreeMap<usize, usize>,
    askers: usize,
    last_id: u64,
}

impl Flights {
    pub(super) fn join(&mut self, key: Digest) -> Joined {
        self.askers += 1;
        if let Some(flight) = self.under_way.get_mut(&key) {
            flight.crowd += 1;
            let (crowd, log) = (flight.crowd, flight.log.clone());
            self.resize(crowd - 1, crowd);
            return Joined::Following(log);
        }
        self.last_id += 1;
        let id = self.last_id;
        let (writer, log) = AnswerLog::open();
        self.under_way.insert(key, Flight { id, log: log.clone(), crowd: 1 });
        self.resize(0, 1);
        Joined::Leading { id, writer, log }
    }

    /// Ends a flight, if it still is this one.
    pub(super) fn end(&mut self, key: &Digest, id: u64) {
        if self.under_way.get(key).is_some_and(|flight| flight.id == id) {
            self.remove(key);
        }
    }

    /// Gives a flight up whose log is `stuck`, so that the next to join leads; `false` when it is gone or another one.
    pub(super) fn abandon(&mut self, key: &Digest, stuck: &AnswerLog) -> bool {
        let is_stuck = self.under_way.get(key).is_some_and(|flight| flight.log.is(stuck));
        if is_stuck {
            self.remove(key);
        }
        is_stuck
    }

    /// Requests for the most wanted answer.
    pub(super) fn largest_crowd(&self) -> usize {
        self.crowds.last_key_value().map_or(0, |(crowd, _)| *crowd)
    }

    /// Requests waiting for another request's answer.
    pub(super) fn followers(&self) -> usize {
        self.askers - self.under_way.len()
    }

    fn remove(&mut self, key: &Digest) {
        if let Some(flight) = self.under_way.remove(key) {
            self.askers -= flight.crowd;
            self.resize(flight.crowd, 0);
        }
    }

    /// One flight's crowd is now `to` instead of `from`; 0 is no flight.
    fn resize(&mut self, from: usize, to: usize) {
        if let Some(flights) = self.crowds.get_mut(&from) {
            *flights -= 1;
            if *flights == 0 {
                self.crowds.remove(&from);
            }
        }
        if to > 0 {
            *self.crowds.entry(to).or_default() += 1;
        }
    }
}
