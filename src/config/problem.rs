//! Mistakes in operator files: where, what, and what to do about it.

use std::{fmt, sync::Arc};

/// A place in a file. Lines and columns count from 1; 0 means that the whole file is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's path as the operator knows it.
    pub file: Arc<str>,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl Place {
    /// A whole file.
    pub fn whole(file: &str) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One mistake. `what` is a sentence that ends with what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong and how to mend it, in whole sentences.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A mistake inside a text that has a grammar of its own: an expression, a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Misprint {
    /// Where in the text, in characters from 0.
    pub at: usize,
    /// What is wrong and what to write instead, in whole sentences.
    pub what: String,
}

impl Misprint {
    /// A mistake at a character.
    pub fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

/// Every mistake found in one run. Finding one never hides another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a mistake.
    pub fn add(&mut self, place: &Place, what: impl Into<String>) {
        self.0.push(Problem { place: place.clone(), what: what.into() });
    }

    /// Takes over the mistakes of another run.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `true` when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mistakes by file and line, each once.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.0.sort();
        self.0.dedup();
        self.0
    }

    /// `value` when nothing is wrong.
    ///
    /// # Errors
    /// All the problems, when there is one.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.clone().sorted();
        for problem in &problems {
            writeln!(f, "{problem}")?;
        }
        let s = if problems.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{s}; nothing was changed", problems.len())
    }
}

impl std::error::Error for Problems {}
