//! The everyday words that decide what a question means, as `policies/language.yaml` lists them.
//!
//! Five kinds of documents:
//! - `facet:` words that decide: questions that differ in one are different questions (when/where, with/without, volume/
//!   chapter). Words of one class mean the same.
//! - `synonyms:` words that mean the same; questions that differ in what they mean differ, unless it is `soft`.
//! - `numbers:` words that are numbers: "three" is 3.
//! - `light:` words that add nothing (articles, politeness).
//! - `unseen:` words that point at something outside the question ("this one", "my order", "today").
//!
//! Words that nobody listed count as names: two questions that differ in one are not taken for the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    normalise::normalise,
    phrases::{Form, Phrases},
    signature::Gate,
    words::{Word, hash, join},
};
use crate::config::{document::Document, files::Files, problem::Problems};

/// What a phrase of the lexicon, or a cue of an intent, says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// It speaks for an intent.
    Cue {
        /// Which, by its place among the intents.
        intent: usize,
        /// How much.
        weight: f32,
    },
    /// It is one part of a cue with a gap.
    Step {
        /// Which cue with a gap.
        gapped: usize,
        /// Which part, from 0.
        part: u8,
    },
    /// It is a class of a facet.
    Class(Class),
    /// It means the same as all words of a concept.
    Concept(Concept),
    /// It is a number in words.
    Number(u64),
    /// It adds nothing.
    Light,
    /// It points at something outside the question.
    Unseen(Unless),
}

/// Words that mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Stands for all of them.
    pub hash: u64,
    /// Questions may differ in it: it says nothing that is not said otherwise ("series", "title").
    pub soft: bool,
}

/// A class of a facet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Stands for facet and class.
    pub hash: u64,
    /// Which gate compares it.
    pub gate: Gate,
    /// Does not count beside another class of its gate: "what is the release date" asks "when".
    pub generic: bool,
    /// Says which day is meant.
    pub tells_date: bool,
    /// Denies what the sentence says.
    pub denies: bool,
    /// Compares what stands before it with what stands after it.
    pub compares: bool,
}

/// What makes a pointing word harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unless {
    /// A title in the same question: "it" is the title.
    Title,
    /// A date in the same question.
    Date,
    /// Nothing.
    Never,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFacet {
    facet: String,
    gate: Gate,
    generic: Option<String>,
    #[serde(default)]
    tells_date: bool,
    #[serde(default)]
    denies: bool,
    #[serde(default)]
    compares: bool,
    classes: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSynonyms {
    synonyms: String,
    #[serde(default)]
    soft: bool,
    words: Vec<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawNumbers {
    #[serde(rename = "numbers")]
    _language: String,
    /// The number → its words.
    words: BTreeMap<u64, Vec<String>>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawLight {
    #[serde(rename = "light")]
    _language: String,
    words: Vec<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawUnseen {
    #[serde(rename = "unseen")]
    _kind: String,
    unless: Unless,
    words: Vec<String>,
}

/// Phrases and what they say.
#[derive(Debug)]
pub struct Lexicon {
    phrases: Phrases<Meaning>,
    /// The synonyms there are.
    concepts: BTreeSet<u64>,
}

impl Lexicon {
    /// Reads `policies/language.yaml` and what else below `policies/` has one of its documents.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        let mut lexicon = Self { phrases: Phrases::new(Form::Stem), concepts: BTreeSet::new() };
        for file in files.below("policies/") {
            for document in Document::split(&file.path, &file.text) {
                lexicon.read(&document, problems);
            }
        }
        lexicon
    }

    /// Adds a phrase, in any spelling.
    ///
    /// # Errors
    /// For people, when there is no word in it.
    pub fn add(&mut self, phrase: &str, meaning: Meaning) -> Result<(), String> {
        if let Meaning::Concept(concept) = meaning {
            self.concepts.insert(concept.hash);
        }
        let added = self.phrases.add(&normalise(phrase), meaning);
        added.then_some(()).ok_or_else(|| format!("there is no word in `{phrase}`. Write letters or digits"))
    }

    /// Every phrase that starts with the first of these words, shortest first.
    pub fn starting<'a>(&'a self, words: &'a [Word]) -> impl Iterator<Item = (usize, &'a [Meaning])> {
        self.phrases.starting(words)
    }

    /// Whether there are synonyms of this name.
    pub fn has_concept(&self, synonyms: &str) -> bool {
        self.concepts.contains(&hash(synonyms.as_bytes()))
    }

    fn read(&mut self, document: &Document, problems: &mut Problems) {
        let entries: Vec<(String, Meaning)> = match document.kind() {
            Some("facet") => {
                document.read::<RawFacet>(problems).map_or_else(Vec::new, |raw| classes(raw, document, problems))
            }
            Some("synonyms") => document.read::<RawSynonyms>(problems).map_or_else(Vec::new, |raw| {
                let concept = Concept { hash: hash(raw.synonyms.as_bytes()), soft: raw.soft };
                raw.words.into_iter().map(|word| (word, Meaning::Concept(concept))).collect()
            }),
            Some("numbers") => document.read::<RawNumbers>(problems).map_or_else(Vec::new, numbers),
            Some("light") => document
                .read::<RawLight>(problems)
                .map_or_else(Vec::new, |raw| raw.words.into_iter().map(|word| (word, Meaning::Light)).collect()),
            Some("unseen") => document.read::<RawUnseen>(problems).map_or_else(Vec::new, |raw| {
                raw.words.into_iter().map(|word| (word, Meaning::Unseen(raw.unless))).collect()
            }),
            _ => return,
        };
        for (phrase, meaning) in entries {
            if let Err(why) = self.add(&phrase, meaning) {
                problems.add(&document.find(&phrase), why);
            }
        }
    }
}

fn numbers(raw: RawNumbers) -> Vec<(String, Meaning)> {
    let of_number = |(number, words): (u64, Vec<String>)| {
        let number = Meaning::Number(hash(number.to_string().as_bytes()));
        words.into_iter().map(move |word| (word, number))
    };
    raw.words.into_iter().flat_map(of_number).collect()
}

fn classes(raw: RawFacet, document: &Document, problems: &mut Problems) -> Vec<(String, Meaning)> {
    if let Some(generic) = raw.generic.as_ref().filter(|generic| !raw.classes.contains_key(*generic)) {
        let what = format!(
            "the facet `{}` has no class `{generic}`. Name one of its classes, or leave `generic` out",
            raw.facet
        );
        problems.add(&document.find("generic"), what);
    }
    let facet = hash(raw.facet.as_bytes());
    let phrases = raw.classes.into_iter().flat_map(|(name, words)| {
        let class = Class {
            hash: join(facet, hash(name.as_bytes())),
            gate: raw.gate,
            generic: raw.generic.as_ref() == Some(&name),
            tells_date: raw.tells_date,
            denies: raw.denies,
            compares: raw.compares,
        };
        words.into_iter().map(move |word| (word, Meaning::Class(class)))
    });
    phrases.collect()
}
