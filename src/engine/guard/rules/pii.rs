//! What gives a person away, by shape: payment cards with their check digit, e-mail addresses, telephone numbers. Pure.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;
use serde::Deserialize;

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Personal {
    /// A payment card: 13 to 19 digits whose check digit (Luhn) is right.
    CardNumber,
    /// An e-mail address.
    Email,
    /// A telephone number with its separators, as people write it in Japan or with a country code.
    Phone,
}

static CARD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[0-9](?:[ -]?[0-9]){12,18}").ok());
static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}").ok());
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:\+[0-9]{1,3}[ -]?\(?[0-9]{1,4}\)?|\(?0[0-9]{1,4}\)?)[ -][0-9]{1,4}[ -][0-9]{3,4}").ok()
});

impl Personal {
    /// What stands in its place where it is masked.
    pub fn mask(self) -> &'static str {
        match self {
            Self::CardNumber => "[card number]",
            Self::Email => "[e-mail address]",
            Self::Phone => "[telephone number]",
        }
    }

    /// Where a text has it.
    pub fn find(self, text: &str) -> Vec<Range<usize>> {
        let pattern = match self {
            Self::CardNumber => &CARD,
            Self::Email => &EMAIL,
            Self::Phone => &PHONE,
        };
        let found = pattern.as_ref().map(|pattern| pattern.find_iter(text).map(|found| found.range()));
        found.into_iter().flatten().filter(|range| self.is_one(text, range)).collect()
    }

    fn is_one(self, text: &str, range: &Range<usize>) -> bool {
        match self {
            Self::CardNumber => !is_part_of_more(text, range) && has_check_digit(&text[range.clone()]),
            Self::Phone => !is_part_of_more(text, range),
            Self::Email => true,
        }
    }
}

/// Whether digits go on before or behind: an order number, an ISBN.
fn is_part_of_more(text: &str, range: &Range<usize>) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '-');
    goes_on(text[..range.start].chars().next_back())
        || text[range.end..].chars().next().is_some_and(|c| c.is_ascii_digit())
}

/// Luhn: every second digit from the right is doubled, and all add up to a multiple of ten.
fn has_check_digit(digits: &str) -> bool {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, d)| if at % 2 == 1 { doubled(*d) } else { *d }).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Personal, text: &str) -> Vec<&str> {
        kind.find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_card_is_told_from_other_long_numbers_by_its_check_digit() {
        assert_eq!(found(Personal::CardNumber, "Paid with 4111 1111 1111 1111, thanks"), ["4111 1111 1111 1111"]);
        assert_eq!(found(Personal::CardNumber, "378282246310005"), ["378282246310005"]);
        for other in ["4111 1111 1111 1112", "0000000000000000", "order 41111111111111110000"] {
            assert!(found(Personal::CardNumber, other).is_empty(), "{other}");
        }
    }

    #[test]
    fn addresses_and_telephone_numbers_are_found_and_books_are_not() {
        assert_eq!(found(Personal::Email, "write to Aiko.T+x@mail.example.co.jp!"), ["Aiko.T+x@mail.example.co.jp"]);
        assert_eq!(
            found(Personal::Phone, "call 03-1234-5678 or +81 90-1234-5678"),
            ["03-1234-5678", "+81 90-1234-5678"]
        );
        assert!(found(Personal::Phone, "ISBN 978-4-08-882011-8, 2026-11-04, volume 105").is_empty());
        assert!(found(Personal::Email, "@home is no address, nor is a@b").is_empty());
    }
}
