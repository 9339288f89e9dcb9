//! Intents: what a question can be about, how to tell, and how its answers may be kept.
//!
//! `policies/intents.yaml` holds one document for each:
//!
//! ```yaml
//! intent: manga_release_date
//! scope: public
//! semantic: true
//! threshold: 0.92
//! ttl: 6h
//! max_stale: 1d
//! cues:
//!   - { weight: 2, words: [release date, "when … out", 発売日] }
//! ```

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    lexicon::{Lexicon, Meaning},
    normalise::normalise,
    words::hash,
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::Problems,
    },
    ids::IntentId,
    store::Tag,
    units::{Ratio, TimeSpan},
};

/// The intent of questions that no other intent claims.
pub const OTHER: &str = "_other";

/// Who may be given an answer that was kept. Tenants never share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody who asks the same tenant's shop.
    Public,
    /// The tenant's own people; kept apart like `public`, and said apart for audits.
    Tenant,
    /// The user who asked, when the caller names one.
    User,
    /// Nobody: it is not kept at all.
    Never,
}

/// An intent, ready for use.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// What its answers are invalidated by: `intent:` and its name.
    pub tag: Tag,
    /// Its number, from 0. It stays the same for as long as the process runs, whatever is reloaded.
    pub index: usize,
    /// Who may be given its answers.
    pub scope: Scope,
    /// Whether a question that means the same may be given the answer.
    pub semantic: bool,
    /// The configured lowest similarity for that; the knob `threshold.…` may differ.
    pub threshold: Ratio,
    /// How many of the answers found by similarity may be wrong.
    pub most_wrong: Ratio,
    /// How long an answer is fresh, by configuration; the knob `ttl.…` may differ.
    pub ttl: TimeSpan,
    /// How long after that it may be served while no model answers; zero for never.
    pub max_stale: TimeSpan,
    /// Whether a semantic hit must be about the same titles.
    pub entity_filter: bool,
    /// Whether answers may name a price.
    pub carries_price: bool,
    /// What is added to an answer that is served stale.
    pub disclaimer: Option<Arc<str>>,
    /// How much a title in the question speaks for this intent.
    pub with_title: f32,
    /// The synonyms, as hashes, that every question of this intent means, whether it says them or not.
    pub implies: Vec<u64>,
    /// The configured share of the store's memory that its entries may take; the knob `budget.…` may differ. `None` shares
    /// that of `_other`.
    pub budget: Option<Ratio>,
}

