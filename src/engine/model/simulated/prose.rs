//! What a simulated model says: always the same to the same question, and recognisably about it.

use serde::Deserialize;

use crate::{digest::Digest, engine::asked::Asked};

/// How many words one event of a stream carries.
pub(super) const WORDS_IN_A_PIECE: usize = 3;
/// How much of a question is repeated, in characters.
const REPEATED: usize = 400;

/// An answer's text.
#[derive(Debug)]
pub(super) struct Prose {
    pub(super) text: String,
    /// `stop`, or `length` when the request allowed no more tokens.
    pub(super) finish: &'static str,
}

#[derive(Default, Deserialize)]
struct Limit {
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

impl Prose {
    pub(super) fn about(model: &str, asked: &Asked, known: &[String]) -> Self {
        let question: String = asked.text.chars().take(REPEATED).collect();
        let mark = mark(&Digest::of([asked.context.0.as_slice(), asked.text.as_bytes()]));
        let known: String = known.iter().map(|known| format!("{known} ")).collect();
        let text = format!(
            "You asked: {question} {known}This is the simulated answer of {model}; the same question in the same conversation \
             always gets these words and the mark {mark}."
        );
        Self::within(text, &asked.body)
    }

    fn within(text: String, body: &[u8]) -> Self {
        let limit: Limit = serde_json::from_slice(body).unwrap_or_default();
        match limit.max_completion_tokens.or(limit.max_tokens) {
            Some(most) if text.split(' ').count() > most => {
                let words: Vec<_> = text.split(' ').take(most).collect();
                Self { text: words.join(" "), finish: "length" }
            }
            _ => Self { text, finish: "stop" },
        }
    }

    /// The text in pieces that add up to it.
    pub(super) fn pieces(&self) -> impl Iterator<Item = String> {
        let words: Vec<_> = self.text.split_inclusive(' ').collect();
        words.chunks(WORDS_IN_A_PIECE).map(|piece| piece.concat()).collect::<Vec<_>>().into_iter()
    }

    /// One token a word.
    pub(super) fn tokens(&self) -> u64 {
        self.text.split(' ').count() as u64
    }
}

/// Eight letters that tell one answer from another. No digits: to whoever compares answers a number is a claim, and two
/// wordings of one question would contradict each other by their marks alone.
fn mark(digest: &Digest) -> String {
    digest.0.iter().take(8).map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// About how many tokens a text is: one for each character of a wide script, a quarter for others.
pub(super) fn tokens(text: &[u8]) -> u64 {
    let (mut quarters, mut bytes) = (0u64, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            0xE3..=0xED => {
                quarters += 4;
                bytes.nth(1);
            }
            _ => quarters += 1,
        }
    }
    quarters.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_claims_no_number() {
        let marks = (0u32..500).map(|n| mark(&Digest::of([n.to_le_bytes().as_slice()])));
        assert!(marks.into_iter().all(|mark| mark.len() == 8 && mark.chars().all(|c| c.is_ascii_lowercase())));
    }
}
