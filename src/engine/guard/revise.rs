//! Answers that were said before their check was over: who got one, and who must be told that it was wrong.
//!
//! A [`Watch`] lies beside the log of an answer. Whoever sends the answer to somebody says so ([`Watch::given_to`]); when the
//! check finds something, everybody who got it is told, and everybody who gets it from then on. Over a WebSocket they hear of
//! it by themselves; others are in a list (`GET /api/v1/revisions`) and in the exposure trail.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::broadcast;

use super::{over::Verdict, plan::Plan};
use crate::{
    clock::{Clock, Timestamp},
    engine::{exposure::Trail, source::Source, understand::question::Question},
    ids::{IntentId, TenantId},
    telemetry::{
        catalogue::{GUARD_REVISIONS, GUARD_VIOLATIONS},
        metric::Counter,
        registry::Registry,
    },
};

/// The revisions that are remembered, and that somebody who listens may lag behind.
const REMEMBERED: usize = 1_024;
/// Those who get one answer while it is checked; more are only counted.
const MOST_READERS: usize = 10_000;

/// What is said where the operator's files have no words for it.
const PLAINEST: &str = "I need to revise my previous answer: please disregard it.";

/// Somebody was told that an answer was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revised {
    /// When.
    pub at: Timestamp,
    /// Which answer.
    pub trace_id: Arc<str>,
    /// Whose client.
    pub tenant: TenantId,
    /// The user, as the caller named him.
    pub user: Option<Arc<str>>,
    /// What was asked about.
    pub intent: IntentId,
    /// The rule that found it.
    pub rule: Arc<str>,
    /// What there is to say.
    pub text: Arc<str>,
}

/// What was revised on a node.
pub struct Revisions {
    told: broadcast::Sender<Revised>,
    recent: Mutex<VecDeque<Revised>>,
    trail: Option<Trail>,
    violations: Arc<Counter>,
    revisions: Arc<Counter>,
    clock: Clock,
}

impl Revisions {
    pub(super) fn new(registry: &Registry, trail: Option<Trail>, clock: Clock) -> Self {
        Self {
            told: broadcast::Sender::new(REMEMBERED),
            recent: Mutex::default(),
            trail,
            violations: registry.counter(&GUARD_VIOLATIONS, &[]),
            revisions: registry.counter(&GUARD_REVISIONS, &[]),
            clock,
        }
    }

    /// Revisions from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Revised> {
        self.told.subscribe()
    }

    /// The latest ones, newest first.
    pub fn recent(&self) -> Vec<Revised> {
        self.lock().iter().rev().cloned().collect()
    }

    fn revise(&self, reader: &Reader, rule: &Arc<str>, plan: &Plan) {
        let asked = &reader.question.asked;
        let text = plan.revised.for_reader_of(&asked.text).unwrap_or(PLAINEST);
        let revised = Revised {
            at: self.clock.now(),
            trace_id: reader.id.clone(),
            tenant: asked.caller.tenant.clone(),
            user: asked.caller.user.clone(),
            intent: reader.question.intent.id.clone(),
            rule: rule.clone(),
            text: text.into(),
        };
        self.revisions.inc();
        if let Some(trail) = &self.trail {
            trail.note_violation(reader, rule);
        }
        let mut recent = self.lock();
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(revised.clone());
        drop(recent);
        // Nobody may be listening.
        let _ = self.told.send(revised);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Revised>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who got an answer.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The answer's id for them.
    pub id: Arc<str>,
    /// What they asked.
    pub question: Arc<Question>,
    /// Where their answer came from.
    pub source: Source,
    /// How old it was.
    pub age: Duration,
}

/// An answer that is said while it is checked.
pub struct Watch {
    state: Mutex<State>,
    revisions: Arc<Revisions>,
    plan: Arc<Plan>,
}

enum State {
    /// Nothing was found yet.
    Open(Vec<Reader>),
    /// This rule found something.
    Wrong(Arc<str>),
}

impl Watch {
    pub(super) fn new(revisions: Arc<Revisions>, plan: Arc<Plan>) -> Self {
        Self { state: Mutex::new(State::Open(Vec::new())), revisions, plan }
    }

    /// Somebody gets the answer, or its beginning.
    pub fn given_to(&self, reader: Reader) {
        let mut state = self.lock();
        match &mut *state {
            State::Open(readers) if readers.len() < MOST_READERS => readers.push(reader),
            State::Open(_) => {}
            State::Wrong(rule) => {
                let rule = rule.clone();
                drop(state);
                self.revisions.revise(&reader, &rule, &self.plan);
            }
        }
    }

    /// What the check found. Only the first thing wrong is told.
    pub fn settle(&self, verdict: &Verdict) {
        let (Verdict::Masked { by, .. } | Verdict::Blocked { by, .. }) = verdict else { return };
        let mut state = self.lock();
        let State::Open(readers) = &mut *state else { return };
        let readers = std::mem::take(readers);
        *state = State::Wrong(by.clone());
        drop(state);
        self.revisions.violations.inc();
        readers.iter().for_each(|reader| self.revisions.revise(reader, by, &self.plan));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
