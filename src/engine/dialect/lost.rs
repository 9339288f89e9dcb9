//! What a translation could not carry over.

use std::{collections::BTreeSet, fmt};

/// Names are cut off beyond so many: a request may have thousands of fields that nobody knows.
const MOST: usize = 16;
/// The longest name that is told.
const LONGEST: usize = 64;

/// Names of what was lost, in the words of the format it was asked in, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    names: BTreeSet<String>,
    matters: bool,
}

impl Lost {
    /// Something that does not change the answer's words: a cache point, a label for the bill.
    pub fn aside(&mut self, name: &str) {
        if self.names.len() < MOST {
            let name = name.chars().filter(|c| c.is_ascii_graphic() && *c != ',').take(LONGEST).collect();
            self.names.insert(name);
        }
    }

    /// Something that may: a seed, a guardrail. Such an answer is for those who wait for it and is not kept.
    pub fn matters(&mut self, name: &str) {
        self.aside(name);
        self.matters = true;
    }

    /// Adds what another translation on the way lost.
    pub fn add(&mut self, other: &Self) {
        other.names.iter().for_each(|name| self.aside(name));
        self.matters |= other.matters;
    }

    /// Whether everything came through.
    pub fn is_nothing(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the answer might have been another.
    pub fn may_change_the_answer(&self) -> bool {
        self.matters
    }
}

/// The names, separated by commas: what the header `x-banto-lost` says.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.names.iter().enumerate() {
            write!(f, "{}{name}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_fit_into_a_header() {
        let mut lost = Lost::default();
        lost.aside("cachePoint");
        lost.aside("a\r\nb, 鬼");
        assert_eq!((lost.to_string().as_str(), lost.may_change_the_answer()), ("ab,cachePoint", false));
        (0..100).for_each(|n| lost.matters(&format!("x{n}")));
        assert_eq!((lost.to_string().split(',').count(), lost.may_change_the_answer()), (MOST, true));
    }
}
