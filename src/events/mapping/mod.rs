//! Mappings: which event makes what void. Files, each with sample events that it must understand.
//!
//! ```yaml
//! mapping: price-changed
//! pattern:
//!   source: [com.mangaassist.catalog]
//!   detail-type: [product.price.changed]
//! tags: ["product:{$.detail.asin}", "title:{$.detail.title?}"]
//! samples:
//!   - event: { source: com.mangaassist.catalog, detail-type: product.price.changed, detail: { asin: B01, title: Akira } }
//! ```
//!
//! An event may match several mappings; all of them apply. One that matches none is ignored, except when its sender is
//! known and its `detail-type` is not: then somebody renamed something, and it is kept until a mapping knows it.

mod raw;
mod samples;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{pattern::Pattern, template::Template};
use crate::{
    config::{files::Files, nearest::did_you_mean, problem::Problems},
    engine::understand::Understanding,
    store::Tag,
};

/// All mappings of a shop.
#[derive(Clone, Debug, Default)]
pub struct Mappings(Vec<Mapping>);

/// What is done about the events of one pattern.
#[derive(Clone, Debug)]
struct Mapping {
    name: Arc<str>,
    pattern: Pattern,
    tags: Vec<Template>,
    announce: Option<Announce>,
    warm: Vec<Template>,
}

/// What the controller is told.
#[derive(Clone, Debug)]
struct Announce {
    kind: String,
    subject: Template,
    details: BTreeMap<String, Template>,
}

/// Something for the controller to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// `deployment`, `release`, `sale`, `warming`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// More.
    pub details: BTreeMap<String, String>,
}

/// What the mappings make of one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Which mappings match.
    pub mappings: Vec<Arc<str>>,
    /// What becomes void, each once.
    pub tags: Vec<Tag>,
    /// What the controller is told.
    pub announced: Vec<Announced>,
    /// What should have been in the event and was not; then not everything that should become void does.
    pub missing: Vec<String>,
    /// Worth a word: a title that no dictionary knows.
    pub remarks: Vec<String>,
    /// When no mapping matches and its sender is known: what is different about it.
    pub renamed: Option<String>,
}

impl Mappings {
    /// Reads the `mapping:` documents below `policies/` and `events/`, and tries each on its samples.
    pub fn load(files: &Files, understanding: &Understanding, problems: &mut Problems) -> Self {
        raw::load(files, understanding, problems)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `true` when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What an event means.
    pub fn read(&self, event: &Value, understanding: &Understanding) -> Reading {
        let mut reading = Reading::default();
        for mapping in self.0.iter().filter(|mapping| mapping.pattern.matches(event)) {
            mapping.read(event, understanding, &mut reading);
        }
        if reading.mappings.is_empty() {
            reading.renamed = self.renamed(event);
        }
        reading
    }

    /// The mapping that comes nearest to an event that none matches, and what is in the way.
    pub fn nearest(&self, event: &Value) -> Option<(Arc<str>, String)> {
        let fields = ["source", "detail-type", "eventSourceARN", "eventName", "event_type", "kind"];
        let fitting = |mapping: &Mapping| {
            fields.iter().filter(|field| mapping.pattern.accepts(field, event) == Some(true)).count()
        };
        let nearest = self.0.iter().max_by_key(|mapping| fitting(mapping))?;
        Some((nearest.name.clone(), nearest.pattern.mismatch(event)?.what))
    }

    /// Whether an event's sender is known and its `detail-type` is not.
    fn renamed(&self, event: &Value) -> Option<String> {
        let from: Vec<_> = self.0.iter().filter(|m| m.pattern.accepts("source", event) == Some(true)).collect();
        let found = event.get("detail-type")?.as_str()?;
        let is_known = from.iter().any(|mapping| mapping.pattern.accepts("detail-type", event) != Some(false));
        if from.is_empty() || is_known {
            return None;
        }
        let known: Vec<_> = from.iter().filter_map(|m| Some((m, m.pattern.mismatch(event)?.what))).collect();
        let hint = did_you_mean(found, from.iter().map(|mapping| &*mapping.name));
        let (nearest, what) = known.first()?;
        Some(format!(
            "no mapping knows the detail-type `{found}` of this sender: for `{}`, {what}{hint}. Add it to a pattern in \
             policies/events.yaml, or a mapping with `ignore: true`",
            nearest.name
        ))
    }
}

impl Mapping {
    fn read(&self, event: &Value, understanding: &Understanding, into: &mut Reading) {
        into.mappings.push(self.name.clone());
        for template in &self.tags {
            let filled = template.fill(event);
            into.missing.extend(filled.missing.into_iter().map(|path| self.misses(&path, template)));
            for text in filled.texts {
                for tag in tags(&text, understanding, &mut into.remarks) {
                    if !into.tags.contains(&tag) {
                        into.tags.push(tag);
                    }
                }
            }
        }
        if !self.tags.is_empty() && into.tags.is_empty() && into.missing.is_empty() {
            into.missing.push(format!("`{}` matches, and none of its tags comes out of this event", self.name));
        }
        into.announced.extend(self.announce.as_ref().and_then(|announce| announce.fill(event)));
        for subject in self.warm.iter().flat_map(|template| template.fill(event).texts) {
            into.announced.push(Announced { kind: "warming".into(), subject, details: BTreeMap::new() });
        }
    }

    fn misses(&self, path: &str, template: &Template) -> String {
        format!("`{}` needs `{path}` for `{template}`, and this event has no value there", self.name)
    }
}

impl Announce {
    fn fill(&self, event: &Value) -> Option<Announced> {
        let first = |template: &Template| template.fill(event).texts.into_iter().next();
        let details = self.details.iter().filter_map(|(name, value)| Some((name.clone(), first(value)?)));
        Some(Announced { kind: self.kind.clone(), subject: first(&self.subject)?, details: details.collect() })
    }
}

/// The tags that a text stands for, in the form the cache knows. A title that no dictionary knows may have been named by
/// a caller; its answers have `entity:` tags then.
pub fn tags(text: &str, understanding: &Understanding, remarks: &mut Vec<String>) -> Vec<Tag> {
    let tag = understanding.tag(text);
    let unknown = tag.0.strip_prefix("title:").filter(|name| understanding.titles().named(name).is_none());
    let Some(name) = unknown.map(str::to_owned) else { return vec![tag] };
    remarks.push(format!("no title of policies/titles.yaml is called `{name}`"));
    vec![tag, Tag(format!("entity:{name}").into())]
}
