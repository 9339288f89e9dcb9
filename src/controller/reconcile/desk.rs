//! What people say to the controller, and what they see of it.

use super::{Controller, mind::Overview};
use crate::{
    clock::Timestamp,
    controller::{
        act::journal::{Changes, Decided, JournalError},
        decide::{
            episode::{Phase, Turn},
            state::{Hold, Record},
        },
        incident::{Incident, Stage},
    },
};

/// What became of a person's answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Answered {
    /// The proposal.
    pub episode: String,
    /// Whether it is carried out now.
    pub approved: bool,
}

/// Why an answer changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// No such proposal.
    #[error("nothing called `{0}` waits for an answer; it may be over. `banto incidents --open` shows what does")]
    NotWaiting(String),
    /// No such policy is locked.
    #[error("no policy called `{0}` is locked. `banto incidents --open` shows what holds policies back")]
    NotLocked(String),
    /// It could not be written down.
    #[error("the answer could not be journalled; nothing has changed")]
    Journal(#[from] JournalError),
}

impl Controller {
    /// The newest incidents, newest first, with their timelines.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn incidents(&self, most: usize) -> Result<Vec<Incident>, JournalError> {
        self.parts.journal.incidents(most)
    }

    /// The newest decisions, newest first; only changes of mind are kept.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn decisions(&self, most: usize) -> Result<Vec<Decided>, JournalError> {
        self.parts.journal.decisions(most)
    }

    /// The controller at a glance.
    pub fn overview(&self) -> Overview {
        self.mind().overview()
    }

    /// Stops acting. What is in force returns by itself at its deadlines, or at once with `revert`.
    ///
    /// # Errors
    /// When it could not be written down; then nothing has changed.
    pub fn hold(&self, by: &str, reason: &str, revert: bool) -> Result<(), JournalError> {
        let now = self.parts.clock.now();
        self.write(|mind| {
            let mut changes = Changes::default();
            if revert {
                let able = |phase: Phase| phase.next(Turn::Failed).is_ok();
                for episode in mind.state.episodes.values_mut().filter(|episode| able(episode.phase)) {
                    episode.turn(Turn::Failed, now);
                    changes.episodes.push(episode.clone());
                }
            }
            mind.state.standing.hold = Some(Hold { by: by.to_owned(), reason: reason.to_owned(), since: now });
            changes.standing = Some(mind.state.standing.clone());
            (changes, ())
        })?;
        self.wake.notify_one();
        Ok(())
    }

    /// Acts again.
    ///
    /// # Errors
    /// When it could not be written down; then nothing has changed.
    pub fn resume(&self) -> Result<(), JournalError> {
        self.write(|mind| {
            mind.state.standing.hold = None;
            (Changes { standing: Some(mind.state.standing.clone()), ..Changes::default() }, ())
        })?;
        self.wake.notify_one();
        Ok(())
    }

    /// A person's answer to a proposal.
    ///
    /// # Errors
    /// [`Unanswered`]; then nothing has changed.
    pub fn answer(&self, id: &str, approve: bool, by: &str) -> Result<Answered, Unanswered> {
        let now = self.parts.clock.now();
        let waits = self.mind().state.episodes.get(id).is_some_and(|episode| episode.phase == Phase::Proposed);
        if !waits {
            return Err(Unanswered::NotWaiting(id.to_owned()));
        }
        self.write(|mind| (mind.hear(id, approve, by, now), ()))?;
        self.wake.notify_one();
        Ok(Answered { episode: id.to_owned(), approved: approve })
    }

    /// Lets a policy act again that failed too often.
    ///
    /// # Errors
    /// [`Unanswered`]; then nothing has changed.
    pub fn unlock(&self, policy: &str) -> Result<(), Unanswered> {
        let record = self.mind().state.record(policy);
        if record.failures == 0 {
            return Err(Unanswered::NotLocked(policy.to_owned()));
        }
        let record = Record { failures: 0, outcome: None, ..record };
        self.write(|mind| {
            mind.state.records.insert(policy.into(), record.clone());
            (Changes { records: vec![(policy.into(), record)], ..Changes::default() }, ())
        })?;
        self.wake.notify_one();
        Ok(())
    }
}

impl super::mind::Mind {
    /// Takes in a person's answer.
    fn hear(&mut self, id: &str, approve: bool, by: &str, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let Some(episode) = self.state.episodes.get_mut(id) else { return changes };
        episode.turn(if approve { Turn::Approved } else { Turn::Dismissed }, now);
        episode.approved_by = approve.then(|| by.to_owned());
        let episode = episode.clone();
        changes.episodes.push(episode.clone());
        let (stage, text) = match approve {
            true => (Stage::Approved, format!("{by} said yes")),
            false => (Stage::Closed, format!("{by} said no")),
        };
        if !approve {
            let record = Record { closed: Some(now), ..self.state.record(&episode.policy) };
            changes.records.push((episode.policy.clone(), record.clone()));
            self.state.records.insert(episode.policy.clone(), record);
            self.state.episodes.remove(id);
        }
        if let Some(incident) = self.incidents.get_mut(&episode.incident) {
            incident.note(now, stage, Some(&episode.policy), text);
        }
        self.write_incident(&episode.incident, &mut changes);
        changes
    }
}