/// An intent, as an operator writes it.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[schemars(with = "String")]
    intent: Spanned<String>,
    scope: Scope,
    semantic: bool,
    #[schemars(with = "Ratio")]
    threshold: Spanned<Ratio>,
    #[schemars(with = "Option<Ratio>")]
    most_wrong: Option<Spanned<Ratio>>,
    #[schemars(with = "TimeSpan")]
    ttl: Spanned<TimeSpan>,
    #[serde(default)]
    max_stale: TimeSpan,
    #[serde(default = "yes")]
    entity_filter: bool,
    #[serde(default)]
    carries_price: bool,
    disclaimer: Option<String>,
    #[serde(default)]
    with_title: f32,
    #[schemars(with = "Option<Ratio>")]
    budget: Option<Spanned<Ratio>>,
    #[serde(default)]
    implies: Vec<String>,
    #[serde(default)]
    cues: Vec<RawCue>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawCue {
    weight: f32,
    words: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A cue with gaps ("when … out"): it counts when its parts come in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gapped {
    /// For which intent it speaks, by its place.
    pub intent: usize,
    /// How much.
    pub weight: f32,
    /// How many parts it has.
    pub parts: u8,
}

/// All intents, in the order of the files.
#[derive(Debug)]
pub struct Intents {
    all: Vec<Arc<Intent>>,
    places: BTreeMap<IntentId, usize>,
    /// Every intent there is or ever was in this process; an intent's number is its place here.
    names: Vec<IntentId>,
    gapped: Vec<Gapped>,
    other: usize,
}

/// Bounds on wrong answers that labels can prove, and that anybody would want.
const LEAST_BOUND: Ratio = Ratio::basis_points(10);
const MOST_BOUND: Ratio = Ratio::basis_points(500);

/// How many of the answers found by similarity may be wrong when the file does not say: 0.5 %.
const MOST_WRONG: Ratio = Ratio::basis_points(50);

/// How much speaks for an intent before it is believed.
const ENOUGH: f32 = 1.0;

impl Intents {
    /// Reads the `intent:` documents below `policies/` and teaches the lexicon their cues; `before` are the intents that
    /// were in force until now, whose numbers stay. `None` without `_other`.
    pub fn load(files: &Files, before: Option<&Self>, lexicon: &mut Lexicon, problems: &mut Problems) -> Option<Self> {
        let names = before.map_or_else(Vec::new, |before| before.names.clone());
        let mut all = Self { all: Vec::new(), places: BTreeMap::new(), names, gapped: Vec::new(), other: 0 };
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            for document in documents.iter().filter(|document| document.kind() == Some("intent")) {
                let Some(raw) = document.read::<Raw>(problems) else { continue };
                raw.check(document, problems);
                all.add(raw, document, lexicon, problems);
            }
        }
        all.check_budgets(problems);
        match all.places.get(OTHER) {
            Some(other) => all.other = *other,
            None => {
                let place =
                    crate::config::problem::Place { file: "policies/intents.yaml".into(), ..Default::default() };
                problems
                    .add(&place, "there is no intent `_other` for questions that fit no other. Add `intent: _other`");
                return None;
            }
        }
        Some(all)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Intent>> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The names of all intents there are or were in this process, by their numbers.
    pub fn names(&self) -> &[IntentId] {
        &self.names
    }

    /// `true` when there is none, which never is.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// An intent by its name.
    pub fn named(&self, id: &str) -> Option<&Arc<Intent>> {
        self.all.get(*self.places.get(id)?)
    }

    /// A cue with gaps by its number.
    pub fn gapped(&self, number: usize) -> Option<&Gapped> {
        self.gapped.get(number)
    }

    /// The intent that the most speaks for; the first of the files among equals, `_other` when nothing is enough.
    pub fn most_likely(&self, scores: &[f32], has_title: bool) -> &Arc<Intent> {
        let mut best = (&self.all[self.other], ENOUGH - f32::EPSILON);
        for intent in &self.all {
            let score = scores.get(intent.index).copied().unwrap_or(0.0);
            let score = score + if has_title { intent.with_title } else { 0.0 };
            if score > best.1 {
                best = (intent, score);
            }
        }
        best.0
    }

    fn add(&mut self, raw: Raw, document: &Document, lexicon: &mut Lexicon, problems: &mut Problems) {
        let id = IntentId::from(raw.intent.value.as_str());
        let index = self.number(&id);
        if self.places.insert(id.clone(), self.all.len()).is_some() {
            let what = format!("there are two intents `{id}`. Keep one of them");
            problems.add(&document.place_of(&raw.intent), what);
        }
        for synonyms in raw.implies.iter().filter(|synonyms| !lexicon.has_concept(synonyms)) {
            let what = format!("no `synonyms: {synonyms}` are in policies/language.yaml. Name some that are there");
            problems.add(&document.find(synonyms), what);
        }
        for cue in &raw.cues {
            for phrase in &cue.words {
                if let Err(why) = self.teach(phrase, index, cue.weight, lexicon) {
                    problems.add(&document.find(phrase), why);
                }
            }
        }
        self.all.push(Arc::new(Intent {
            tag: Tag(format!("intent:{}", normalise(&id)).into()),
            id,
            index,
            scope: raw.scope,
            semantic: raw.semantic,
            threshold: raw.threshold.value,
            most_wrong: raw.most_wrong.map_or(MOST_WRONG, |most| most.value),
            ttl: raw.ttl.value,
            max_stale: raw.max_stale,
            entity_filter: raw.entity_filter,
            carries_price: raw.carries_price,
            disclaimer: raw.disclaimer.map(Arc::from),
            with_title: raw.with_title,
            budget: raw.budget.map(|budget| budget.value),
            implies: raw.implies.iter().map(|synonyms| hash(synonyms.as_bytes())).collect(),
        }));
    }

    /// The number of this name, now and later.
    fn number(&mut self, id: &IntentId) -> usize {
        let known = self.names.iter().position(|name| name == id);
        known.unwrap_or_else(|| {
            self.names.push(id.clone());
            self.names.len() - 1
        })
    }

    /// More than all of the memory cannot be shared out.
    fn check_budgets(&self, problems: &mut Problems) {
        let sum: f64 = self.all.iter().filter_map(|intent| intent.budget).map(Ratio::as_f64).sum();
        if sum > 1.0 + 1e-9 {
            let place = crate::config::problem::Place { file: "policies/intents.yaml".into(), ..Default::default() };
            let what =
                format!("the budgets of all intents add up to {sum:.2}, and there is 1 to share. Lower some of them");
            problems.add(&place, what);
        }
    }

    fn teach(&mut self, phrase: &str, intent: usize, weight: f32, lexicon: &mut Lexicon) -> Result<(), String> {
        let parts: Vec<_> = phrase.split('…').map(str::trim).filter(|part| !part.is_empty()).collect();
        if let [whole] = parts[..] {
            return lexicon.add(whole, Meaning::Cue { intent, weight });
        }
        let gapped = self.gapped.len();
        for (part, words) in parts.iter().enumerate() {
            lexicon.add(words, Meaning::Step { gapped, part: part as u8 })?;
        }
        self.gapped.push(Gapped { intent, weight, parts: parts.len() as u8 });
        Ok(())
    }
}

impl Raw {
    fn check(&self, document: &Document, problems: &mut Problems) {
        let id = &self.intent.value;
        if self.ttl.value.0.is_zero() {
            let what = format!("`{id}` would keep nothing with a ttl of 0. Use `scope: never`, or a ttl such as 15m");
            problems.add(&document.place_of(&self.ttl), what);
        }
        if self.threshold.value < Ratio::basis_points(8_000) {
            let what = format!("a threshold of {} serves wrong answers. Use 0.8 or more", self.threshold.value);
            problems.add(&document.place_of(&self.threshold), what);
        }
        if let Some(most) = self.most_wrong.as_ref().filter(|m| m.value < LEAST_BOUND || m.value > MOST_BOUND) {
            let what = format!("a bound of {} wrong answers is out of reach. Use 0.001 to 0.05", most.value);
            problems.add(&document.place_of(most), what);
        }
        if self.semantic && matches!(self.scope, Scope::User | Scope::Never) {
            let what =
                format!("answers of `{id}` are personal and must not be found by similarity. Set `semantic: false`");
            problems.add(&document.find("semantic"), what);
        }
        if let Some(budget) = self.budget.as_ref().filter(|budget| budget.value == Ratio::ZERO) {
            let what = format!("a budget of 0 lets `{id}` keep nothing. Use `scope: never`, or leave it out");
            problems.add(&document.place_of(budget), what);
        }
        if self.carries_price && !self.max_stale.0.is_zero() && self.disclaimer.is_none() {
            let what = format!("a stale price of `{id}` would be served without a word. Add a `disclaimer`");
            problems.add(&document.find("carries_price"), what);
        }
        for cue in self.cues.iter().filter(|cue| !cue.weight.is_finite() || cue.weight <= 0.0) {
            let what = format!("a cue with weight {} says nothing. Use a weight above 0", cue.weight);
            problems.add(&document.find(&format!("weight: {}", cue.weight)), what);
        }
    }
}
