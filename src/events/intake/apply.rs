//! One event, applied once: what it makes void is void, and the controller hears of it.

use std::{sync::PoisonError, time::Duration};

use tracing::info;

use super::{Intake, Outcome, Verdict};
use crate::{
    controller::event::Event,
    events::{
        envelope::{Arrived, Shape},
        mapping::Reading,
        plain,
    },
    store::{StoreError, Tag},
    telemetry::catalogue,
};

/// How long one invalidation may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many events wait for the controller; more are refused, so that none is lost unseen.
const WAITING: usize = 10_000;
/// A sender's clock may be this much ahead before it is worth a word.
const AHEAD: Duration = Duration::from_secs(5);

/// What an event does, tried once.
pub(super) struct Tried {
    pub(super) reading: Reading,
    pub(super) result: Result<Outcome, String>,
    pub(super) remarks: Vec<String>,
}

impl Intake {
    /// Does what an event says.
    pub(super) async fn attempt(&self, event: &Arrived) -> Tried {
        let now = self.clock.now();
        let mut reading = self.read(&event.body);
        let mut remarks = std::mem::take(&mut reading.remarks);
        let mut happened: Vec<_> = reading
            .announced
            .iter()
            .map(|a| Event {
                at: event.at.map_or(now, |at| at.min(now)),
                kind: a.kind.clone(),
                subject: a.subject.clone(),
                details: a.details.clone(),
            })
            .collect();
        let own = (event.shape == Shape::Plain).then(|| plain::event(&event.body, now)).and_then(Result::ok);
        happened.extend(own.clone());
        if let Some(at) = event.at.filter(|at| *at > now + AHEAD) {
            remarks.push(format!("its time {at} is in the future: look at the sender's clock. It counts as now"));
        }
        let result = match (&reading.renamed, reading.mappings.is_empty() && own.is_none()) {
            (Some(renamed), _) => Err(renamed.clone()),
            (None, true) => {
                if let Some((name, what)) = self.meaning.load().mappings.nearest(&event.body) {
                    remarks.push(format!("no mapping matches; for `{name}`, {what}"));
                }
                Ok(Outcome::Ignored)
            }
            (None, false) => self.apply(&reading, happened).await,
        };
        Tried { reading, result, remarks }
    }

    /// First what becomes void, then who hears of it: done again, the first does no harm.
    pub(super) async fn apply(&self, reading: &Reading, happened: Vec<Event>) -> Result<Outcome, String> {
        if !reading.tags.is_empty() {
            if let Some(why) = self.out_of_reach {
                return Err(why.to_owned());
            }
            self.void(&reading.tags).await.map_err(|error| error.to_string())?;
        }
        if !reading.missing.is_empty() {
            return Err(reading.missing.join("; "));
        }
        let is_idle = reading.tags.is_empty() && happened.is_empty();
        self.announce(&happened).await;
        self.tell(happened)?;
        Ok(if is_idle { Outcome::Ignored } else { Outcome::Applied })
    }

    pub(super) async fn void(&self, tags: &[Tag]) -> Result<(), StoreError> {
        let done = tokio::time::timeout(DEADLINE, self.store.invalidate(tags)).await;
        if let Some(recall) = &self.recall {
            recall.void(tags);
        }
        done.unwrap_or(Err(StoreError::Timeout(DEADLINE)))
    }

    pub(super) fn tell(&self, happened: Vec<Event>) -> Result<(), String> {
        let waiting = self.inbox.as_ref().map(|inbox| inbox.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.as_ref().is_some_and(|waiting| waiting.len() + happened.len() > WAITING) {
            return Err("too many events wait for the controller".into());
        }
        for event in &happened {
            if event.kind == "deployment" {
                self.registry.counter(&catalogue::DEPLOYMENTS, &[plain::deployed(&event.subject)]).inc();
            }
            info!(kind = event.kind, subject = event.subject, "Event received.");
        }
        if let Some(mut waiting) = waiting {
            waiting.extend(happened);
        }
        Ok(())
    }
}

impl Tried {
    pub(super) fn verdict(self, id: String, outcome: Outcome) -> Verdict {
        let Reading { mappings, tags, .. } = self.reading;
        let why: Vec<_> = self.result.err().into_iter().chain(self.remarks).collect();
        let why = (!why.is_empty()).then(|| why.join("; "));
        Verdict { id, outcome, mappings, tags, why }
    }
}
