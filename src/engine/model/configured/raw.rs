//! What an operator may write about a model.

use serde::Deserialize;

use super::{ModelsConfig, pool::RawPool};
use crate::{
    config::{document::Spanned, secret::RawSecret},
    engine::model::{Deadlines, simulated::profile::Profile},
    units::TimeSpan,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    pub name: Spanned<String>,
    pub kind: Spanned<RawKind>,
    pub base_url: Option<Spanned<String>>,
    pub model: Option<Spanned<String>>,
    pub api_key: Option<Spanned<RawSecret>>,
    pub region: Option<Spanned<String>>,
    pub role: Option<Spanned<String>>,
    pub external_id: Option<Spanned<String>>,
    pub endpoint: Option<Spanned<String>>,
    pub cache_point: Option<Spanned<bool>>,
    pub profile: Option<Spanned<Profile>>,
    #[serde(default)]
    pub pool: RawPool,
    #[serde(default)]
    pub deadlines: RawDeadlines,
    pub prices: Option<Spanned<RawPrices>>,
    pub prompt_cache: Option<RawPromptCache>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPromptCache {
    pub least: Option<Spanned<u64>>,
    pub keep_alive: Option<Spanned<RawKeepAlive>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeepAlive {
    pub after: Option<TimeSpan>,
    pub used_within: Option<TimeSpan>,
    pub most_per_hour: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKind {
    Simulated,
    #[serde(rename = "openai")]
    OpenAi,
    Bedrock,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDeadlines {
    pub connect: Option<Spanned<TimeSpan>>,
    pub head: Option<Spanned<TimeSpan>>,
    pub first_token: Option<Spanned<TimeSpan>>,
    pub between: Option<Spanned<TimeSpan>>,
    pub whole: Option<Spanned<TimeSpan>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrices {
    pub prompt: f64,
    pub completion: f64,
    pub cached: Option<f64>,
    pub written: Option<f64>,
}

impl RawDeadlines {
    pub(super) fn deadlines(&self) -> Deadlines {
        let usual = Deadlines::default();
        let or = |set: &Option<Spanned<TimeSpan>>, usual| set.as_ref().map_or(usual, |span| span.value.0);
        Deadlines {
            connect: or(&self.connect, usual.connect),
            head: or(&self.head, usual.head),
            first_token: or(&self.first_token, usual.first_token),
            between: or(&self.between, usual.between),
            whole: or(&self.whole, usual.whole),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Spanned<TimeSpan>> {
        [&self.connect, &self.head, &self.first_token, &self.between, &self.whole].into_iter().flatten()
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        let usual = "[{ name: primary, kind: simulated }, { name: secondary, kind: simulated }]";
        Self(serde_saphyr::from_str(usual).unwrap_or_default())
    }
}
