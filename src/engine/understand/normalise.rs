//! One spelling for what people type in many: width, case, kana, spaces, apostrophes and closing punctuation.
//!
//! Katakana becomes hiragana, full width becomes half, `One Piece’s` becomes `one piece`. Symbols inside a text stay:
//! `C++` and `C` are different questions.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Punctuation that may end a question without changing it.
const CLOSING: [char; 6] = ['?', '!', '.', '。', '、', ' '];

/// `text` in its one spelling.
pub fn normalise(text: &str) -> String {
    fold_kana(&spell(text))
}

/// `text` in its one spelling but for kana, which stay as they are: katakana often is a foreign name where the same sounds
/// in hiragana are grammar. Folding kana changes no place in the text.
pub fn spell(text: &str) -> String {
    let mut folding = Folding { folded: String::with_capacity(text.len()), apostrophe: None };
    if text.is_ascii() {
        text.bytes().for_each(|byte| folding.push(char::from(byte.to_ascii_lowercase())));
    } else if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        folding.extend(text.chars());
    } else {
        folding.extend(text.nfkc());
    }
    folding.finish()
}

struct Folding {
    folded: String,
    /// Where an apostrophe was left out, to recognise the `s` of a genitive behind it.
    apostrophe: Option<usize>,
}

impl Folding {
    fn extend(&mut self, chars: impl Iterator<Item = char>) {
        chars.flat_map(char::to_lowercase).map(one_sign).for_each(|c| self.push(c));
    }

    fn push(&mut self, c: char) {
        if c == '\'' {
            self.apostrophe = Some(self.folded.len());
            return;
        }
        if !c.is_alphanumeric() {
            self.drop_genitive();
        }
        match c.is_whitespace() {
            true if self.folded.is_empty() || self.folded.ends_with(' ') => {}
            true => self.folded.push(' '),
            false => self.folded.push(c),
        }
    }

    fn drop_genitive(&mut self) {
        let at = self.apostrophe.take().filter(|at| *at > 0);
        if let Some(at) = at.filter(|at| self.folded.get(*at..) == Some("s")) {
            self.folded.truncate(at);
        }
    }

    fn finish(mut self) -> String {
        self.drop_genitive();
        let end = self.folded.trim_end_matches(CLOSING).len();
        self.folded.truncate(end);
        self.folded
    }
}

/// Katakana as hiragana; both take as many bytes.
pub fn fold_kana(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.chars().map(hiragana).collect() }
}

/// A katakana as its hiragana; anything else as it is.
pub fn hiragana(c: char) -> char {
    match c {
        'ァ'..='ヶ' => char::from_u32(u32::from(c) - 0x60).unwrap_or(c),
        other => other,
    }
}

fn one_sign(c: char) -> char {
    match c {
        '’' | '‘' | 'ʼ' => '\'',
        '“' | '”' => '"',
        '‐' | '‑' | '–' | '—' | '―' | '−' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn width_case_kana_spaces_and_closing_punctuation_do_not_matter() {
        for (one, other) in [
            ("When is  One Piece out?", "when is one piece out"),
            ("Ｏｎｅ　Ｐｉｅｃｅ！", "one piece"),
            ("ﾅﾙﾄの新刊は？", "なるとの新刊は"),
            ("ナルトの新刊は", "なるとの新刊は。"),
            ("One Piece’s author", "one piece author"),
            ("don't", "DON’T"),
        ] {
            assert_eq!(normalise(one), normalise(other), "{one} and {other}");
        }
    }

    #[test]
    fn symbols_and_signs_inside_a_question_do_matter() {
        for (one, other) in [("what is C++ used for", "what is C used for"), ("is -5 odd", "is 5 odd"), ("は", "ば")]
        {
            assert_ne!(normalise(one), normalise(other));
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "[a-zA-Z0-9 '’?!.。・ァ-ヶぁ-ん一-十Ａ-ｚｱ-ﾝﾞ\n-]{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once.clone());
            prop_assert_eq!(spell(&text).len(), once.len());
        }
    }
}
