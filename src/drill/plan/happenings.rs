//! What happens in a drill's world.

use std::sync::Arc;

use super::{Happening, SimulatedModel, What, raw::RawHappening, validate::Reader};
use crate::{config::document::Spanned, drill::facts::Facts};

/// What happenings may speak of.
pub(super) struct Known<'a> {
    pub(super) models: &'a [SimulatedModel],
    pub(super) facts: &'a Facts,
    pub(super) prices: &'a [(Arc<str>, u32)],
    pub(super) zones: &'a [Arc<str>],
    pub(super) has_guardrail: bool,
    pub(super) window: (i64, i64),
}

impl Reader<'_> {
    pub(super) fn world(&mut self, raw: Vec<RawHappening>, known: &Known<'_>) -> Vec<Happening> {
        let mut world: Vec<_> = raw.into_iter().filter_map(|it| self.happening(it, known)).collect();
        world.sort_by_key(|happening| happening.at);
        world
    }

    fn happening(&mut self, mut raw: RawHappening, known: &Known<'_>) -> Option<Happening> {
        self.inside(&raw.at, known.window);
        let is_known = |name: &str| known.models.iter().any(|it| it.name == name);
        if let Some(unknown) = raw.model.as_ref().filter(|name| !is_known(&name.value)) {
            let known = known.models.iter().map(|model| &*model.name).collect::<Vec<_>>().join(", ");
            self.wrong(unknown, format!("no model is called `{}`; `models:` has {known}", unknown.value));
        }
        let network = self.on_the_network(&mut raw, known.zones);
        let model = raw.model.zip(raw.now).map(|(model, now)| What::Model { model: model.value.into(), now });
        let event = raw.event.zip(raw.subject).map(|(kind, subject)| What::Event { kind, subject });
        let fact = raw.fact.zip(raw.says).and_then(|(topic, says)| {
            self.topic(&topic, known.facts)?;
            Some(What::Fact { topic: topic.value, says })
        });
        let embedder = raw.embedder.map(|embedder| What::Embedder { collapse: self.pull(&embedder.collapse) });
        let prices = raw.prices.and_then(|turn| self.turn(turn, known.prices));
        let (store, prompt) = (raw.store.map(What::Store), raw.prompt.map(What::Prompt));
        let mapping = raw.mapping.map(|it| What::Mapping { of: it.of, learns: it.learns });
        let deploys = raw.deploys.map(|it| What::Deploys {
            prompt: it.prompt,
            version: it.version,
            by: it.by,
            reason: it.reason,
        });
        let guardrail = raw.guardrail.as_ref().and_then(|it| self.other_filters(it, &raw.at, known.has_guardrail));
        let whats = [model, event, fact, embedder, prices, store, prompt, mapping, guardrail, deploys];
        let mut whats = whats.into_iter().chain(network).flatten();
        let (Some(what), None) = (whats.next(), whats.next()) else {
            let remedy = "this is one of `model:` with `now:`, `event:` with `subject:`, `fact:` with `says:`, \
                          `embedder:`, `prices:`, `mapping:`, `prompt:`, `guardrail:`, `deploys:`, `store:`, `zone:` with `resolver:`, `endpoint:`";
            self.wrong(&raw.at, remedy);
            return None;
        };
        Some(Happening { at: raw.at.value, what })
    }

    fn pull(&mut self, pull: &Spanned<f64>) -> f64 {
        if !(0.0..=100.0).contains(&pull.value) {
            self.wrong(pull, "vectors have length 1: pull them by 0 (not at all) to 100");
        }
        pull.value
    }
}
