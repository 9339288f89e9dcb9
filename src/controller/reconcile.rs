//! The loop: sense → judge → diagnose → decide → act → verify → revert, and tell people.
//!
//! Each tick looks at the level of everything and does what is missing; a restart is a tick like any other. Deciding is
//! pure; what a decision changes is journalled in one transaction, notices included, before it is carried out. A
//! controller without the lease watches and does nothing else.

mod desk;
mod follow;
mod mind;
mod sight;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::{
    desk::{Answered, Unanswered},
    mind::Overview,
};
use self::{mind::Mind, sight::Sight};
use super::{
    act::{
        Hands,
        carry_out::{Interrupted, carry_out},
        journal::{Changes, Journal, JournalError},
    },
    decide::{Limits, policy::Policy},
    diagnose::trees::Trees,
    event::Event,
    judge::rules::Rules,
    lease::{Alone, Fence, Lease},
    nodes::Roster,
    order::Order,
    query::Series,
};
use crate::{
    clock::{Clock, Timestamp},
    knob::board::Board,
    tasks::Tasks,
    telemetry::{
        catalogue,
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// The time between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Decisions in one tick at most: a remedy of many steps goes on in the next.
const ROUNDS: usize = 64;

/// Where the controller sees the world.
#[async_trait]
pub trait Senses: Send + Sync {
    /// Brings everything up to `now`. A source that does not answer becomes a gap; it never takes longer than its
    /// deadline.
    async fn look(&mut self, now: Timestamp);

    /// Measurements, as of the last look.
    fn series(&self) -> &(dyn Series + Send + Sync);

    /// What happened since then, oldest first.
    fn events(&self, since: Timestamp) -> Vec<Event>;
}

/// What a controller is made of.
pub struct Parts {
    /// Alarms and composites.
    pub rules: Rules,
    /// Decision trees.
    pub trees: Trees,
    /// Policies.
    pub policies: Vec<Policy>,
    /// What all of them together may do.
    pub limits: Limits,
    /// The knobs, to see how they stand.
    pub board: Arc<Board>,
    /// The hands, by kind.
    pub hands: Hands,
    /// The engines elsewhere, whose knobs must have converged before anybody judges what a change did.
    pub roster: Arc<Roster>,
    /// The lease among controllers; `None` for one that is alone.
    pub lease: Option<Lease>,
    /// What survives.
    pub journal: Arc<Journal>,
    /// The time.
    pub clock: Clock,
}

/// The controller.
pub struct Controller {
    parts: Parts,
    mind: std::sync::Mutex<Mind>,
    wake: tokio::sync::Notify,
    lagging: Arc<Gauge>,
    acts: Arc<Counter>,
    holds: Arc<Counter>,
}

impl Controller {
    /// A controller that goes on where the journal ends.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new(parts: Parts, registry: &Registry) -> Result<Self, JournalError> {
        let mind = std::sync::Mutex::new(Mind::recall(&parts.journal)?);
        let lagging = registry.gauge(&catalogue::NODES_LAGGING, &[]);
        let acts = registry.counter(&catalogue::DECISIONS, &["act"]);
        let holds = registry.counter(&catalogue::DECISIONS, &["hold"]);
        Ok(Self { parts, mind, wake: tokio::sync::Notify::new(), lagging, acts, holds })
    }

    /// Looks and acts until shutdown: every second, and earlier when something is due.
    pub fn run(self: &Arc<Self>, mut senses: Box<dyn Senses>, tasks: &Tasks) {
        let (controller, stopping) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            while !stopping.is_cancelled() {
                let now = controller.parts.clock.now();
                let due = controller.tick(&mut *senses, now).await;
                let pause = due.map_or(TICK, |due| due.since(now).clamp(Duration::from_millis(10), TICK));
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = controller.wake.notified() => {}
                    () = stopping.cancelled() => {}
                }
            }
            controller.rest().await;
        });
    }

    /// One turn of the loop; when the next is due at the latest.
    pub async fn tick(&self, senses: &mut dyn Senses, now: Timestamp) -> Option<Timestamp> {
        senses.look(now).await;
        self.lagging.set(self.parts.roster.lagging(self.parts.board.version()).len() as f64);
        let mut sight = self.see(senses, now);
        if !self.leads().await {
            self.mind().standing_by = true;
            return None;
        }
        self.mind().standing_by = false;
        let worked = self.work(&mut sight, senses, now).await;
        worked.unwrap_or_else(|error| {
            tracing::error!(error = %chain(&error), "The controller does not act.");
            None
        })
    }

    /// Follows the incidents, decides and acts until nothing more is to be done now, then tells people.
    async fn work(
        &self,
        sight: &mut Sight,
        senses: &dyn Senses,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Interrupted> {
        self.write(|mind| follow::follow(mind, &self.parts, sight, now))?;
        let mut wake_at = None;
        for round in 0..ROUNDS {
            sight.settings = self.settings();
            let moved = self.write(|mind| {
                let decision = sight.decide(&self.parts, mind, senses.series(), now);
                wake_at = decision.wake_at;
                if round == 0 {
                    self.count(&decision);
                }
                mind.take(decision, &self.parts, now)
            })?;
            let acted = self.carry_out_due(now).await?;
            if !moved && !acted {
                break;
            }
        }
        self.write(|mind| follow::tell(mind, &self.parts, sight, now))?;
        Ok(wake_at)
    }

    /// Carries out the orders that are due; whether one of them ended.
    async fn carry_out_due(&self, now: Timestamp) -> Result<bool, Interrupted> {
        let due: Vec<Order> = self.mind().due(now);
        let mut ended = false;
        for mut order in due {
            let fence: &dyn Fence = self.parts.lease.as_ref().map_or(&Alone, |lease| lease);
            let carried = carry_out(&mut order, &*self.parts.journal, &self.parts.hands, fence, now).await;
            ended |= order.status.is_final();
            self.write(|mind| mind.settle(&order, now))?;
            carried?;
        }
        Ok(ended)
    }

    /// Changes the mind and the journal together: what cannot be written down is not remembered either.
    fn write<T>(&self, change: impl FnOnce(&mut Mind) -> (Changes, T)) -> Result<T, JournalError> {
        let mut mind = self.mind();
        let mut next = mind.clone();
        let (changes, result) = change(&mut next);
        if !changes.is_empty() {
            self.parts.journal.write(&changes)?;
        }
        *mind = next;
        Ok(result)
    }

    fn see(&self, senses: &dyn Senses, now: Timestamp) -> Sight {
        let memory = self.mind().memory.clone();
        let sight = Sight::look(&self.parts, memory, senses, now);
        let mut mind = self.mind();
        if let Some(changed) = mind.remember_alarms(&sight.memory, now)
            && let Err(error) = self.parts.journal.remember("alarms", changed)
        {
            tracing::warn!(error = %chain(&error), "The alarms' states are not written down.");
        }
        sight
    }

    async fn leads(&self) -> bool {
        let Some(lease) = &self.parts.lease else { return true };
        match lease.keep().await {
            Ok(term) => term.is_some(),
            Err(error) => {
                tracing::warn!(%error, "The lease could not be renewed.");
                lease.holds().await
            }
        }
    }

    async fn rest(&self) {
        let memory = self.mind().memory.clone();
        let _ = self.parts.journal.remember("alarms", &memory);
        if let Some(lease) = &self.parts.lease
            && let Err(error) = lease.give_back().await
        {
            tracing::warn!(%error, "The lease could not be given back; it ends by itself.");
        }
    }

    fn settings(&self) -> std::collections::BTreeMap<crate::ids::KnobName, crate::knob::board::Setting> {
        let board = &self.parts.board;
        board.catalogue().iter().filter_map(|(name, _)| Some((name.clone(), board.get(name)?))).collect()
    }

    fn count(&self, decision: &super::decide::verdict::Decision) {
        for verdict in decision.verdicts.values() {
            match verdict {
                super::decide::verdict::Verdict::Move(..) => self.acts.inc(),
                super::decide::verdict::Verdict::Hold(_) => self.holds.inc(),
            }
        }
    }

    fn mind(&self) -> std::sync::MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
