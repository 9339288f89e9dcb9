//! What people are told when a guardrail steps in, in their language.

use std::collections::BTreeMap;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    engine::degrade::language::Language,
};

/// A text in the languages that users are spoken to in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<Language, String>);

impl Texts {
    /// Texts as a file has them, by the codes of their languages.
    pub fn read(raw: BTreeMap<String, Spanned<String>>, document: &Document, problems: &mut Problems) -> Self {
        let mut texts = BTreeMap::new();
        for (code, text) in raw {
            match Language::of_code(&code) {
                _ if text.value.trim().is_empty() => {
                    problems.add(&document.place_of(&text), "these words are empty. Say something, or leave them out");
                }
                Some(language) => {
                    texts.insert(language, text.value.trim().to_owned());
                }
                None => {
                    problems.add(&document.place_of(&text), format!("`{code}` is not spoken here. Use `en` or `ja`"));
                }
            }
        }
        Self(texts)
    }

    /// The words for somebody who wrote this.
    pub fn for_reader_of(&self, question: &str) -> Option<&str> {
        self.0.get(&Language::of_text(question)).or_else(|| self.0.values().next()).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
