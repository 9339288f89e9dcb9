//! Texts as tokens, the way models of the BERT family read them: words, punctuation and CJK characters apart, each word in
//! the longest pieces that the vocabulary has. What looks like one of the model's own signs (`[SEP]`) is read as text.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// A word with more characters is unknown.
const LONGEST_WORD: usize = 100;
/// So many characters are looked at for each token that may be had; no text needs more.
const CHARACTERS: usize = 64;

/// A vocabulary and how texts are folded before it is asked.
#[derive(Debug)]
pub(super) struct WordPiece {
    tokens: HashMap<Box<str>, i32>,
    lowercase: bool,
    unknown: i32,
    first: i32,
    last: i32,
}

impl WordPiece {
    /// A vocabulary of a token a line, numbered from 0. `Err` names a token that must be there and is not.
    pub(super) fn new(vocabulary: &str, lowercase: bool) -> Result<Self, &'static str> {
        let lines = vocabulary.lines().map(|line| line.trim_end_matches('\r'));
        let tokens: HashMap<Box<str>, i32> = lines.zip(0..).map(|(token, id)| (token.into(), id)).collect();
        let needed = |token: &'static str| tokens.get(token).copied().ok_or(token);
        let (unknown, first, last) = (needed("[UNK]")?, needed("[CLS]")?, needed("[SEP]")?);
        Ok(Self { unknown, first, last, tokens, lowercase })
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The part of a text that can matter for so many tokens.
    pub(super) fn beginning(text: &str, most: usize) -> &str {
        text.char_indices().nth(most * CHARACTERS).map_or(text, |(end, _)| &text[..end])
    }

    /// The tokens of a text between the two at its ends, at most `most` in all, which is at least 3.
    pub(super) fn tokens(&self, text: &str, most: usize) -> Vec<i32> {
        let room = most.saturating_sub(1);
        let mut tokens = vec![self.first];
        let mut word = String::new();
        for character in self.folded(Self::beginning(text, most)).chain([' ']) {
            let kind = Kind::of(character);
            if kind == Kind::Inner {
                word.push(character);
                continue;
            }
            self.pieces(&std::mem::take(&mut word), &mut tokens);
            if kind == Kind::Alone {
                self.pieces(character.encode_utf8(&mut [0; 4]), &mut tokens);
            }
            if tokens.len() >= room {
                break;
            }
        }
        tokens.truncate(room);
        tokens.push(self.last);
        tokens
    }

    /// A text without what cannot be seen, folded if this vocabulary is.
    fn folded<'a>(&'a self, text: &'a str) -> Box<dyn Iterator<Item = char> + 'a> {
        let seen = text.chars().filter(|character| is_seen(*character));
        match self.lowercase {
            false => Box::new(seen),
            true => {
                let unaccented = seen.nfd().filter(|c| c.general_category() != GeneralCategory::NonspacingMark);
                Box::new(unaccented.flat_map(char::to_lowercase))
            }
        }
    }

    /// A word in the longest pieces there are, or the unknown token.
    fn pieces(&self, word: &str, tokens: &mut Vec<i32>) {
        if word.is_empty() {
            return;
        }
        let before = tokens.len();
        let mut rest = word;
        while let Some((id, length)) = self.longest_piece(rest, tokens.len() > before) {
            tokens.push(id);
            rest = &rest[length..];
        }
        if !rest.is_empty() || word.chars().count() > LONGEST_WORD {
            tokens.truncate(before);
            tokens.push(self.unknown);
        }
    }

    /// The longest piece that `rest` begins with, and its length; `None` when there is none, or nothing is left.
    fn longest_piece(&self, rest: &str, inside: bool) -> Option<(i32, usize)> {
        let mut piece = String::from(if inside { "##" } else { "" });
        let prefix = piece.len();
        piece.extend(rest.chars().take(LONGEST_WORD));
        while piece.len() > prefix {
            if let Some(id) = self.tokens.get(piece.as_str()) {
                return Some((*id, piece.len() - prefix));
            }
            piece.pop();
        }
        None
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// Between words.
    Space,
    /// A word of its own.
    Alone,
    /// Part of a word.
    Inner,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            _ if character.is_whitespace() => Self::Space,
            _ if character.is_ascii_punctuation() || is_cjk(character) => Self::Alone,
            _ if character.general_category_group() == GeneralCategoryGroup::Punctuation => Self::Alone,
            _ => Self::Inner,
        }
    }
}

fn is_seen(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffd}' => false,
        _ => character.general_category_group() != GeneralCategoryGroup::Other,
    }
}

/// The blocks of unified ideographs; kana and hangul are written in words.
fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 14] =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "when", "is", "nar", "##uto", "out", "?", "忍", "[", "]", "cafe"];

    fn read(text: &str, most: usize) -> Vec<&'static str> {
        let reader = WordPiece::new(&WORDS.join("\n"), true).expect("complete");
        reader.tokens(text, most).into_iter().map(|id| WORDS[id as usize]).collect()
    }

    #[test]
    fn words_are_read_in_the_longest_pieces_and_signs_stand_alone() {
        assert_eq!(read("When is Naruto out?", 99), ["[CLS]", "when", "is", "nar", "##uto", "out", "?", "[SEP]"]);
        assert_eq!(read("忍忍 CAFÉ\u{200b}", 99), ["[CLS]", "忍", "忍", "cafe", "[SEP]"]);
        assert_eq!(read("narutoq is\u{0}out", 99), ["[CLS]", "[UNK]", "[UNK]", "[SEP]"]);
    }

    #[test]
    fn an_empty_text_is_its_two_ends_and_a_sign_of_the_models_own_is_text() {
        assert_eq!(read(" \t\n", 99), ["[CLS]", "[SEP]"]);
        assert_eq!(read("[SEP]", 99), ["[CLS]", "[", "[UNK]", "]", "[SEP]"]);
    }

    #[test]
    fn a_long_text_is_cut_and_a_long_word_is_unknown() {
        assert_eq!(read(&"when is ".repeat(1_000_000), 5), ["[CLS]", "when", "is", "when", "[SEP]"]);
        assert_eq!(read(&"nar".repeat(1_000_000), 5), ["[CLS]", "[UNK]", "[SEP]"]);
        assert_eq!(read(&"nar".repeat(40), 99), ["[CLS]", "[UNK]", "[SEP]"]);
    }

    #[test]
    fn a_vocabulary_without_its_signs_is_refused() {
        assert_eq!(WordPiece::new("[UNK]\n[CLS]\nwhen", true).expect_err("no end"), "[SEP]");
    }
}
