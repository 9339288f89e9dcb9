//! Dynamic text in a prompt: what is different in every request, or tomorrow, and so keeps the provider from finding the
//! prefix again.
//!
//! It is told by its form alone: a date, a time, an id, a place to be filled in. Some of it is meant (the date of a law);
//! who writes a prompt says so with `allow:`. Nothing is said of what a text means.

use serde::{Deserialize, Serialize};

mod scan;

/// What kind of text changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dynamic {
    /// `{name}`, `{{name}}`, `${name}`, `%s`, `<user_name>`: somebody fills it in for each request.
    Placeholder,
    /// `2026-03-11`, `11/03/2026`, `March 11, 2026`, `2026年3月11日`.
    Date,
    /// `14:05`, `14:05:09`.
    Time,
    /// `123e4567-e89b-12d3-a456-426614174000`.
    Uuid,
    /// A long number in hexadecimal, or letters and digits as ids have them.
    Id,
    /// A number that counts or tells the time: `#48213`, seconds since 1970.
    Counter,
    /// `aiko@example.com`.
    Person,
}

impl Dynamic {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Placeholder => "a place that is filled in for each request",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::Uuid => "a UUID",
            Self::Id => "a random id",
            Self::Counter => "a number that counts or tells the time",
            Self::Person => "somebody's address",
        }
    }

    /// The name in `allow:`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Placeholder => "placeholder",
            Self::Date => "date",
            Self::Time => "time",
            Self::Uuid => "uuid",
            Self::Id => "id",
            Self::Counter => "counter",
            Self::Person => "person",
        }
    }

    /// Whether it is sure to differ from request to request; a date may be meant.
    pub fn is_certain(self) -> bool {
        matches!(self, Self::Placeholder | Self::Uuid)
    }
}

/// One piece of dynamic text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its first byte.
    pub byte: usize,
    /// Its line, counted from 1.
    pub line: usize,
    /// Its character within the line, counted from 1.
    pub column: usize,
    /// What it is.
    pub kind: Dynamic,
    /// The text itself.
    pub text: String,
}

impl Finding {
    /// What it is and what to do, for people.
    pub fn words(&self) -> String {
        format!(
            "`{}` is {}: nothing behind byte {} is found in the provider's cache once it changes. Move it behind the \
             cached part, to the question",
            self.text,
            self.kind.words(),
            self.byte
        )
    }
}

/// Everything in a text that looks dynamic, in its order, apart from what is allowed.
pub fn lint(text: &str, allowed: &[Dynamic]) -> Vec<Finding> {
    let (mut findings, mut at) = (Vec::new(), 0);
    let (mut line, mut line_starts) = (1, 0);
    while let Some(first) = text[at..].chars().next() {
        if first == '\n' {
            (line, line_starts) = (line + 1, at + 1);
        }
        let Some((kind, length)) = scan::at(text, at).filter(|(_, length)| *length > 0) else {
            at += first.len_utf8();
            continue;
        };
        if !allowed.contains(&kind) {
            let column = text[line_starts..at].chars().count() + 1;
            findings.push(Finding { byte: at, line, column, kind, text: text[at..at + length].to_owned() });
        }
        at += length;
    }
    findings
}

/// What kind of text stands at a byte, whatever stands before it: for a difference between two prefixes.
pub fn kind_around(text: &str, byte: usize) -> Option<Dynamic> {
    lint(text, &[])
        .into_iter()
        .find(|found| (found.byte..=found.byte + found.text.len()).contains(&byte))
        .map(|f| f.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Dynamic, String)> {
        lint(text, &[]).into_iter().map(|found| (found.kind, found.text)).collect()
    }

    #[test]
    fn what_changes_from_request_to_request_is_found_by_its_form() {
        use Dynamic::*;
        for (text, kind, found) in [
            ("Today is 2026-03-11.", Date, "2026-03-11"),
            ("Today is March 11, 2026.", Date, "March 11, 2026"),
            ("今日は2026年3月11日です。", Date, "2026年3月11日"),
            ("It is 14:05:09 now.", Time, "14:05:09"),
            ("Session 123e4567-e89b-12d3-a456-426614174000 began.", Uuid, "123e4567-e89b-12d3-a456-426614174000"),
            ("Trace 4bf92f3577b34da6a3ce929d0e0e4736.", Id, "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("You speak with {user_name}.", Placeholder, "{user_name}"),
            ("You speak with {{ user.name }}.", Placeholder, "{{ user.name }}"),
            ("You speak with ${USER}.", Placeholder, "${USER}"),
            ("You speak with %s.", Placeholder, "%s"),
            ("You speak with <user_name>.", Placeholder, "<user_name>"),
            ("Request #48213 of today.", Counter, "#48213"),
            ("Now: 1773200000.", Counter, "1773200000"),
            ("Write to aiko@example.com.", Person, "aiko@example.com"),
        ] {
            assert_eq!(kinds(text), [(kind, found.to_owned())], "{text}");
        }
    }

    #[test]
    fn plain_instructions_are_left_alone() {
        for text in [
            "You are the assistant of a manga shop. Answer in at most five sentences.",
            "Volumes 1-24 cost 528 yen each; members pay 10 % less. Call 03-1234-5678.",
            "Answer as JSON: {\"title\": \"…\", \"volume\": 3} and use <b> and </b> for names.",
            "Sentence one: be kind. Ratio 16:9 is fine, and so is 100% cotton.",
            "グラフィックな暴力のある漫画は18歳未満に勧めないこと。",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn the_place_is_told_in_bytes_lines_and_characters() {
        let found = lint("Be kind.\n鬼滅 on 2026-03-11.", &[]).remove(0);
        assert_eq!((found.byte, found.line, found.column), (19, 2, 7));
    }

    #[test]
    fn what_is_meant_is_allowed() {
        assert_eq!(lint("The law of 2026-04-01 holds.", &[Dynamic::Date]), []);
        assert_eq!(kind_around("Today is 2026-03-11.", 18), Some(Dynamic::Date));
    }
}
