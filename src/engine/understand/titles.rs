//! The title dictionary: which titles a text names, by longest match, and one canonical name for all aliases.
//!
//! `policies/titles.yaml` holds them; one document maps each title to its aliases:
//!
//! ```yaml
//! titles: manga
//! list:
//!   Dragon Ball: [ドラゴンボール]
//!   Dragon Ball Super: [ドラゴンボール超]
//! ```
//!
//! "Dragon Ball Super" never counts as "Dragon Ball": the longest title that starts at a word is the one that is meant.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    normalise::normalise,
    phrases::{Form, Phrases},
    words::{Kind, Word, words},
};
use crate::{
    config::{document::Document, files::Files, problem::Problems},
    store::Tag,
};

/// A document of titles, as an operator writes it.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// What kind of titles these are; for people.
    #[serde(rename = "titles")]
    _titles: String,
    /// Canonical title → its aliases. Read value by value, so that one bad entry hides no other.
    list: BTreeMap<String, serde_json::Value>,
}

/// One title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// The canonical name, as the file spells it.
    pub name: Arc<str>,
    /// What its answers are invalidated by: `title:` and the normalised name.
    pub tag: Tag,
}

/// All titles.
#[derive(Debug)]
pub struct Titles {
    titles: Vec<Title>,
    phrases: Phrases<u32>,
}

impl Titles {
    /// Reads the `titles:` documents below `policies/`.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        let mut all = Self { titles: Vec::new(), phrases: Phrases::new(Form::Exact) };
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            for document in documents.iter().filter(|document| document.kind() == Some("titles")) {
                let Some(raw) = document.read::<Raw>(problems) else { continue };
                raw.list.iter().for_each(|(name, aliases)| all.read(name, aliases, document, problems));
            }
        }
        all
    }

    /// How many titles there are.
    pub fn len(&self) -> usize {
        self.titles.len()
    }

    /// `true` when there is none.
    pub fn is_empty(&self) -> bool {
        self.titles.is_empty()
    }

    /// All titles, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Title> {
        self.titles.iter()
    }

    /// The title that a normalised name or alias stands for.
    pub fn named(&self, name: &str) -> Option<&Title> {
        let title = self.phrases.get(name).first()?;
        self.titles.get(*title as usize)
    }

    /// The longest title that starts with the first of these words, and how many words it covers.
    pub fn longest(&self, words: &[Word]) -> Option<(usize, &Title)> {
        let (length, titles) = self.phrases.starting(words).last()?;
        Some((length, self.titles.get(*titles.first()? as usize)?))
    }

    fn read(&mut self, name: &str, aliases: &serde_json::Value, document: &Document, problems: &mut Problems) {
        let Ok(aliases) = Vec::<String>::deserialize(aliases) else {
            let what = format!("the aliases of `{name}` are not a list of texts. Write `{name}: [alias, other alias]`");
            return problems.add(&document.find_key(name), what);
        };
        let id = self.titles.len() as u32;
        let tag = Tag(format!("title:{}", normalise(name)).into());
        self.titles.push(Title { name: name.into(), tag });
        for spelling in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
            if let Err(why) = self.spell(spelling, id) {
                problems.add(&document.find_key(name), why);
            }
        }
    }

    fn spell(&mut self, spelling: &str, title: u32) -> Result<(), String> {
        let phrase = normalise(spelling);
        let words = words(&phrase);
        if words.len() < 2 && words.iter().all(|word| word.end - word.start < 2 || word.kind != Kind::Letters) {
            return Err(format!(
                "`{spelling}` is too short to be found in a text. Use a name of two characters or more"
            ));
        }
        match self.phrases.get(&phrase).first() {
            Some(other) if *other == title => Ok(()),
            Some(other) => Err(format!(
                "`{spelling}` already stands for `{}`. Keep it in one of the two",
                self.titles[*other as usize].name
            )),
            None => {
                self.phrases.add(&phrase, title);
                Ok(())
            }
        }
    }
}
