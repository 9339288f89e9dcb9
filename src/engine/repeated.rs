//! The same user asking the same thing again within a minute of a degraded answer gets that answer again, without another
//! run through models that are down.

use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{answer_log::AnswerLog, understand::question::Question};
use crate::digest::Digest;

/// How long a degraded answer stands.
const STANDS: Duration = Duration::from_secs(60);
/// How many are remembered; the least asked for go first.
const MOST: usize = 10_000;

/// Degraded answers given a moment ago, by user and question.
#[derive(Debug)]
pub struct Repeated(Cache<Digest, (Instant, AnswerLog)>);

impl Default for Repeated {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Repeated {
    /// Remembers an answer that stood in for a model's.
    pub fn note(&self, question: &Question, log: AnswerLog) {
        if let Some(key) = key(question) {
            self.0.insert(key, (Instant::now(), log));
        }
    }

    /// The answer that the same user got for the same question within the last minute.
    pub fn answer_to(&self, question: &Question) -> Option<AnswerLog> {
        if self.0.is_empty() {
            return None;
        }
        let key = key(question)?;
        let (at, log) = self.0.get(&key)?;
        if at.elapsed() < STANDS {
            return Some(log);
        }
        self.0.remove(&key);
        None
    }
}

/// Nobody is suppressed who cannot be told apart.
fn key(question: &Question) -> Option<Digest> {
    let caller = &question.asked.caller;
    let user = caller.user.as_ref()?;
    Some(Digest::of([caller.tenant.as_bytes(), user.as_bytes(), &question.key.0]))
}
