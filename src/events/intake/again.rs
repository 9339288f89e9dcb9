//! Trying again what could not be applied: when its time comes, or when somebody says so.

use super::{Intake, Outcome, Verdict};
use crate::events::{
    dead_letters::{DeadLettersError, Letter},
    envelope::{self, Carried},
};

/// Letters tried at once.
const AT_ONCE: usize = 200;

/// Which letters are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(String),
    /// All of them.
    All,
}

impl Intake {
    /// Tries those whose time has come; how many were tried.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn replay_due(&self) -> Result<usize, DeadLettersError> {
        let now = self.clock.now();
        let letters = self.on_disk(move |letters| letters.due(now, AT_ONCE)).await?;
        let tried = letters.len();
        for letter in letters {
            self.replay_one(letter).await?;
        }
        Ok(tried)
    }

    /// Tries some now, whatever their time. What was tried, and what became of it; nothing when no such letter waits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn replay(&self, which: Which) -> Result<Vec<Verdict>, DeadLettersError> {
        let mut verdicts = Vec::new();
        for letter in self.chosen(which).await? {
            verdicts.push(self.replay_one(letter).await?);
        }
        Ok(verdicts)
    }

    /// Gives some up; how many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn drop_letters(&self, which: Which) -> Result<u64, DeadLettersError> {
        let mut dropped = 0;
        for letter in self.chosen(which).await? {
            let id = letter.id.clone();
            if self.on_disk(move |letters| letters.remove(&id)).await? {
                tracing::warn!(id = letter.id, why = letter.why, "A dead letter was dropped by hand.");
                self.meters.settled();
                dropped += 1;
            }
        }
        self.count_letters().await;
        Ok(dropped)
    }

    async fn chosen(&self, which: Which) -> Result<Vec<Letter>, DeadLettersError> {
        match which {
            Which::One(id) => self.on_disk(move |letters| Ok(letters.get(&id)?.into_iter().collect())).await,
            Which::All => self.on_disk(|letters| letters.list(usize::MAX >> 1)).await,
        }
    }

    async fn replay_one(&self, letter: Letter) -> Result<Verdict, DeadLettersError> {
        let events = match letter.arrived() {
            Some(event) => Ok(vec![event]),
            None => envelope::open(&letter.text, &Carried { id: Some(letter.id.clone()), at: letter.at }),
        };
        let events = match events {
            Ok(events) => events,
            Err(why) => return self.still_waits(letter, why, None).await,
        };
        let mut last = None;
        for event in &events {
            let tried = self.attempt(event).await;
            match tried.result.clone() {
                Ok(outcome) => last = Some((outcome, tried.verdict(letter.id.clone(), outcome))),
                Err(why) => {
                    let verdict = tried.verdict(letter.id.clone(), Outcome::Kept);
                    return self.still_waits(letter, why, Some(verdict)).await;
                }
            }
        }
        let id = letter.id.clone();
        let was_there = self.on_disk(move |letters| letters.remove(&id)).await?;
        let (outcome, verdict) = last.unwrap_or((Outcome::Ignored, said(&letter.id, Outcome::Ignored, None)));
        if was_there {
            self.settle(&letter.id, outcome, letter.at.unwrap_or(letter.received));
            self.count_letters().await;
            tracing::info!(id = letter.id, attempts = letter.attempts + 1, "A dead letter was applied.");
        }
        Ok(verdict)
    }

    async fn still_waits(
        &self,
        letter: Letter,
        why: String,
        verdict: Option<Verdict>,
    ) -> Result<Verdict, DeadLettersError> {
        let attempts = letter.attempts.saturating_add(1);
        let due = letter.due.map(|_| self.next_try(attempts));
        let verdict = verdict.unwrap_or_else(|| said(&letter.id, Outcome::Kept, Some(why.clone())));
        let letter = Letter { attempts, due, why, ..letter };
        self.on_disk(move |letters| letters.keep(&letter)).await?;
        Ok(verdict)
    }
}

fn said(id: &str, outcome: Outcome, why: Option<String>) -> Verdict {
    Verdict { id: id.to_owned(), outcome, mappings: vec![], tags: vec![], why }
}
