//! A normalised text as words: Latin words whole, numbers apart, Japanese character by character.
//!
//! Japanese is written without spaces; dictionaries over characters find its words, so no segmenter is needed.

use super::normalise::fold_kana;

/// What a word is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters of a script with spaces.
    Letters,
    /// Digits, or a code of letters and digits (`b08x1yrstr`).
    Number,
    /// One hiragana.
    Kana,
    /// One katakana.
    Katakana,
    /// One Chinese character.
    Han,
}

/// One word of a normalised text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it starts in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is made of.
    pub kind: Kind,
    /// Stands for its letters; katakana and hiragana are the same.
    pub hash: u64,
    /// Stands for its letters without a plural `s`.
    pub stem: u64,
}

/// The words of a text in one spelling, kana folded or not. Everything between them (spaces, punctuation, symbols) only separates.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::with_capacity(text.len() / 4 + 1);
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match script(c) {
            None => {}
            Some(kind @ (Kind::Kana | Kind::Katakana | Kind::Han)) => {
                let prolonged =
                    words.last().filter(|last: &&Word| c == 'ー' && last.end == start).map(|last| last.kind);
                words.push(word(text, start, start + c.len_utf8(), prolonged.unwrap_or(kind)));
            }
            Some(_) => {
                let mut end = start + c.len_utf8();
                while let Some((at, c)) = chars.next_if(|(_, c)| is_spaced(*c)) {
                    end = at + c.len_utf8();
                }
                split_run(text, start, end, &mut words);
            }
        }
    }
    words
}

/// `vol12` is `vol` and `12`; a run that changes more often is a code and stays whole.
fn split_run(text: &str, start: usize, end: usize, words: &mut Vec<Word>) {
    let run = &text[start..end];
    let is_digit = |c: char| c.is_ascii_digit();
    let starts_with_digit = run.starts_with(is_digit);
    let kinds = |digit| if digit { Kind::Number } else { Kind::Letters };
    match run.find(|c| is_digit(c) != starts_with_digit) {
        None => words.push(word(text, start, end, kinds(starts_with_digit))),
        Some(at) if run[at..].chars().all(|c| is_digit(c) != starts_with_digit) => {
            words.push(word(text, start, start + at, kinds(starts_with_digit)));
            words.push(word(text, start + at, end, kinds(!starts_with_digit)));
        }
        Some(_) => words.push(word(text, start, end, Kind::Number)),
    }
}

fn word(text: &str, start: usize, end: usize, kind: Kind) -> Word {
    let letters = &text[start..end];
    let hash = match kind {
        Kind::Katakana => hash(fold_kana(letters).as_bytes()),
        _ => hash(letters.as_bytes()),
    };
    let plural = kind == Kind::Letters && letters.len() > 4 && letters.ends_with('s') && !letters.ends_with("ss");
    let stem = if plural { self::hash(&letters.as_bytes()[..letters.len() - 1]) } else { hash };
    Word { start, end, kind, hash, stem }
}

/// 64 bits that stand for bytes, well mixed.
pub fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(fnv)
}

/// Two hashes, in order, as one.
pub fn join(left: u64, right: u64) -> u64 {
    mix(left.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ right)
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ (bits >> 32)
}

fn script(c: char) -> Option<Kind> {
    match c {
        '0'..='9' => Some(Kind::Number),
        '\u{3041}'..='\u{3096}' | 'ー' | 'ゝ' | 'ゞ' => Some(Kind::Kana),
        '\u{30a1}'..='\u{30fa}' => Some(Kind::Katakana),
        '々' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => Some(Kind::Han),
        _ if c.is_alphanumeric() => Some(Kind::Letters),
        _ => None,
    }
}

fn is_spaced(c: char) -> bool {
    matches!(script(c), Some(Kind::Letters | Kind::Number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(&str, Kind)> {
        words(text).iter().map(|word| (&text[word.start..word.end], word.kind)).collect()
    }

    #[test]
    fn latin_words_stay_whole_and_japanese_falls_into_characters() {
        use Kind::*;
        assert_eq!(
            split("vol.12 of b08x1yrstr 鬼の3巻"),
            [("vol", Letters), ("12", Number), ("of", Letters), ("b08x1yrstr", Number)]
                .into_iter()
                .chain([("鬼", Han), ("の", Kana), ("3", Number), ("巻", Han)])
                .collect::<Vec<_>>()
        );
        assert_eq!(split("vol12 8th"), [("vol", Letters), ("12", Number), ("8", Number), ("th", Letters)]);
    }

    #[test]
    fn a_plural_shares_its_stem_but_not_its_hash() {
        let text = words("volume volumes glass");
        assert_eq!((text[0].stem, text[0].hash == text[1].hash), (text[1].stem, false));
        assert_eq!(text[2].stem, text[2].hash);
    }
}
