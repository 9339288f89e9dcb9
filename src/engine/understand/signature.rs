//! What decides between two questions that look alike: numbers, polarity, question words, names, the order of words.
//!
//! No similarity threshold tells "volume 3" from "volume 4" or "with" from "without" (cosine 0.99 and above); these
//! comparisons do. They are cheap: a few hashes for each question.

use serde::{Deserialize, Serialize};

use super::{
    lexicon::{Class, Concept},
    words::{hash, join},
};

/// A comparison that two questions must pass to be taken for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The same titles and products, after aliases are folded.
    Entity,
    /// The same words that no dictionary knows: they may be names.
    Name,
    /// The same known words with content, whatever their order; words that say what the intent says anyway are left out.
    Content,
    /// The same numbers, volumes, editions, order numbers, in the same order.
    Number,
    /// With or without, best or worst.
    Polarity,
    /// Who, where, when, why.
    QuestionWord,
    /// The words that both have come in the same order.
    Order,
}

impl Gate {
    /// All of them, in the order they are tried.
    pub const ALL: [Self; 7] =
        [Self::Entity, Self::Name, Self::Content, Self::Number, Self::Polarity, Self::QuestionWord, Self::Order];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Name => "name",
            Self::Content => "content",
            Self::Number => "number",
            Self::Polarity => "polarity",
            Self::QuestionWord => "question_word",
            Self::Order => "order",
        }
    }
}

/// The deciding words of a question, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    entities: u64,
    names: u64,
    content: u64,
    numbers: u64,
    polarity: u64,
    question: u64,
    /// Words with content, each once, in order.
    order: Box<[u32]>,
}

impl Signature {
    /// The first gate that keeps the two apart; `None` when nothing does.
    pub fn differs(&self, other: &Self) -> Option<Gate> {
        Gate::ALL.into_iter().find(|gate| match gate {
            Gate::Entity => self.entities != other.entities,
            Gate::Name => self.names != other.names,
            Gate::Content => self.content != other.content,
            Gate::Number => self.numbers != other.numbers,
            Gate::Polarity => self.polarity != other.polarity,
            Gate::QuestionWord => self.question != other.question,
            Gate::Order => !self.shares_order(other),
        })
    }

    /// What every gate but the order compares, as one number: where it differs, a gate keeps the two apart.
    pub fn deciding(&self) -> u64 {
        [self.entities, self.names, self.content, self.numbers, self.polarity, self.question].into_iter().fold(0, join)
    }

    /// The same signature for a question of which the titles do not matter.
    pub fn without_entities(mut self) -> Self {
        self.entities = 0;
        self
    }

    fn shares_order(&self, other: &Self) -> bool {
        let shared = |these: &'_ [u32], those: &'_ [u32]| {
            these.iter().copied().filter(|word| those.contains(word)).collect::<Vec<_>>()
        };
        shared(&self.order, &other.order) == shared(&other.order, &self.order)
    }
}

/// Collects a signature while a question is read.
#[derive(Debug, Default)]
pub struct SignatureBuilder {
    /// Entities, names and numbers as they come.
    entities: u64,
    names: u64,
    numbers: u64,
    content: Vec<u64>,
    classes: Vec<Class>,
    order: Vec<u32>,
}

impl SignatureBuilder {
    /// A title or product, in canonical form.
    pub fn entity(&mut self, name: &str) {
        self.entities = join(self.entities, hash(name.as_bytes()));
    }

    /// A word that no dictionary knows.
    pub fn name(&mut self, word: u64) {
        self.names = join(self.names, word);
        self.note(word);
    }

    /// A number or a code.
    pub fn number(&mut self, number: u64) {
        self.numbers = join(self.numbers, number);
    }

    /// A deciding word.
    pub fn class(&mut self, class: Class) {
        self.classes.push(class);
        if class.gate != Gate::QuestionWord {
            self.note(class.hash);
        }
    }

    /// A known word with content.
    pub fn concept(&mut self, concept: Concept) {
        if !concept.soft {
            self.content.push(concept.hash);
        }
        self.note(concept.hash);
    }

    /// Something of which only the place counts: a title, or a word that the intent implies, in a comparison.
    pub fn place(&mut self, what: u64) {
        self.note(what);
    }

    /// The signature.
    pub fn finish(self) -> Signature {
        Signature {
            entities: join(self.entities, self.set(Gate::Entity)),
            names: join(self.names, self.set(Gate::Name)),
            content: join(set(self.content.clone()), self.set(Gate::Content)),
            numbers: join(self.numbers, self.set(Gate::Number)),
            polarity: self.set(Gate::Polarity),
            question: self.set(Gate::QuestionWord),
            order: self.order.into_boxed_slice(),
        }
    }

    /// The classes of a gate as one hash, whatever their order; generic ones only when there is no other.
    fn set(&self, gate: Gate) -> u64 {
        let of_gate = || self.classes.iter().filter(move |class| class.gate == gate);
        let specific = of_gate().any(|class| !class.generic);
        set(of_gate().filter(|class| !(specific && class.generic)).map(|class| class.hash).collect())
    }

    fn note(&mut self, word: u64) {
        let word = word as u32;
        if !self.order.contains(&word) {
            self.order.push(word);
        }
    }
}

/// Hashes as one, whatever their order and number.
fn set(mut hashes: Vec<u64>) -> u64 {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.into_iter().fold(0, join)
}
