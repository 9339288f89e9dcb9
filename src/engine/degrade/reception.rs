//! How users take a degradation message, by variant: whether they ask the same again at once, and whether they come back.
//!
//! Counted are users, not messages: who gets several in one outage counts once, by the first. What is counted is what the
//! engine sees; users without a name cannot be counted.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    digest::Digest,
    engine::{recall::proportion::Share, understand::question::Question},
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// Asking the same again within this time is a retry.
const AT_ONCE: Duration = Duration::from_secs(60);
/// Who asks nothing from the first minute to this time has left.
const GONE: Duration = Duration::from_secs(30 * 60);
/// How many users are watched at once; beyond it new ones are not counted.
const WATCHED: usize = 50_000;

/// Watches the users who got a degradation message.
#[derive(Debug)]
pub struct Reception {
    registry: Arc<Registry>,
    /// Whether anybody is watched: the usual answer is no, and costs nothing.
    watches: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    users: HashMap<Digest, Watched>,
    /// In the order in which they are over.
    due: VecDeque<(Instant, Digest)>,
    tallies: BTreeMap<Arc<str>, Tally>,
}

#[derive(Debug)]
struct Watched {
    variant: Arc<str>,
    question: Digest,
    at: Instant,
    retried: bool,
    came_back: bool,
}

#[derive(Debug)]
struct Tally {
    given: Arc<Counter>,
    retried: Arc<Counter>,
    settled: Arc<Counter>,
    left: Arc<Counter>,
}

/// What is known of one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Its name.
    pub variant: Arc<str>,
    /// Users who got it.
    pub given: u64,
    /// Of these, who asked the same again within a minute.
    pub retried: u64,
    /// Users of whom it is known whether they came back.
    pub settled: u64,
    /// Of these, who did not within half an hour.
    pub left: u64,
    /// Share who asked again, with what it is at least and at most (95 % each). `None` of nobody.
    pub retry_rate: Option<[f64; 3]>,
    /// Share who left, likewise.
    pub leave_rate: Option<[f64; 3]>,
}

impl Reception {
    /// Nobody is watched yet.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry, watches: AtomicBool::new(false), state: Mutex::default() }
    }

    /// A user got a degradation message.
    pub fn given(&self, question: &Question, variant: &Arc<str>) {
        let Some(user) = user(question) else { return };
        let mut state = self.state();
        if state.users.contains_key(&user) || state.users.len() >= WATCHED {
            return;
        }
        let at = Instant::now();
        let watched =
            Watched { variant: variant.clone(), question: question.key, at, retried: false, came_back: false };
        state.users.insert(user, watched);
        state.due.push_back((at + GONE, user));
        state.tally(variant, &self.registry).given.inc();
        self.watches.store(true, Relaxed);
    }

    /// A user asks something.
    pub fn asks(&self, question: &Question) {
        if !self.watches.load(Relaxed) {
            return;
        }
        let Some(user) = user(question) else { return };
        let mut state = self.state();
        let Some(watched) = state.users.get_mut(&user) else { return };
        let at_once = watched.at.elapsed() <= AT_ONCE;
        watched.came_back |= !at_once;
        if at_once && watched.question == question.key && !std::mem::replace(&mut watched.retried, true) {
            let variant = watched.variant.clone();
            state.tally(&variant, &self.registry).retried.inc();
        }
    }

    /// Settles what is over; to be called now and then.
    pub fn settle(&self) {
        if !self.watches.load(Relaxed) {
            return;
        }
        let (now, mut state) = (Instant::now(), self.state());
        while state.due.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, user)) = state.due.pop_front() else { break };
            let Some(watched) = state.users.remove(&user) else { continue };
            let tally = state.tally(&watched.variant, &self.registry);
            tally.settled.inc();
            if !watched.came_back {
                tally.left.inc();
            }
        }
        self.watches.store(!state.users.is_empty(), Relaxed);
    }

    /// What is known of each variant, by name.
    pub fn rates(&self) -> Vec<Rates> {
        let state = self.state();
        let rate = |part: u64, of: u64| {
            let share = Share::new(part, of);
            Some([share.rate()?, share.at_least(), share.at_most()])
        };
        let rates = state.tallies.iter().map(|(variant, tally)| {
            let [given, retried, settled, left] =
                [&tally.given, &tally.retried, &tally.settled, &tally.left].map(|counter| counter.get());
            let (retry_rate, leave_rate) = (rate(retried, given), rate(left, settled));
            Rates { variant: variant.clone(), given, retried, settled, left, retry_rate, leave_rate }
        });
        rates.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tally(&mut self, variant: &Arc<str>, registry: &Registry) -> &Tally {
        self.tallies.entry(variant.clone()).or_insert_with(|| {
            let counter = |metric| registry.counter(metric, &[variant]);
            Tally {
                given: counter(&catalogue::DEGRADED_GIVEN),
                retried: counter(&catalogue::DEGRADED_RETRIED),
                settled: counter(&catalogue::DEGRADED_SETTLED),
                left: counter(&catalogue::DEGRADED_LEFT),
            }
        })
    }
}

fn user(question: &Question) -> Option<Digest> {
    let caller = &question.asked.caller;
    let user = caller.user.as_ref()?;
    Some(Digest::of([caller.tenant.as_bytes(), user.as_bytes()]))
}
