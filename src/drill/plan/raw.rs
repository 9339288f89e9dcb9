//! What a drill file may say.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::network::Moves;

use crate::{
    config::document::Spanned,
    drill::{
        offset::Offset,
        world::{Condition, Resolving, StoreTurn},
    },
    engine::model::{configured::RawPool, simulated::profile::Capacity},
    units::{Bytes, Ratio, TimeSpan},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDrill {
    pub drill: Spanned<String>,
    pub about: String,
    pub incident: RawIncident,
    pub seed: u64,
    pub start: Spanned<String>,
    pub warm_up: TimeSpan,
    pub lasts: Spanned<TimeSpan>,
    pub nodes: Spanned<u32>,
    #[serde(default)]
    pub zones: Vec<Spanned<String>>,
    pub looks: Option<TimeSpan>,
    #[serde(default)]
    pub models: Vec<RawModel>,
    #[serde(default)]
    pub store: RawStore,
    pub guardrail: Option<RawGuardrail>,
    #[serde(default)]
    pub facts: BTreeMap<String, RawFact>,
    #[serde(default)]
    pub prices: BTreeMap<String, Spanned<u32>>,
    #[serde(default)]
    pub system: String,
    pub prompts: Option<Spanned<String>>,
    pub limits: Option<Spanned<RawLimits>>,
    pub users: RawUsers,
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    pub questions: BTreeMap<String, Vec<RawQuestion>>,
    pub traffic: Vec<RawTraffic>,
    #[serde(default)]
    pub world: Vec<RawHappening>,
    pub harm: RawHarm,
    #[serde(default)]
    pub expect: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    pub model: Spanned<String>,
    pub first_token: TimeSpan,
    pub cold: Option<TimeSpan>,
    pub least_prefix: Option<u64>,
    pub per_token: TimeSpan,
    pub capacity: Option<Capacity>,
    #[serde(default)]
    pub pool: RawPool,
    pub prices: RawPrices,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub rate: u64,
    pub burst: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrices {
    pub prompt: f64,
    pub cached: f64,
    pub written: f64,
    pub completion: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIncident {
    pub from: String,
    #[serde(default)]
    pub published: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUsers {
    pub patience: TimeSpan,
    pub again_after_error: Ratio,
    pub again_after_degraded: Ratio,
    pub pause: TimeSpan,
    pub most_again: u32,
    #[serde(default)]
    pub complains: Ratio,
    pub tiers: RawTiers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTiers {
    #[serde(default)]
    pub premium: f64,
    #[serde(default)]
    pub registered: f64,
    #[serde(default)]
    pub anonymous: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuestion {
    pub share: f64,
    pub text: Spanned<String>,
    pub fact: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    pub holds: Option<Bytes>,
    pub write: Option<TimeSpan>,
    pub write_when_full: Option<TimeSpan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFact {
    pub about: Vec<String>,
    pub says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraffic {
    pub flow: Option<Spanned<String>>,
    pub crowd: Option<Spanned<String>>,
    pub users: Spanned<u32>,
    pub networks: Option<Spanned<u32>>,
    #[serde(default)]
    pub abuse: bool,
    #[serde(default)]
    pub clockwork: bool,
    #[serde(default)]
    pub goes_on: Ratio,
    pub asks: Spanned<String>,
    #[serde(default)]
    pub streams: Ratio,
    pub rate: Option<Vec<RawCorner>>,
    pub at: Option<Offset>,
    pub within: Option<TimeSpan>,
    #[serde(default)]
    pub rush: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCorner {
    pub at: Spanned<Offset>,
    pub per_second: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHappening {
    pub at: Spanned<Offset>,
    pub model: Option<Spanned<String>>,
    pub now: Option<Condition>,
    pub event: Option<String>,
    pub subject: Option<String>,
    pub fact: Option<Spanned<String>>,
    pub says: Option<String>,
    pub embedder: Option<RawEmbedder>,
    pub store: Option<StoreTurn>,
    pub prices: Option<RawTurn>,
    pub prompt: Option<String>,
    pub mapping: Option<RawMapping>,
    pub zone: Option<Spanned<String>>,
    pub resolver: Option<Resolving>,
    pub endpoint: Option<Moves>,
    pub guardrail: Option<RawInspection>,
    pub deploys: Option<RawDeploys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuardrail {
    pub filters: Spanned<u64>,
    pub per_filter: TimeSpan,
    pub catches: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInspection {
    pub filters: Spanned<u64>,
    pub per_filter: TimeSpan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeploys {
    pub prompt: String,
    pub version: String,
    pub by: String,
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMapping {
    pub of: String,
    pub learns: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTurn {
    pub times: Spanned<f64>,
    pub told_as: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmbedder {
    pub collapse: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHarm {
    pub slower_than: TimeSpan,
    pub share: Ratio,
}
