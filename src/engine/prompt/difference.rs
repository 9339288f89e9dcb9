//! Where two prompts begin to differ: a provider's cache keeps nothing behind that byte.

use serde::Serialize;

/// Bytes shown on either side of a difference, at most.
const AROUND: usize = 24;

/// The first byte that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How many bytes are the same before it.
    pub byte: usize,
    /// Its line, counted from 1.
    pub line: usize,
    /// Its character within the line, counted from 1.
    pub column: usize,
    /// How long the first text is. Unit: bytes.
    pub of: usize,
    /// What the first text says there: the same beginning, then its own.
    pub before: String,
    /// What the second says.
    pub after: String,
}

impl Difference {
    /// The first difference; `None` when the texts are the same.
    pub fn between(one: &str, other: &str) -> Option<Self> {
        let byte = first(one.as_bytes(), other.as_bytes())?;
        let start = one.floor_char_boundary(byte.min(one.len()));
        let same = &one[..start];
        Some(Self {
            byte,
            line: same.matches('\n').count() + 1,
            column: same.chars().rev().take_while(|c| *c != '\n').count() + 1,
            of: one.len(),
            before: around(one, byte),
            after: around(other, byte),
        })
    }

    /// The same without a word of either text.
    #[must_use]
    pub fn without_words(self) -> Self {
        Self { before: String::new(), after: String::new(), ..self }
    }
}

/// The first byte that differs, or the end of the shorter.
pub fn first(one: &[u8], other: &[u8]) -> Option<usize> {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    (same < one.len() || same < other.len()).then_some(same)
}

/// What stands around a byte.
pub fn around(text: &str, byte: usize) -> String {
    let byte = byte.min(text.len());
    let (from, to) = (byte.saturating_sub(AROUND), (byte + AROUND).min(text.len()));
    text[text.floor_char_boundary(from)..text.ceil_char_boundary(to)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_changed_is_named_with_its_line_and_column() {
        let found = Difference::between("Be kind.\nNever lie.", "Be kind.\nNever cry.").expect("they differ");
        assert_eq!((found.byte, found.line, found.column), (15, 2, 7));
        assert_eq!((found.before.as_str(), found.after.as_str()), ("Be kind.\nNever lie.", "Be kind.\nNever cry."));
        assert_eq!(Difference::between("same", "same"), None);
    }

    #[test]
    fn a_text_that_only_goes_on_differs_at_the_end_of_the_shorter() {
        let found = Difference::between("Be kind.", "Be kind. Be brief.").expect("they differ");
        assert_eq!((found.byte, found.of), (8, 8));
    }

    #[test]
    fn a_byte_within_a_character_is_no_reason_to_stumble() {
        // Both are three bytes long and share the first two.
        let found = Difference::between("今日は", "今旦は").expect("they differ");
        assert_eq!((found.byte, found.line, found.column), (5, 1, 2));
    }
}
