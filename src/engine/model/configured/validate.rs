//! From what was written to settings that cannot be wrong, with every mistake on the way.

use std::{collections::BTreeSet, time::Duration};

use super::{
    BedrockSettings, Kind, ModelSettings,
    raw::{RawKeepAlive, RawKind, RawModel, RawPrices},
};
use crate::{
    aws::settings::Settings,
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    engine::{
        model::{
            cascade::PromptCache,
            openai::{ApiKey, Endpoint},
            prices::Prices,
        },
        prompt::{alive::KeepAlive, least},
    },
};

/// More models than this are a mistake: a request sends at most four attempts.
const MOST_MODELS: usize = 8;
pub(super) fn all(models: &[RawModel], document: &Document, problems: &mut Problems) -> Vec<ModelSettings> {
    if models.is_empty() {
        let place = document.find("models:");
        problems.add(&place, "`models` is empty; list at least one, or leave it out for the simulated ones");
    }
    let mut reader = Reader { document, problems, names: BTreeSet::new() };
    if let Some(model) = models.get(MOST_MODELS) {
        reader
            .wrong(&model.name, format!("there are more than {MOST_MODELS} models; keep those that answers come from"));
    }
    models.iter().filter_map(|model| reader.model(model)).collect()
}

struct Reader<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
    names: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn model(&mut self, raw: &'a RawModel) -> Option<ModelSettings> {
        self.name(&raw.name);
        self.strangers(raw);
        self.bounds(raw);
        let prices = raw.prices.as_ref().map(|prices| self.prices(prices)).unwrap_or_default();
        let kind = match raw.kind.value {
            RawKind::Simulated => {
                Some(Kind::Simulated(raw.profile.as_ref().map(|p| p.value.clone()).unwrap_or_default()))
            }
            RawKind::OpenAi => self.openai(raw).map(Kind::OpenAi),
            RawKind::Bedrock => self.bedrock(raw).map(Kind::Bedrock),
        }?;
        let (pool, deadlines) = (raw.pool.validate(self.document, self.problems), raw.deadlines.deadlines());
        let prompt_cache = self.prompt_cache(raw);
        Some(ModelSettings { name: raw.name.value.as_str().into(), kind, pool, deadlines, prices, prompt_cache })
    }

    fn prompt_cache(&mut self, raw: &RawModel) -> PromptCache {
        let provider = raw.model.as_ref().map_or("", |model| model.value.as_str());
        let known = least::of(provider);
        let Some(cache) = &raw.prompt_cache else { return PromptCache { least: known, keep_alive: None } };
        if let Some(least) = cache.least.as_ref().filter(|least| !(1..=100_000).contains(&least.value)) {
            self.wrong(least, format!("a provider keeps prefixes from 1 to 100000 tokens on, not {}", least.value));
        }
        let keep_alive = cache.keep_alive.as_ref().map(|raw| self.keep_alive(raw));
        PromptCache { least: cache.least.as_ref().map_or(known, |least| least.value), keep_alive }
    }

    /// Providers keep an idle prefix for five minutes or longer.
    fn keep_alive(&mut self, raw: &Spanned<RawKeepAlive>) -> KeepAlive {
        let RawKeepAlive { after, used_within, most_per_hour } = raw.value;
        let or = |span: Option<crate::units::TimeSpan>, minutes: u64| {
            span.map_or(Duration::from_secs(minutes * 60), |span| span.0)
        };
        let (after, used_within) = (or(after, 4), or(used_within, 30));
        if after < Duration::from_secs(30) || used_within <= after {
            let what = "a prefix is kept alive after 30s or more, and only if it was used within longer than that: as in \
                        `{ after: 4m, used_within: 30m }`";
            self.wrong(raw, what);
        }
        KeepAlive { after, used_within, most_per_hour: most_per_hour.unwrap_or(12).min(120) as usize }
    }

    fn name(&mut self, name: &'a Spanned<String>) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.value.is_empty() || !name.value.chars().all(fits) {
            self.wrong(name, format!("`{}` is no name for a model; use a-z, 0-9, - and _", name.value));
        }
        if !self.names.insert(&name.value) {
            self.wrong(name, format!("a second model is called `{}`; give it another name", name.value));
        }
    }

    /// Fields that belong to another kind of model: somebody expects them to do something.
    fn strangers(&mut self, raw: &RawModel) {
        use RawKind::{Bedrock, OpenAi, Simulated};
        self.only_for(&raw.base_url, "base_url", raw, &[OpenAi]);
        self.only_for(&raw.model, "model", raw, &[OpenAi, Bedrock]);
        self.only_for(&raw.api_key, "api_key", raw, &[OpenAi]);
        self.only_for(&raw.region, "region", raw, &[Bedrock]);
        self.only_for(&raw.role, "role", raw, &[Bedrock]);
        self.only_for(&raw.external_id, "external_id", raw, &[Bedrock]);
        self.only_for(&raw.endpoint, "endpoint", raw, &[Bedrock]);
        self.only_for(&raw.cache_point, "cache_point", raw, &[Bedrock]);
        self.only_for(&raw.profile, "profile", raw, &[Simulated]);
    }

    fn only_for<T>(&mut self, field: &Option<Spanned<T>>, name: &str, raw: &RawModel, kinds: &[RawKind]) {
        if let Some(field) = field.as_ref().filter(|_| !kinds.contains(&raw.kind.value)) {
            let kind = raw.kind.value.word();
            self.wrong(field, format!("`{name}` means nothing to a model of kind {kind}; take it out"));
        }
    }

    fn bounds(&mut self, raw: &RawModel) {
        for span in raw.deadlines.all().filter(|span| span.value.0.is_zero()) {
            self.wrong(span, "a deadline of 0 lets nothing succeed; use 100ms or more");
        }
    }

    fn prices(&mut self, raw: &Spanned<RawPrices>) -> Prices {
        let RawPrices { prompt, completion, cached, written } = raw.value;
        let prices =
            Prices { prompt, completion, cached: cached.unwrap_or(prompt), written: written.unwrap_or(prompt) };
        let all = [prices.prompt, prices.completion, prices.cached, prices.written];
        if all.iter().any(|price| !price.is_finite() || *price < 0.0) {
            self.wrong(raw, "a price is below 0 or no number; write US dollars per million tokens, as in `0.15`");
        }
        prices
    }

    fn openai(&mut self, raw: &RawModel) -> Option<Endpoint> {
        let (url, model) = (self.needed(&raw.base_url, "base_url", raw), self.needed(&raw.model, "model", raw));
        let key = raw.api_key.as_ref().map(|key| self.key(key));
        let (url, model, key) = (url?, model?, key.map_or(Some(None), |key| key.map(Some))?);
        let endpoint = Endpoint { base_url: url.value.clone(), model: model.value.clone(), key };
        match endpoint.uri() {
            Ok(_) => Some(endpoint),
            Err(what) => {
                self.wrong(url, what);
                None
            }
        }
    }

    fn key(&mut self, raw: &Spanned<RawSecret>) -> Option<ApiKey> {
        let secret = raw.value.fetch(self.document, self.problems)?;
        let key = ApiKey::new(&secret);
        if key.is_none() {
            self.wrong(
                raw,
                "the API key has characters that no header can carry; look for line breaks or quotes in it",
            );
        }
        key
    }

    fn bedrock(&mut self, raw: &RawModel) -> Option<BedrockSettings> {
        let text = |field: &Option<Spanned<String>>| field.as_ref().map(|field| field.value.clone());
        let model = self.needed(&raw.model, "model", raw)?.value.clone();
        let (region, role) = (text(&raw.region), text(&raw.role));
        let aws = Settings { region, role, external_id: text(&raw.external_id), endpoint: text(&raw.endpoint) };
        Some(BedrockSettings { model, aws, cache_point: raw.cache_point.as_ref().is_some_and(|point| point.value) })
    }

    fn needed<'b, T>(&mut self, field: &'b Option<Spanned<T>>, name: &str, raw: &RawModel) -> Option<&'b Spanned<T>> {
        if field.is_none() {
            let kind = raw.kind.value.word();
            self.wrong(&raw.name, format!("`{}` is of kind {kind} and has no `{name}`; add it", raw.name.value));
        }
        field.as_ref()
    }

    fn wrong<T>(&mut self, value: &Spanned<T>, what: impl Into<String>) {
        self.problems.add(&self.document.place_of(value), what);
    }
}

impl RawKind {
    fn word(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::OpenAi => "openai",
            Self::Bedrock => "bedrock",
        }
    }
}
