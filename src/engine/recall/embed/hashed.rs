//! The embedder that needs no model: each known word, number and name of a text is a fixed random direction, and the text
//! is their sum. Words that add nothing weigh next to nothing, synonyms share a direction, Japanese goes by its phrases and
//! characters. Good for wordings that share their words; it knows nothing of meaning beyond `policies/language.yaml`.

use async_trait::async_trait;

use super::{EmbedError, Embedder};
use crate::engine::understand::{
    Words,
    normalise::{fold_kana, spell},
    reading::{Dictionaries, What},
    signature::Gate,
    words::{hash, join, words},
};

const DIMENSIONS: usize = 256;
/// Each word stands in so many of the dimensions, so that two words never share all of theirs.
const SPREAD: u64 = 8;

/// What a word that adds nothing weighs; one with content weighs 1.
const LIGHT: f32 = 0.08;
/// What a word weighs in which questions may differ.
const SOFT: f32 = 0.25;
/// Question words are compared by a gate: they need not weigh much here.
const QUESTION: f32 = 0.25;

/// The embedder.
#[derive(Clone, Debug)]
pub struct Hashed(Words);

impl Hashed {
    /// An embedder that knows these words.
    pub fn new(words: Words) -> Self {
        Self(words)
    }

    /// The vector of a text: the sum of its words' directions, each once.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let spelled = spell(text);
        let (words, text) = (words(&spelled), fold_kana(&spelled));
        let lexicon = self.0.load();
        let dictionaries = Dictionaries { titles: None, lexicon: &lexicon, intents: None };
        let (mut vector, mut seen) = (vec![0.0; DIMENSIONS], Vec::new());
        for piece in dictionaries.read(&text, &words).pieces {
            let (feature, weight) = match piece.what {
                What::Concept(concept) if concept.soft => (concept.hash, SOFT),
                What::Concept(concept) | What::Cue(concept, _) => (concept.hash, 1.0),
                What::Class(class) if class.gate == Gate::QuestionWord => (class.hash, QUESTION),
                What::Class(class) => (class.hash, 1.0),
                What::Number(number) => (number, 1.0),
                What::Name(name) => (name, 1.0),
                What::Title | What::Light => (piece.words.map(|at| words[at].stem).fold(0, join), LIGHT),
            };
            if !seen.contains(&feature) {
                seen.push(feature);
                add(&mut vector, feature, weight);
            }
        }
        vector
    }
}

fn add(vector: &mut [f32], feature: u64, weight: f32) {
    for part in 0..SPREAD {
        let bits = hash(&(feature ^ part.rotate_left(56)).to_le_bytes());
        let sign = if bits >> 63 == 0 { weight } else { -weight };
        vector[bits as usize % DIMENSIONS] += sign;
    }
}

#[async_trait]
impl Embedder for Hashed {
    fn name(&self) -> &str {
        "hashed-1"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn is_cheap(&self) -> bool {
        true
    }

    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(self.vector(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{files::Files, problem::Problems},
        engine::understand::Understanding,
    };

    fn similarity(one: &str, other: &str) -> f32 {
        let shop = Understanding::load(&Files::shipped(), &mut Problems::default()).expect("shipped files");
        let embedder = Hashed::new(shop.lexicon().clone());
        let [one, other] = [one, other].map(|text| embedder.vector(text));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(&one, &other) / (dot(&one, &one) * dot(&other, &other)).sqrt()
    }

    #[test]
    fn wordings_that_share_their_words_lie_close() {
        for (one, other) in [
            ("when does [title] volume 110 come out", "when will [title] vol. 110 be released"),
            ("what is your return policy", "could you tell me what your return policy is please"),
            ("[title]の発売日はいつですか", "[title]の発売日を教えてください"),
            ("do you have [title] in stock", "is [title] available"),
            ("can you recommend manga similar to [title]", "please recommend me comics like [title]"),
        ] {
            assert!(similarity(one, other) > 0.96, "{one} / {other}: {}", similarity(one, other));
        }
    }

    #[test]
    fn questions_with_other_content_lie_apart() {
        for (one, other) in [
            ("what is your return policy", "what is your payment policy"),
            ("when does [title] come out", "who is the author of [title]"),
            ("do you ship to canada", "do you ship to japan"),
            ("[title]の発売日はいつですか", "[title]の在庫はありますか"),
        ] {
            assert!(similarity(one, other) < 0.85, "{one} / {other}: {}", similarity(one, other));
        }
    }
}
