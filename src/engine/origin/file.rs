//! `policies/origins.yaml`: what is kept of which service's answers, for how long, and what never.
//!
//! ```yaml
//! origin: product
//! key: "product:{asin}"
//! path: "/products/{asin}"
//! ttl: 5m
//! max_stale: 1h
//! tags: ["product:{asin}"]
//! live:
//!   - { field: /price, path: "/products/{asin}/price", take: /price }
//! ```
//!
//! Where the services are stands in `banto.yaml` (`origins:`), because that differs from installation to installation.

use std::sync::Arc;

use serde::Deserialize;

use super::template::Template;
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::Problems,
    },
    ids::IntentId,
    units::TimeSpan,
};

/// What is kept of one service's answers.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name: `product`.
    pub name: Arc<str>,
    /// What its entries are kept under: `origin:product`.
    pub intent: IntentId,
    /// The service's name in `origins:`; usually the same.
    pub place: Arc<str>,
    /// The key; its places are what a caller gives.
    pub key: Template,
    /// Where the service has the value.
    pub path: Template,
    /// How long a value is fresh.
    pub ttl: TimeSpan,
    /// How long after that it may be served while the service does not answer.
    pub max_stale: TimeSpan,
    /// How long "there is no such thing" is believed.
    pub missing: TimeSpan,
    /// What values are invalidated by, beside their key and `origin:` and the name.
    pub tags: Vec<Template>,
    /// What is never kept.
    pub live: Vec<LiveField>,
    /// Values that were asked for within this time are fetched anew before they expire; `None` for no such thing.
    pub refresh: Option<TimeSpan>,
}

/// A field that is fetched for every answer and never kept.
#[derive(Clone, Debug)]
pub struct LiveField {
    /// Where it stands in the value, as a JSON pointer.
    pub field: String,
    /// The service that has it.
    pub place: Arc<str>,
    /// Where that has it.
    pub path: Template,
    /// Where it stands in that answer, as a JSON pointer.
    pub take: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[schemars(with = "String")]
    origin: Spanned<String>,
    place: Option<String>,
    #[schemars(with = "String")]
    key: Spanned<String>,
    #[schemars(with = "String")]
    path: Spanned<String>,
    #[schemars(with = "TimeSpan")]
    ttl: Spanned<TimeSpan>,
    #[serde(default)]
    max_stale: TimeSpan,
    #[serde(default = "believed")]
    missing: TimeSpan,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    tags: Vec<Spanned<String>>,
    #[serde(default)]
    live: Vec<RawLive>,
    refresh: Option<TimeSpan>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawLive {
    #[schemars(with = "String")]
    field: Spanned<String>,
    place: Option<String>,
    #[schemars(with = "Option<String>")]
    path: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    take: Option<Spanned<String>>,
}

fn believed() -> TimeSpan {
    TimeSpan::secs(30)
}

/// Reads the `origin:` documents below `policies/`.
pub fn load(files: &Files, problems: &mut Problems) -> Vec<Definition> {
    let mut all: Vec<Definition> = Vec::new();
    for file in files.below("policies/") {
        let documents = Document::split(&file.path, &file.text);
        for document in documents.iter().filter(|document| document.kind() == Some("origin")) {
            let Some(raw) = document.read::<Raw>(problems) else { continue };
            if all.iter().any(|known| *known.name == *raw.origin.value) {
                let what = format!("there are two origins `{}`. Keep one of them", raw.origin.value);
                problems.add(&document.place_of(&raw.origin), what);
            }
            all.extend(raw.validate(document, problems));
        }
    }
    all
}

impl Raw {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Definition> {
        let name: Arc<str> = self.origin.value.as_str().into();
        let place: Arc<str> = self.place.as_deref().map_or(name.clone(), Arc::from);
        self.check(document, problems);
        let key = template(&self.key, document, problems)?;
        if key.names().is_empty() {
            let what = "this key is the same for everything. Give it a place, as in `product:{asin}`";
            problems.add(&document.place_of(&self.key), what);
        }
        let mut filled = |text: &Spanned<String>| fits(&key, text, document, problems);
        let path = filled(&self.path)?;
        let tags = self.tags.iter().filter_map(&mut filled).collect();
        let live = self.live.iter().filter_map(|raw| {
            let path = raw.path.as_ref().map_or_else(|| Some(path.clone()), &mut filled)?;
            let take = raw.take.as_ref().unwrap_or(&raw.field).value.clone();
            let place = raw.place.as_deref().map_or(place.clone(), Arc::from);
            Some(LiveField { field: raw.field.value.clone(), place, path, take })
        });
        let live = live.collect();
        Some(Definition {
            intent: format!("origin:{name}").into(),
            name,
            place,
            key,
            path,
            ttl: self.ttl.value,
            max_stale: self.max_stale,
            missing: self.missing,
            tags,
            live,
            refresh: self.refresh,
        })
    }

    fn check(&self, document: &Document, problems: &mut Problems) {
        if self.ttl.value.0.is_zero() {
            problems.add(&document.place_of(&self.ttl), "a ttl of 0 keeps nothing. Use one such as 5m");
        }
        let pointers = self.live.iter().flat_map(|live| std::iter::once(&live.field).chain(&live.take));
        for pointer in pointers.filter(|pointer| pointer.value.len() < 2 || !pointer.value.starts_with('/')) {
            let what = format!("`{}` names no field. Write a JSON pointer such as `/price`", pointer.value);
            problems.add(&document.place_of(pointer), what);
        }
    }
}

fn template(text: &Spanned<String>, document: &Document, problems: &mut Problems) -> Option<Template> {
    Template::parse(&text.value).map_err(|why| problems.add(&document.place_of(text), why)).ok()
}

/// A template whose places the key has, too.
fn fits(key: &Template, text: &Spanned<String>, document: &Document, problems: &mut Problems) -> Option<Template> {
    let read = template(text, document, problems)?;
    let known = key.names();
    for name in read.names().into_iter().filter(|name| !known.contains(name)) {
        let what = format!("`{{{name}}}` is not a place of the key, which has: {}", known.join(", "));
        problems.add(&document.place_of(text), what);
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_origins_are_those_of_the_shop_with_prices_never_kept() {
        let mut problems = Problems::default();
        let all = load(&Files::shipped(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let ttls: Vec<_> = all.iter().map(|origin| (&*origin.name, origin.ttl.to_string())).collect();
        let minutes = [("product", "5m"), ("reco", "15m"), ("promo", "15m"), ("review", "1h")];
        assert_eq!(ttls, minutes.map(|(name, ttl)| (name, ttl.to_owned())));
        assert_eq!(all[0].live[0].field, "/price");
        assert!(all[3].refresh.is_some());
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_a_remedy() {
        let text = "origin: a\nkey: 'a:{id}'\npath: '/a/{ide}'\nttl: 0s\nlive:\n  - { field: price }\n";
        let mut problems = Problems::default();
        load(&Files::of([("policies/o.yaml", text)]), &mut problems);
        let told = problems.to_string();
        for part in [
            "o.yaml:3:7: `{ide}` is not a place of the key",
            "o.yaml:4:6: a ttl of 0",
            "o.yaml:6:14: `price` names no field",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}
