//! The guardrail service of a drill's world: it takes as long as its filters take one after the other, and catches what its
//! world says may not be said.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    drill::world::Inspection,
    engine::guard::guardrail::{Finding, Guardrail, Passage, Seen, Unsure},
};

/// The service, as it is now.
pub(super) struct Inspector {
    now: Mutex<Inspection>,
    catches: Vec<String>,
}

impl Inspector {
    pub(super) fn new(usual: Inspection, catches: &[String]) -> Self {
        let catches = catches.iter().map(|words| words.to_lowercase()).collect();
        Self { now: Mutex::new(usual), catches }
    }

    /// From now on it looks in this way.
    pub(super) fn become_(&self, inspection: Inspection) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = inspection;
    }

    /// Whether a text says what may not be said.
    pub(super) fn forbids(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.catches.iter().any(|words| text.contains(words.as_str()))
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").finish_non_exhaustive()
    }
}

#[async_trait]
impl Guardrail for Inspector {
    fn name(&self) -> &str {
        "drill"
    }

    async fn look(&self, passage: Passage<'_>) -> Result<Seen, Unsure> {
        let now = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        sleep(now.takes()).await;
        let finding = match self.forbids(passage.text) {
            true => Finding::Blocked { by: "drill".into(), says: None },
            false => Finding::Clean,
        };
        Ok(Seen { finding, filters: Some(now.filters) })
    }
}
