//! The `embeddings:` section of the configuration: embedding models of services behind us, passed through to clients.
//!
//! ```yaml
//! embeddings:
//!   - { model: text-embedding-3-small, base_url: https://api.openai.com/v1, api_key: { env: OPENAI_API_KEY } }
//! ```

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::Deserialize;

use super::service;
use crate::{
    api::openai::embeddings::upstream::{EmbeddingModel, EmbeddingModels},
    clock::Clock,
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    dice::Dice,
    resolve::Resolver,
    telemetry::registry::Registry,
    units::TimeSpan,
};

/// How long one request may take, retry included, unless something else is said.
const USUAL_DEADLINE: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);

/// A model, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    model: Spanned<String>,
    base_url: Spanned<String>,
    api_key: Option<Spanned<RawSecret>>,
    deadline: Option<Spanned<TimeSpan>>,
}

/// The models; those with mistakes are left out, and the mistakes are among the problems.
pub(super) fn validate(models: &[Raw], document: &Document, problems: &mut Problems) -> Vec<EmbeddingModel> {
    let mut names = BTreeSet::new();
    for model in models.iter().filter(|model| !names.insert(&*model.model.value)) {
        let what = format!("`{}` is named twice; a client could not say which one it means", model.model.value);
        problems.add(&document.place_of(&model.model), what);
    }
    models.iter().filter_map(|model| model.validate(document, problems)).collect()
}

/// Makes them; `None` without any. Nothing is asked of them yet.
///
/// # Errors
/// What is missing on this machine, for people.
pub fn build(
    models: &[EmbeddingModel],
    resolver: &Resolver,
    registry: &Registry,
    clock: Clock,
    dice: Arc<Dice>,
) -> Result<Option<EmbeddingModels>, String> {
    if models.is_empty() {
        return Ok(None);
    }
    let outbound = service::outbound(resolver)?;
    Ok(Some(EmbeddingModels::new(models.to_vec(), outbound, registry, clock, dice)))
}

impl Raw {
    fn validate(&self, document: &Document, problems: &mut Problems) -> Option<EmbeddingModel> {
        let url = service::url(&self.base_url, "embeddings", document, problems);
        let key = self.api_key.as_ref().map(|key| service::authorization(key, document, problems));
        let deadline = self.deadline.as_ref().map_or(USUAL_DEADLINE, |deadline| deadline.value.0);
        if let Some(written) = self.deadline.as_ref().filter(|_| deadline.is_zero() || deadline > LONGEST) {
            problems.add(&document.place_of(written), "`deadline` is between 1ms and 10m");
        }
        let authorization = key.map_or(Some(None), |key| key.map(Some))?;
        Some(EmbeddingModel { name: self.model.value.clone(), url: url?, authorization, deadline })
    }
}
