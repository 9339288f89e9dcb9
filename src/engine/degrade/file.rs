//! `message:` documents in `policies/messages*.yaml`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{SPLIT, STANDARD, Words, language::Language};
use crate::config::{
    document::{Document, Spanned},
    files::Files,
    problem::Problems,
};

/// The words for one intent, by language (`en`, `ja`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// The intent, or `_default`.
    message: Spanned<String>,
    /// Which wording of the intent's degradation message this is; `standard` when absent.
    variant: Option<Spanned<String>>,
    /// A fixed answer that is true at any time, given instead of a degradation message.
    #[serde(default)]
    fixed: BTreeMap<String, Spanned<String>>,
    /// What to say when nobody can answer.
    #[serde(default)]
    degraded: BTreeMap<String, Spanned<String>>,
}

/// What a template may name.
const PLACES: [&str; 5] = ["subject", "recovery", "order", "title", "title_link"];

/// Words that make people press the button again, which makes an outage worse.
const RETRY_WORDS: [&str; 16] = [
    "try again",
    "try asking",
    "try once more",
    "try later",
    "retry",
    "ask again",
    "send again",
    "resend",
    "in a moment",
    "もう一度",
    "再度",
    "再試行",
    "再送",
    "やり直",
    "お試しください",
    "しばらくしてから",
];

/// So many wordings of one message can be told apart in a lifetime of outages.
const MOST_VARIANTS: usize = 6;

/// Reads the documents; what is wrong is among the problems.
pub(super) fn load(files: &Files, problems: &mut Problems) -> BTreeMap<String, Words> {
    let mut all: BTreeMap<String, Words> = BTreeMap::new();
    for file in files.below("policies/messages") {
        for document in Document::split(&file.path, &file.text) {
            if let Some(raw) = document.read::<Raw>(problems) {
                raw.check(&document, problems);
                raw.add_to(&mut all, &document, problems);
            }
        }
    }
    all
}

impl Raw {
    fn check(&self, document: &Document, problems: &mut Problems) {
        for text in self.degraded.values().chain(self.fixed.values()) {
            let place = document.place_of(text);
            if let Some(word) = RETRY_WORDS.iter().find(|word| text.value.to_lowercase().contains(**word)) {
                let what =
                    format!("`{word}` makes people ask again at once. Say what they can do instead, and {{recovery}}");
                problems.add(&place, what);
            }
        }
        for text in self.degraded.values() {
            for name in places(&text.value).filter(|name| !PLACES.contains(name)) {
                let known = PLACES.map(|place| format!("{{{place}}}")).join(", ");
                problems.add(&document.place_of(text), format!("`{{{name}}}` is not known here. These are: {known}"));
            }
        }
        for (code, text) in self.degraded.iter().chain(&self.fixed) {
            if Language::of_code(code).is_none() {
                problems.add(&document.place_of(text), format!("`{code}` is not spoken here. Use `en` or `ja`"));
            }
        }
        if self.fixed.is_empty() && self.degraded.is_empty() {
            problems.add(&document.start(), "this message says nothing. Give it `fixed:` or `degraded:` texts");
        }
    }

    fn add_to(self, all: &mut BTreeMap<String, Words>, document: &Document, problems: &mut Problems) {
        let variant = self.variant.as_ref().map_or(STANDARD, |variant| variant.value.as_str());
        let place =
            || self.variant.as_ref().map_or_else(|| document.place_of(&self.message), |it| document.place_of(it));
        let plain = variant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if variant == SPLIT || !plain || variant.is_empty() {
            problems.add(
                &place(),
                format!("`{variant}` cannot name a variant. Use letters, digits, - and _, and not `{SPLIT}`"),
            );
        }
        let words = all.entry(self.message.value.clone()).or_default();
        if words.degraded.contains_key(variant) {
            let what = format!(
                "`{}` has two wordings called `{variant}`. Give one of them another `variant:`",
                self.message.value
            );
            problems.add(&place(), what);
        }
        if words.degraded.len() >= MOST_VARIANTS {
            problems.add(&place(), format!("a message may have {MOST_VARIANTS} variants: more cannot be told apart"));
        }
        let texts = |texts: BTreeMap<String, Spanned<String>>| -> BTreeMap<Language, String> {
            texts
                .into_iter()
                .filter_map(|(code, text)| Some((Language::of_code(&code)?, text.value.trim().to_owned())))
                .collect()
        };
        let degraded = texts(self.degraded);
        if !degraded.is_empty() {
            words.degraded.insert(Arc::from(variant), degraded);
        }
        words.fixed.extend(texts(self.fixed));
    }
}

fn places(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}
