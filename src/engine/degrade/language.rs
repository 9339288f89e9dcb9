//! The languages that users are spoken to in.

/// English or Japanese.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::En, Self::Ja];

    /// As files and HTML name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// The language of that code, region aside (`ja-JP`).
    pub fn of_code(code: &str) -> Option<Self> {
        let code = code.split(['-', '_']).next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// What a text is written in: Japanese with kana or kanji in it, else English.
    pub fn of_text(text: &str) -> Self {
        let japanese =
            |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9f}');
        if text.chars().any(japanese) { Self::Ja } else { Self::En }
    }

    /// What an `Accept-Language` header likes best of these two; English when it likes neither, or cannot be read.
    pub fn preferred(header: &str) -> Self {
        let wishes = header.split(',').take(32).filter_map(|wish| {
            let (code, weight) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok());
            Some((Self::of_code(code)?, weight?)).filter(|(_, weight)| *weight > 0.0)
        });
        // Of equals the first is meant.
        wishes.fold((Self::En, 0.0), |best, wish| if wish.1 > best.1 { wish } else { best }).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_gets_the_language_that_is_liked_best() {
        let liked = |header| Language::preferred(header).code();
        assert_eq!(liked("ja"), "ja");
        assert_eq!(liked("ja-JP,en;q=0.8"), "ja");
        assert_eq!(liked("fr, en;q=0.5, ja;q=0.9"), "ja");
        assert_eq!(liked("en-GB,ja;q=0.9"), "en");
        assert_eq!(liked("ja;q=0, en;q=0.1"), "en");
        assert_eq!((liked("de"), liked(""), liked(";;q=x,,")), ("en", "en", "en"));
    }
}
