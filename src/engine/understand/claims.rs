//! What a text claims, as far as dictionaries tell: its titles, its numbers, and whether it begins by denying something.

use std::{collections::BTreeSet, ops::Range};

use super::{
    LONGEST, Understanding,
    normalise::{fold_kana, spell},
    question::MASK,
    reading::{Reading, What},
    words::{Kind, Word, hash, words},
};

/// What a text claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The titles it names.
    pub titles: BTreeSet<u64>,
    /// Its numbers and dates, without those that only number a list.
    pub numbers: BTreeSet<u64>,
    /// Whether its first sentence denies something.
    pub denies: bool,
    /// Its first 2,000 bytes in their one spelling, with the titles masked.
    pub frame: String,
}

/// What ends the first sentence.
const SENTENCE_ENDS: [char; 5] = ['.', '!', '?', '。', '！'];

impl Understanding {
    /// What an answer claims.
    pub fn claims(&self, text: &str) -> Claims {
        let text = &text[..text.floor_char_boundary(LONGEST)];
        let spelled = spell(&without_ordinals(text));
        let (words, text) = (words(&spelled), fold_kana(&spelled));
        let reading = self.dictionaries().read(&text, &words);
        let first_sentence = text.find(SENTENCE_ENDS).unwrap_or(text.len());
        let mut claims = Claims { frame: masked(&spelled, &words, &reading), ..Claims::default() };
        claims.titles = reading.titles.iter().map(|(title, _)| hash(title.name.as_bytes())).collect();
        for piece in &reading.pieces {
            match piece.what {
                What::Number(number) => _ = claims.numbers.insert(number),
                What::Class(class) if class.tells_date && is_word(&words, &piece.words) => {
                    claims.numbers.insert(class.hash);
                }
                What::Class(class) if class.denies => {
                    let starts = words.get(piece.words.start).map_or(0, |word| word.start);
                    claims.denies |= starts < first_sentence;
                }
                _ => {}
            }
        }
        claims
    }
}

/// Whether a piece is a word and no mere unit: `May` says which month, `月` does not.
fn is_word(words: &[Word], piece: &Range<usize>) -> bool {
    words.get(piece.start).is_some_and(|word| word.kind == Kind::Letters)
}

/// `1. Berserk` without its `1.`, line by line.
fn without_ordinals(text: &str) -> String {
    let line = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let is_ordinal =
            rest.len() < line.trim_start().len() && rest.starts_with(['.', ')']) && rest[1..].starts_with(' ');
        if is_ordinal { rest[1..].to_owned() } else { line.to_owned() }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A text with its titles masked.
pub(super) fn masked(text: &str, words: &[Word], reading: &Reading<'_>) -> String {
    let mut frame = String::with_capacity(text.len() + MASK.len());
    let mut from = 0;
    for (_, span) in &reading.titles {
        let (Some(first), Some(last)) = (words.get(span.start), words.get(span.end - 1)) else { continue };
        frame.push_str(&text[from..first.start]);
        frame.push_str(MASK);
        from = last.end;
    }
    frame.push_str(&text[from..]);
    frame
}

#[cfg(test)]
mod tests {
    use super::super::tests::shop;

    #[test]
    fn titles_numbers_and_a_denial_at_the_beginning_are_claims_and_list_numbers_are_none() {
        let shop = shop();
        let list = shop.claims("1. Berserk\n2. Vagabond\nBoth have 42 volumes.");
        let said = shop.claims("Vagabond, Berserk: 42");
        assert_eq!((list.titles, list.numbers), (said.titles, said.numbers));
        assert!(shop.claims("No, it is not out. It will be.").denies);
        assert!(!shop.claims("It will be out. It is not yet.").denies);
        assert_eq!(shop.claims("Naruto ends").frame, "[title] ends");
    }
}
