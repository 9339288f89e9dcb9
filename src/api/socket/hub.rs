//! What all WebSockets of a node hear: changes of status, and revisions of answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::Instant,
};

use crate::{
    api::status::report::Report,
    engine::{answer::Engine, asked::Asked, guard::revise::Revised, model::cascade::Health},
};

/// How often the status is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Revisions that a slow connection may lag behind before it misses some.
const REVISIONS: usize = 256;
/// While nobody may ask and all wait, one waiting question is asked so often, to see whether a model answers again.
const PROBE: Duration = Duration::from_secs(15);
/// Waiting questions that are remembered for that.
const WAITING: usize = 64;

/// An answer is wrong after all.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Which answer.
    pub trace_id: Arc<str>,
    /// What to say of it.
    pub text: Arc<str>,
}

/// What all connections hear.
pub struct Hub {
    engine: Arc<Engine>,
    status: watch::Sender<Arc<Report>>,
    revisions: broadcast::Sender<Revision>,
    waiting: Mutex<VecDeque<Asked>>,
}

impl Hub {
    /// A hub of this engine. [`Hub::run`] must run beside it.
    pub fn new(engine: Arc<Engine>) -> Self {
        let report = Arc::new(Report::of(&engine.cascade.situation()));
        let (status, revisions) = (watch::Sender::new(report), broadcast::Sender::new(REVISIONS));
        Self { engine, status, revisions, waiting: Mutex::default() }
    }

    /// Tells everybody who got this answer; how many connections were listening.
    pub fn revise(&self, revision: Revision) -> usize {
        self.revisions.send(revision).unwrap_or(0)
    }

    /// How things stand, now and when it changes.
    pub(super) fn status(&self) -> watch::Receiver<Arc<Report>> {
        self.status.subscribe()
    }

    /// Revisions from now on.
    pub(super) fn revisions(&self) -> broadcast::Receiver<Revision> {
        self.revisions.subscribe()
    }

    /// A question that got no real answer. One of them is asked again now and then: users were told that they need not.
    pub(super) fn waits(&self, asked: Asked) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back(asked);
    }

    /// Passes on what the guardrails revise, until dropped.
    pub async fn pass_on(self: Arc<Self>) {
        let mut revised = self.engine.guard.revisions.subscribe();
        loop {
            match revised.recv().await {
                Ok(Revised { trace_id, text, .. }) => {
                    self.revise(Revision { trace_id, text });
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Looks at the status until dropped.
    pub async fn run(self: Arc<Self>) {
        let mut probed = Instant::now();
        loop {
            tokio::time::sleep(EVERY).await;
            let report = Report::of(&self.engine.cascade.situation());
            let answers = report.answers();
            self.status.send_if_modified(|known| {
                let changed = known.differs(&report);
                *known = Arc::new(report);
                changed
            });
            if answers {
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            } else if probed.elapsed() >= PROBE {
                probed = Instant::now();
                self.probe().await;
            }
        }
    }

    /// Asks the oldest waiting question, for nobody: what counts is whether a model answers.
    async fn probe(&self) {
        let oldest = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(mut asked) = oldest.filter(|_| self.status.borrow().health == Health::Outage) else { return };
        let again = asked.clone();
        asked.hints.no_cache = true;
        asked.hints.no_store = true;
        // Without a user nothing is suppressed as a repetition.
        asked.caller.user = None;
        if let Ok(answer) = self.engine.answer(asked).await {
            let _ = answer.log.whole().await;
        }
        self.waits(again);
    }
}
