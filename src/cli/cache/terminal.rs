//! The terminal: how wide it is, whether it shows colours, and text cut to fit, where a kanji takes two columns.

use std::{io::IsTerminal, time::Duration};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width where nobody says.
const USUAL: usize = 100;
/// From here on a row has room for everything on one line.
pub(super) const WIDE: usize = 130;

/// What text is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terminal {
    /// Columns.
    pub(super) columns: usize,
    /// Whether colours are wanted.
    pub(super) colour: bool,
}

impl Terminal {
    /// The one this process writes to.
    pub(super) fn here() -> Self {
        let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let seen = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = told.or_else(seen).unwrap_or(USUAL).max(40);
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { columns, colour }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Text in lines of at most the terminal's width, each after `indent` spaces.
    pub(super) fn wrap(self, text: &str, indent: usize) -> String {
        let room = self.columns.saturating_sub(indent).max(20);
        let mut all = String::new();
        for line in text.lines() {
            let mut rest = line.trim_end();
            loop {
                let (now, later) = split(rest, room);
                all.push_str(&format!("{:indent$}{now}\n", ""));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
        }
        all
    }
}

/// As much as fits, cut at a space where there is one, and the rest.
fn split(text: &str, room: usize) -> (&str, &str) {
    if text.width() <= room {
        return (text, "");
    }
    let (mut used, mut end, mut space) = (0, text.len(), None);
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > room {
            end = at;
            break;
        }
        if c == ' ' {
            space = Some(at);
        }
    }
    match space {
        Some(at) => (&text[..at], text[at..].trim_start()),
        None => (&text[..end], &text[end..]),
    }
}

/// One line of exactly so many columns: cut with `…`, or padded.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > columns {
            break;
        }
        used += width;
        cut.push(c);
    }
    format!("{cut}…{}", " ".repeat(columns.saturating_sub(used + 1)))
}

/// Bytes as people read them: `812 B`, `1.2 KB`, `34 MB`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" || value >= 10.0 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1_024.0;
    }
    format!("{value:.1} TB")
}

/// A span as people read it: `40 s`, `12 min`, `3 h 20 min`, `6 days`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..36_000 if seconds % 3_600 >= 60 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A count with its thousands apart.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut all = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            all.push(',');
        }
        all.push(digit);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_takes_two_columns_a_character() {
        assert_eq!(fit("発売日はいつ", 8), "発売日… ");
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("a\nb", 3), "a b");
    }

    #[test]
    fn text_is_broken_at_spaces_and_where_there_are_none() {
        let narrow = Terminal { columns: 22, colour: false };
        assert_eq!(narrow.wrap("one two three four five six", 2), "  one two three four\n  five six\n");
        assert_eq!(narrow.wrap(&"あ".repeat(12), 2), format!("  {}\n  ああ\n", "あ".repeat(10)));
    }

    #[test]
    fn figures_read_at_a_glance() {
        assert_eq!([size(812), size(1_234), size(35 << 20)], ["812 B", "1.2 KB", "35 MB"]);
        let spans = [40, 720, 12_000, 86_400, 600_000].map(|secs| span(Duration::from_secs(secs)));
        assert_eq!(spans, ["40 s", "12 min", "3 h 20 min", "24 h", "6 days"]);
        assert_eq!([count(7), count(1_234_567)], ["7", "1,234,567"]);
    }
}
