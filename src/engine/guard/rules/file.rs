//! `rule:` documents below `policies/`.
//!
//! ```yaml
//! rule: card-numbers
//! personal: card_number          # or words: […], patterns: ['…'], prices: true
//! in: both                       # answer (as when left out), question, both
//! action: block                  # block, mask, note
//! intents: [order_status]        # all when left out
//! except: ["@shop.example"]      # what was found does not count with one of these in it
//! mask: "[removed]"              # what stands in its place
//! says: { en: "…", ja: "…" }     # instead of the usual words
//! ```

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::{Action, Looks, Rule, Rules, pii::Personal};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::Problems,
    },
    engine::{
        guard::{guardrail::Side, words::Texts},
        understand::Understanding,
    },
};

/// The most rules; each looks at every answer.
const MOST: usize = 200;

/// The most memory that one pattern may take. Unit: bytes.
const LARGEST: usize = 1 << 20;

#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum In {
    #[default]
    Answer,
    Question,
    Both,
}

impl In {
    fn sides(self) -> Vec<Side> {
        match self {
            Self::Answer => vec![Side::Answer],
            Self::Question => vec![Side::Question],
            Self::Both => vec![Side::Question, Side::Answer],
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    rule: Spanned<String>,
    #[serde(default)]
    words: Vec<Spanned<String>>,
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
    personal: Option<Personal>,
    #[serde(default)]
    prices: bool,
    #[serde(default, rename = "in")]
    side: In,
    action: Spanned<Action>,
    intents: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    except: Vec<Spanned<String>>,
    mask: Option<String>,
    #[serde(default)]
    says: BTreeMap<String, Spanned<String>>,
}

/// Reads the rules; what is wrong is among the problems and leaves its rule out.
pub(in crate::engine::guard) fn load(files: &Files, understanding: &Understanding, problems: &mut Problems) -> Rules {
    let mut rules: Vec<Rule> = Vec::new();
    for file in files.below("policies/") {
        let documents = Document::split(&file.path, &file.text);
        for document in documents.iter().filter(|document| document.kind() == Some("rule")) {
            let Some(raw) = document.read::<Raw>(problems) else { continue };
            if rules.iter().any(|known| *known.name == *raw.rule.value) {
                let what = format!("there are two rules `{}`. Give each a name of its own", raw.rule.value);
                problems.add(&document.place_of(&raw.rule), what);
            }
            if rules.len() == MOST {
                let what =
                    format!("more than {MOST} rules look at every answer. Put words that belong together into one");
                problems.add(&document.start(), what);
            }
            rules.extend(raw.validate(document, understanding, problems));
        }
    }
    Rules(rules)
}

impl Raw {
    fn validate(self, document: &Document, understanding: &Understanding, problems: &mut Problems) -> Option<Rule> {
        for intent in self.intents.iter().flatten().filter(|intent| understanding.intent(&intent.value).is_none()) {
            let known = understanding.intents().map(|intent| &*intent.id);
            let what = format!("no intent is called `{}`{}", intent.value, did_you_mean(&intent.value, known));
            problems.add(&document.place_of(intent), what);
        }
        for except in self.except.iter().filter(|except| except.value.trim().is_empty()) {
            problems.add(&document.place_of(except), "an empty exception lets everything through. Leave it out");
        }
        let sides = self.side.sides();
        if self.action.value == Action::Mask && sides.contains(&Side::Question) {
            let what = "a question is passed on as it is, so nothing in it can be masked. Use block or note";
            problems.add(&document.place_of(&self.action), what);
        }
        if self.action.value == Action::Mask && self.prices {
            problems.add(&document.place_of(&self.action), "a price cannot be masked. Use block or note");
        }
        let mask = self.mask.clone();
        let looks = self.looks(document, problems)?;
        let usual = if let Looks::Personal(kind) = &looks { kind.mask() } else { "[…]" };
        let says = Texts::read(self.says, document, problems);
        Some(Rule {
            name: self.rule.value.as_str().into(),
            looks,
            sides,
            action: self.action.value,
            intents: self.intents.map(|all| all.iter().map(|intent| intent.value.as_str().into()).collect()),
            except: self.except.iter().map(|except| except.value.to_lowercase()).collect(),
            mask: mask.as_deref().unwrap_or(usual).into(),
            says: (!says.is_empty()).then(|| says.into()),
        })
    }

    fn looks(&self, document: &Document, problems: &mut Problems) -> Option<Looks> {
        let given = [!self.words.is_empty() || !self.patterns.is_empty(), self.personal.is_some(), self.prices];
        if given.iter().filter(|given| **given).count() != 1 {
            let what =
                "a rule looks for one kind of thing: `words:` and `patterns:`, or `personal:`, or `prices: true`";
            problems.add(&document.place_of(&self.rule), what);
            return None;
        }
        if let Some(kind) = self.personal {
            return Some(Looks::Personal(kind));
        }
        if self.prices {
            return Some(Looks::Prices);
        }
        let words = self.words.iter().map(|word| (word, word_for_word(&word.value)));
        let patterns = self.patterns.iter().map(|pattern| (pattern, pattern.value.clone()));
        let compiled: Vec<_> =
            words.chain(patterns).filter_map(|(at, pattern)| compile(&pattern, at, document, problems)).collect();
        Some(Looks::Patterns(compiled))
    }
}

fn compile(pattern: &str, at: &Spanned<String>, document: &Document, problems: &mut Problems) -> Option<Regex> {
    let place = || document.place_of(at);
    match RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST).build() {
        Ok(regex) if regex.is_match("") => {
            problems.add(&place(), format!("`{}` is found in every text, even an empty one. Ask for more", at.value));
            None
        }
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            problems.add(&place(), format!("`{}` is no pattern: {why}", at.value));
            None
        }
    }
}

/// A pattern for these words alone: not inside of longer ones, where a script has spaces between words.
fn word_for_word(words: &str) -> String {
    let words = words.trim();
    let edge = |c: Option<char>| if c.is_some_and(|c| c.is_ascii_alphanumeric()) { r"\b" } else { "" };
    format!("{}{}{}", edge(words.chars().next()), regex::escape(words), edge(words.chars().next_back()))
}
