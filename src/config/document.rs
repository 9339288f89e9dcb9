//! Reads YAML files document by document, so that one misshapen entry hides no other.
//!
//! A file holds one or more documents between lines of `---`. The first key of a document says what it is
//! (`alarm: CacheMissRateSpike`), and each is read into a type of its own with the place of every value kept
//! (`Spanned`). A document that does not fit becomes a [`Problem`](super::problem::Problem); the others are still read.

use std::sync::Arc;

use serde::de::DeserializeOwned;
pub use serde_saphyr::Spanned;

use super::problem::{Place, Problems};

/// One document of a file, not yet understood.
#[derive(Clone, Debug)]
pub struct Document {
    file: Arc<str>,
    /// Lines of the file before this document.
    offset: u64,
    text: String,
}

impl Document {
    /// The documents of a file; those of blank lines and comments only are left out.
    pub fn split(file: &str, text: &str) -> Vec<Self> {
        let file: Arc<str> = file.into();
        let mut documents = vec![Self { file: file.clone(), offset: 0, text: String::new() }];
        for (number, line) in text.lines().enumerate() {
            if line.trim_end() == "---" {
                documents.push(Self { file: file.clone(), offset: number as u64 + 1, text: String::new() });
            } else if let Some(document) = documents.last_mut() {
                document.text.push_str(line);
                document.text.push('\n');
            }
        }
        documents
            .retain(|document| document.text.lines().any(|line| !matches!(line.trim().as_bytes(), [] | [b'#', ..])));
        documents
    }

    /// The first key: what kind of thing this document describes. `None` when it is not a mapping.
    pub fn kind(&self) -> Option<&str> {
        let line = self.text.lines().find(|line| !matches!(line.trim().as_bytes(), [] | [b'#', ..]))?;
        line.split_once(':').map(|(key, _)| key.trim())
    }

    /// Reads the document into `T`, or notes why it cannot be.
    pub fn read<T: DeserializeOwned>(&self, problems: &mut Problems) -> Option<T> {
        match serde_saphyr::from_str::<T>(&self.text) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = error.location();
                let place = at.map_or_else(|| self.start(), |at| self.at(at.line(), at.column()));
                problems.add(&place, plain(&error.to_string()));
                None
            }
        }
    }

    /// The document cut into its top-level entries, each a document of its own at its place: what is wrong with one of them
    /// then hides no other.
    pub fn entries(&self) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            let begins = line.starts_with(|first: char| !first.is_whitespace() && !"#-]})".contains(first));
            if begins || entries.is_empty() {
                let offset = self.offset + number as u64;
                entries.push(Self { file: self.file.clone(), offset, text: String::new() });
            }
            if let Some(entry) = entries.last_mut() {
                entry.text.push_str(line);
                entry.text.push('\n');
            }
        }
        entries
    }

    /// Where the document starts.
    pub fn start(&self) -> Place {
        self.at(1, 1)
    }

    /// The place of a value that was read from this document.
    pub fn place_of<T>(&self, value: &Spanned<T>) -> Place {
        self.at(value.referenced.line(), value.referenced.column())
    }

    /// The place of a character inside a text value (counted from 0); the value's start where the text is written in a way
    /// that makes it hard to tell (folded over lines, escaped).
    pub fn place_in(&self, value: &Spanned<String>, character: usize) -> Place {
        let start = self.place_of(value);
        let before: String = value.value.chars().take(character).collect();
        let (line, column) = (before.matches('\n').count(), before.chars().rev().take_while(|c| *c != '\n').count());
        let wanted = value.value.lines().nth(line).unwrap_or_default().trim_end();
        let skipped = start.line.saturating_sub(self.offset + 1) as usize;
        let mut written = self.text.lines().enumerate().skip(skipped).take(value.value.lines().count() + 1);
        let found = written.find_map(|(number, text)| Some((number as u64 + 1, text.find(wanted)?, text)));
        match found.filter(|_| !wanted.is_empty()) {
            Some((number, byte, text)) => self.at(number, (text[..byte].chars().count() + column) as u64 + 1),
            None => start,
        }
    }

    /// The place of the first line that contains `needle`, or the start: for values that carry no position.
    pub fn find(&self, needle: &str) -> Place {
        let found = self.text.lines().enumerate().find_map(|(line, text)| Some((line, text.find(needle)?)));
        found.map_or_else(|| self.start(), |(line, column)| self.at(line as u64 + 1, column as u64 + 1))
    }

    /// The place of the first `needle` at `from` or behind it, or `from` itself: for parts of a value that carry no position.
    pub fn find_after(&self, from: &Place, needle: &str) -> Place {
        let first = from.line.saturating_sub(self.offset + 1) as usize;
        let column = from.column.saturating_sub(1) as usize;
        let found = self.text.lines().enumerate().skip(first).find_map(|(line, text)| {
            let skipped =
                if line == first { text.char_indices().nth(column).map_or(text.len(), |(at, _)| at) } else { 0 };
            let byte = text[skipped..].find(needle)? + skipped;
            Some((line, text[..byte].chars().count()))
        });
        found.map_or_else(|| from.clone(), |(line, column)| self.at(line as u64 + 1, column as u64 + 1))
    }

    /// The place of a key of a mapping, plain or in quotes, or the start.
    pub fn find_key(&self, key: &str) -> Place {
        let is_key = |line: &str| {
            let rest = line.trim_start().trim_start_matches(['"', '\'']).strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
        };
        let found = self.text.lines().enumerate().find(|(_, line)| is_key(line));
        found.map_or_else(
            || self.start(),
            |(number, line)| self.at(number as u64 + 1, (line.len() - line.trim_start().len()) as u64 + 1),
        )
    }

    fn at(&self, line: u64, column: u64) -> Place {
        Place { file: self.file.clone(), line: self.offset + line, column }
    }
}

/// The first sentence of the reader's message: the snippet and position that follow are ours to print.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let said = match first.find(" at line ") {
        Some(end) => first[..end].to_owned(),
        None => first
            .strip_prefix("line ")
            .and_then(|rest| rest.split_once(": "))
            .map_or(first, |(_, rest)| rest)
            .to_owned(),
    };
    match said.strip_prefix("invalid ") {
        Some("u64" | "u32" | "u16" | "u8" | "usize") => "this is no whole number of 0 or more; write one".into(),
        Some("f64" | "f32") => "this is no number; write one such as 0.5".into(),
        Some("bool" | "boolean") => "this is neither `true` nor `false`; write one of them".into(),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Knob {
        knob: Spanned<String>,
        to: u64,
    }

    const FILE: &str =
        "# two good ones around a bad one\nknob: a\nto: 1\n---\nknob: b\ntto: 2\n---\n\nknob: c\nto: 3\n";

    #[test]
    fn a_bad_document_is_reported_with_its_line_and_hides_no_other() {
        let mut problems = Problems::default();
        let documents = Document::split("knobs.yaml", FILE);
        let read: Vec<_> = documents.iter().filter_map(|d| Some((d, d.read::<Knob>(&mut problems)?))).collect();
        let names: Vec<_> = read.iter().map(|(d, k)| (k.knob.value.as_str(), k.to, d.place_of(&k.knob).line)).collect();
        assert_eq!(names, [("a", 1, 2), ("c", 3, 9)]);
        let problem = problems.sorted().remove(0);
        assert_eq!(problem.place.to_string(), "knobs.yaml:6:1");
        assert!(problem.what.contains("unknown field `tto`"), "{}", problem.what);
    }
}
