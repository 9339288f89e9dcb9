//! When a breaker opens, probes and closes: a pure machine, told the time and a roll of the dice.

use std::time::Duration;

use super::window::Window;
use crate::{clock::Timestamp, units::Ratio};

/// When a breaker opens and how long it stays open.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// So many failures in a row open it, if the share of failures agrees: one unlucky pair among a thousand good answers
    /// says nothing, the same pair alone says everything.
    pub in_a_row: u32,
    /// The share of failures over the last ten seconds that opens it.
    pub share: Ratio,
    /// Below so many answers in ten seconds the share alone opens nothing.
    pub min_samples: u32,
    /// How long it stays open; up to a fifth longer at random, so that a fleet does not probe in step.
    pub recovery: Duration,
    /// How many times longer it stays open after a probe that failed.
    pub patience: u32,
    /// How long it stays open while another node of the fleet finds out.
    pub ask_again: Duration,
    /// The longest that a provider's Retry-After may keep it open.
    pub longest_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_a_row: 2,
            share: Ratio::basis_points(5_000),
            min_samples: 20,
            recovery: Duration::from_secs(15),
            patience: 2,
            ask_again: Duration::from_secs(2),
            longest_wait: Duration::from_secs(60),
        }
    }
}

/// How an attempt ended, in the breaker's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model answered.
    Answered,
    /// It failed in a way that speaks against its health.
    Failed,
    /// It refused for its load and said for how long to stay away.
    AskedToWait(Duration),
    /// The attempt was given up for reasons of ours: no evidence.
    Abandoned,
    /// Nothing was sent: another node of the fleet is probing, or has just found the model down.
    Outvoted,
}

/// Why it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// So many failures in a row.
    InARow(u32),
    /// This share of the attempts of the last ten seconds failed.
    Share(Ratio),
    /// The provider asked for so much time.
    AskedToWait(Duration),
    /// The probe failed.
    ProbeFailed,
}

/// Leave to send one attempt; its outcome is to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    epoch: u64,
    /// Whether this attempt decides if the breaker closes.
    pub probe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Traffic flows.
    Closed,
    /// Traffic is refused until then.
    Open { until: Timestamp },
    /// One attempt may find out; it may be under way.
    HalfOpen { probing: bool },
}

/// The breaker of one model.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    state: State,
    /// Grows with every opening and closing: what was sent before says nothing about after.
    epoch: u64,
    window: Window,
    in_a_row: u32,
}

impl Machine {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed, epoch: 0, window: Window::default(), in_a_row: 0 }
    }

    /// Leave to send an attempt.
    ///
    /// # Errors
    /// Until when the breaker is open; `now` while another attempt is probing.
    pub fn admit(&mut self, now: Timestamp) -> Result<Pass, Timestamp> {
        match self.state {
            State::Closed => Ok(Pass { epoch: self.epoch, probe: false }),
            State::Open { until } if now < until => Err(until),
            State::HalfOpen { probing: true } => Err(now),
            State::Open { .. } | State::HalfOpen { probing: false } => {
                self.state = State::HalfOpen { probing: true };
                Ok(Pass { epoch: self.epoch, probe: true })
            }
        }
    }

    /// Learns how an admitted attempt ended; why the breaker opened, if it did. `roll` is between 0 and 1.
    pub fn record(&mut self, pass: Pass, outcome: Outcome, now: Timestamp, roll: f64) -> Option<Trip> {
        if pass.epoch != self.epoch {
            return None;
        }
        match outcome {
            Outcome::Answered => self.answered(pass, now),
            Outcome::Abandoned => self.abandoned(pass),
            Outcome::Outvoted => self.outvoted(pass, now, roll),
            Outcome::AskedToWait(wait) => return Some(self.step_aside(wait, now)),
            Outcome::Failed => return self.failed(pass, now, roll),
        }
        None
    }

    /// Whether traffic is refused or only a probe goes through.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// For how long traffic is refused from now on; `None` when it is not.
    pub fn refuses_for(&self, now: Timestamp) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until.since(now)),
            _ => None,
        }
    }

    /// For the gauge: 1 open, 0.5 when it may probe, 0 closed.
    pub fn level(&self, now: Timestamp) -> f64 {
        match self.state {
            State::Closed => 0.0,
            State::Open { until } if now < until => 1.0,
            State::Open { .. } | State::HalfOpen { .. } => 0.5,
        }
    }

    fn answered(&mut self, pass: Pass, now: Timestamp) {
        if pass.probe {
            self.turn(State::Closed);
        }
        self.in_a_row = 0;
        self.window.record(now, false);
    }

    fn abandoned(&mut self, pass: Pass) {
        if pass.probe {
            self.state = State::HalfOpen { probing: false };
        }
    }

    fn outvoted(&mut self, pass: Pass, now: Timestamp, roll: f64) {
        if pass.probe {
            self.state = State::Open { until: now + self.settings.ask_again.mul_f64(1.0 + roll / 5.0) };
        }
    }

    fn failed(&mut self, pass: Pass, now: Timestamp, roll: f64) -> Option<Trip> {
        self.in_a_row += 1;
        self.window.record(now, true);
        let trip = if pass.probe { Some(Trip::ProbeFailed) } else { self.trip(now) }?;
        let factor = if pass.probe { self.settings.patience } else { 1 };
        let open = (self.settings.recovery * factor).mul_f64(1.0 + roll / 5.0);
        self.turn(State::Open { until: now + open });
        Some(trip)
    }

    fn trip(&self, now: Timestamp) -> Option<Trip> {
        let (failures, samples) = self.window.totals(now);
        let share = Ratio::of(failures, samples).filter(|share| *share >= self.settings.share)?;
        if self.in_a_row >= self.settings.in_a_row {
            return Some(Trip::InARow(self.in_a_row));
        }
        (samples >= u64::from(self.settings.min_samples)).then_some(Trip::Share(share))
    }

    fn step_aside(&mut self, wait: Duration, now: Timestamp) -> Trip {
        let wait = wait.min(self.settings.longest_wait);
        self.turn(State::Open { until: now + wait });
        Trip::AskedToWait(wait)
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.in_a_row = 0;
        self.window = Window::default();
    }
}
