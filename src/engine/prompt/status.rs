//! How prompts stand, for an operator.

use std::time::Duration;

use serde::Serialize;

use super::{
    Prompts,
    changing::Changes,
    deploy::{Deployment, pending},
    least,
    library::Prompt,
};
use crate::{clock::Timestamp, ids::ModelName};

/// Over how long hit rates are shown.
const LATELY: Duration = Duration::from_secs(300);

/// How all prompts stand.
#[derive(Debug, Serialize)]
pub struct Status {
    /// When prompts are deployed.
    pub window: String,
    /// When it opens next.
    pub opens: Option<Timestamp>,
    /// The prompts.
    pub prompts: Vec<Standing>,
    /// The hit rates of the last five minutes, of this node.
    pub hit_rates: Vec<Rate>,
    /// Applications whose prefix changes.
    pub changes: Vec<Changes>,
    /// What was deployed, newest first.
    pub deployments: Vec<Deployment>,
}

/// How one prompt stands.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Its name.
    pub prompt: String,
    /// The version in force.
    pub in_force: String,
    /// Since whom and why.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Until when, if it is watched still.
    pub expires: Option<Timestamp>,
    /// The version that should be.
    pub wanted: String,
    /// Whether it waits for the window.
    pub waits: bool,
    /// All versions.
    pub versions: Vec<Shown>,
}

/// One version.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Its name.
    pub version: String,
    /// Stands for its text.
    pub digest: String,
    /// Unit: bytes.
    pub bytes: usize,
    /// About how many tokens.
    pub tokens: u64,
    /// How many places look dynamic.
    pub dynamic: usize,
    /// Models that do not keep a prefix as short as this text; what the application adds may make it long enough.
    pub too_short_for: Vec<ModelName>,
}

/// What came of a model's calls with a version.
#[derive(Debug, Serialize)]
pub struct Rate {
    /// Which model.
    pub model: ModelName,
    /// Which version.
    pub version: String,
    /// Calls.
    pub calls: u64,
    /// The share of them that found the prefix.
    pub hit_rate: Option<f64>,
    /// Tokens read.
    pub read: u64,
    /// Tokens written.
    pub written: u64,
}

impl Status {
    /// As it is now. `models` are the models and the fewest tokens each keeps.
    pub fn of(
        prompts: &Prompts,
        models: &[(ModelName, u64)],
        past: Vec<Deployment>,
        words: bool,
        now: Timestamp,
    ) -> Self {
        let library = prompts.library();
        let waiting = pending(&library, &prompts.all_in_force(), &past);
        let standing = |prompt: &Prompt| {
            let setting = prompts.board.get(&prompt.knob());
            let said = setting.map(|setting| (setting.author, setting.reason, setting.expires));
            let (author, reason, expires) = said.unwrap_or_default();
            Standing {
                prompt: prompt.name.to_string(),
                in_force: prompts.in_force(prompt),
                author,
                reason,
                expires,
                wanted: prompt.wanted.to_string(),
                waits: waiting.iter().any(|part| *part.prompt == *prompt.name),
                versions: prompt.versions.iter().map(|version| Shown::of(version, models)).collect(),
            }
        };
        let rate = |(model, version, count): (ModelName, std::sync::Arc<str>, super::recent::Count)| Rate {
            model,
            version: version.to_string(),
            calls: count.calls,
            hit_rate: count.hit_rate(),
            read: count.read,
            written: count.written,
        };
        let counts = prompts.counts(now - LATELY).into_iter().filter(|(.., count)| count.calls > 0);
        Self {
            window: library.terms.window.to_string(),
            opens: library.terms.window.opens(now).filter(|_| !library.prompts.is_empty()),
            prompts: library.prompts.iter().map(standing).collect(),
            hit_rates: counts.map(rate).collect(),
            changes: prompts.changes(words),
            deployments: past.into_iter().rev().collect(),
        }
    }
}

impl Shown {
    fn of(version: &super::library::Version, models: &[(ModelName, u64)]) -> Self {
        let tokens = least::tokens(&version.text);
        Self {
            version: version.name.to_string(),
            digest: version.digest.to_string()[..8].to_owned(),
            bytes: version.text.len(),
            tokens,
            dynamic: version.findings().len(),
            too_short_for: models.iter().filter(|(_, least)| tokens < *least).map(|(model, _)| model.clone()).collect(),
        }
    }
}
