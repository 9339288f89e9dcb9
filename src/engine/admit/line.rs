//! The waiting lines, one for each tier, in front of the [`Flow`]. Pure but for the callers' ends of the channels: `now` is told.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Limit, Shares,
    flow::{Flow, Supply},
    rank,
};
use crate::engine::asked::Tier;

/// So many wait at most, all lines together.
const MOST: usize = 20_000;

/// What becomes of a request that comes.
#[derive(Debug)]
pub(super) enum Arrival {
    /// It may go on.
    Enters,
    /// It waits for its turn, which should come after `estimate`.
    Waits { turn: oneshot::Receiver<()>, estimate: Duration },
    /// Its turn would come too late.
    Refused { wait: Duration, by_tier: bool },
}

/// The lines and the tokens that they wait for.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) flow: Flow,
    lines: [VecDeque<oneshot::Sender<()>>; Tier::ALL.len()],
    /// Who still waits; some in the lines have left.
    waiting: [usize; Tier::ALL.len()],
}

impl Lines {
    pub(super) fn new(limit: Limit, shares: &Shares, now: Instant) -> Self {
        Self { flow: Flow::full(limit, shares, now), lines: Default::default(), waiting: Default::default() }
    }

    /// A request comes that can wait for so long.
    pub(super) fn arrive(&mut self, tier: Tier, patience: Duration, now: Instant) -> Arrival {
        self.release(now);
        self.flow.arrived(tier, now);
        if self.waiting[rank(tier)] == 0 && self.flow.take(tier) {
            return Arrival::Enters;
        }
        let wait = self.estimate(tier);
        if wait > patience || self.is_full() {
            return Arrival::Refused { wait, by_tier: self.flow.holds_back(tier) };
        }
        let (sender, turn) = oneshot::channel();
        self.lines[rank(tier)].push_back(sender);
        self.waiting[rank(tier)] += 1;
        Arrival::Waits { turn, estimate: wait }
    }

    /// How long a request that came now would wait.
    pub(super) fn estimate(&self, tier: Tier) -> Duration {
        let at = rank(tier);
        self.flow.wait(tier, self.waiting[at], self.waiting[..at].iter().sum())
    }

    /// Lets in whoever's turn it is, first in rank first; how many.
    pub(super) fn release(&mut self, now: Instant) -> usize {
        self.flow.refill(now);
        let mut entered = 0;
        for tier in Tier::ALL {
            let at = rank(tier);
            while self.waiting[at] > 0 && self.flow.take(tier) {
                if !self.admit_first(at) {
                    self.flow.give_back(tier);
                    break;
                }
                entered += 1;
            }
        }
        entered
    }

    /// The first who still waits enters; `false` when nobody does.
    fn admit_first(&mut self, at: usize) -> bool {
        while let Some(first) = self.lines[at].pop_front() {
            if first.send(()).is_ok() {
                self.waiting[at] -= 1;
                return true;
            }
        }
        false
    }

    /// One who waited has left.
    pub(super) fn left(&mut self, tier: Tier) {
        let at = rank(tier);
        self.waiting[at] = self.waiting[at].saturating_sub(1);
    }

    /// One who was let in has left at the same moment.
    pub(super) fn unused(&mut self, tier: Tier) {
        self.flow.give_back(tier);
    }

    /// When somebody can be let in; `None` when nobody waits, or only a lease can help.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.flow.next(self.waiting.map(|waiting| waiting > 0), now)
    }

    /// How many wait, all lines together.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// Tokens to lease: what comes until the next lease, those who wait, and a stock, less what is there.
    pub(super) fn wanted(&self, ahead: Duration, least: f64) -> f64 {
        let soon = (self.flow.demand() * ahead.as_secs_f64()).max(least);
        (soon + self.waiting() as f64 - self.flow.in_hand()).max(0.0).min(self.flow.limit().burst)
    }

    pub(super) fn supply_from(&mut self, supply: Supply, now: Instant) {
        self.flow.supply_from(supply, now);
    }

    /// Those who left make room first.
    fn is_full(&mut self) -> bool {
        if self.lines.iter().map(VecDeque::len).sum::<usize>() < MOST {
            return false;
        }
        self.lines.iter_mut().for_each(|line| line.retain(|sender| !sender.is_closed()));
        self.lines.iter().map(VecDeque::len).sum::<usize>() >= MOST
    }
}
