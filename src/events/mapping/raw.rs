//! Mappings as operators write them, and what may be wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;

use super::{Announce, Mapping, Mappings, samples};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::nearest,
        problem::{Place, Problems},
    },
    engine::understand::Understanding,
    events::{pattern::Pattern, template::Template},
};

/// The kinds of tags that the cache itself gives, and those of its callers' usual ones.
const TAG_KINDS: [&str; 5] = ["title", "product", "section", "intent", "entity"];

/// A mapping, as an operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) mapping: Spanned<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    pattern: Spanned<Value>,
    #[serde(default)]
    tags: Vec<Spanned<String>>,
    announce: Option<RawAnnounce>,
    #[serde(default)]
    warm: Vec<Spanned<String>>,
    #[serde(default)]
    ignore: bool,
    #[serde(default)]
    pub(super) samples: Vec<RawSample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnnounce {
    kind: Spanned<String>,
    subject: Spanned<String>,
    #[serde(default)]
    details: BTreeMap<String, Spanned<String>>,
}

/// An event that a mapping must understand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSample {
    pub(super) event: Spanned<Value>,
    /// Exactly the tags that must come out; not compared when absent.
    pub(super) tags: Option<Spanned<Vec<String>>>,
}

pub(super) fn load(files: &Files, understanding: &Understanding, problems: &mut Problems) -> Mappings {
    let mut mappings = Vec::new();
    let mut names = BTreeSet::new();
    for file in files.below("policies/").chain(files.below("events/")) {
        let documents = Document::split(&file.path, &file.text);
        for document in documents.iter().filter(|document| document.kind() == Some("mapping")) {
            let Some(raw) = document.read::<Raw>(problems) else { continue };
            if !names.insert(raw.mapping.value.clone()) {
                let what = format!("two mappings are called `{}`. Give one another name", raw.mapping.value);
                problems.add(&document.place_of(&raw.mapping), what);
            }
            let mut reader = Reader { document, understanding, problems };
            if let Some(mapping) = reader.mapping(&raw) {
                samples::check(&mapping, &raw, document, understanding, problems);
                mappings.push(mapping);
            }
        }
    }
    Mappings(mappings)
}

struct Reader<'a> {
    document: &'a Document,
    understanding: &'a Understanding,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn mapping(&mut self, raw: &Raw) -> Option<Mapping> {
        let does_something = !raw.tags.is_empty() || raw.announce.is_some() || !raw.warm.is_empty();
        if raw.ignore == does_something {
            let what = if raw.ignore {
                "a mapping with `ignore: true` does nothing else: remove its `tags`, `announce` and `warm`"
            } else {
                "this mapping does nothing. Give it `tags`, `announce` or `warm`, or say `ignore: true`"
            };
            self.problems.add(&self.document.place_of(&raw.mapping), what);
        }
        let pattern = self.pattern(&raw.pattern);
        let tags = raw.tags.iter().filter_map(|tag| self.tag(tag)).collect();
        let announce = raw.announce.as_ref().and_then(|announce| self.announce(announce));
        let warm = raw.warm.iter().filter_map(|warm| self.template(warm)).collect();
        let name = Arc::from(raw.mapping.value.as_str());
        Some(Mapping { name, pattern: pattern?, tags, announce, warm })
    }

    fn pattern(&mut self, raw: &Spanned<Value>) -> Option<Pattern> {
        match Pattern::read(&raw.value) {
            Ok(pattern) => Some(pattern),
            Err(wrong) => {
                let start = self.document.place_of(raw);
                let place = if wrong.key.is_empty() { start } else { self.document.find_after(&start, &wrong.key) };
                self.problems.add(&place, wrong.what);
                None
            }
        }
    }

    fn tag(&mut self, raw: &Spanned<String>) -> Option<Template> {
        let template = self.template(raw)?;
        let place = self.document.place_of(raw);
        match raw.value.split_once(':') {
            None => {
                let what = format!("`{}` is no tag. Write its kind first, such as `product:` or `title:`", raw.value);
                self.problems.add(&place, what);
            }
            Some((kind, value)) => self.known(kind, value, &place),
        }
        Some(template)
    }

    /// A kind nearly like one of the usual ones is a slip of the pen; an intent must be one.
    fn known(&mut self, kind: &str, value: &str, place: &Place) {
        if let Some(meant) = nearest(kind, TAG_KINDS).filter(|meant| *meant != kind) {
            self.problems.add(place, format!("no answer has a tag of the kind `{kind}`; did you mean `{meant}`?"));
        }
        if kind == "intent" && !value.contains('{') && self.understanding.intent(value).is_none() {
            let known = self.understanding.intents().map(|intent| &*intent.id);
            let hint = crate::config::nearest::did_you_mean(value, known);
            self.problems.add(place, format!("no intent of policies/intents.yaml is called `{value}`{hint}"));
        }
    }

    fn announce(&mut self, raw: &RawAnnounce) -> Option<Announce> {
        if raw.kind.value.trim().is_empty() {
            self.problems.add(&self.document.place_of(&raw.kind), "say what kind of thing it is, such as `sale`");
        }
        let details = raw.details.iter().filter_map(|(name, value)| Some((name.clone(), self.template(value)?)));
        let details = details.collect();
        Some(Announce { kind: raw.kind.value.clone(), subject: self.template(&raw.subject)?, details })
    }

    fn template(&mut self, raw: &Spanned<String>) -> Option<Template> {
        match Template::parse(&raw.value) {
            Ok(template) => Some(template),
            Err(what) => {
                self.problems.add(&self.document.place_of(raw), what);
                None
            }
        }
    }
}
