//! How much text is looked at in one go: about how many tokens it has, and where it may be cut. Pure.

use std::ops::Range;

/// About how many tokens a text is: one for each character of a wide script, a quarter for others.
pub fn tokens(text: &str) -> u64 {
    text.chars().map(quarters).sum::<u64>().div_ceil(4)
}

fn quarters(character: char) -> u64 {
    if matches!(character, '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}') { 4 } else { 1 }
}

/// The text in passages of at most so many tokens, one after the other, cut where a sentence ends if it can be, else at a
/// space, so that few things stand across a cut.
pub fn passages(text: &str, most: u64) -> Vec<Range<usize>> {
    let (mut cuts, mut from) = (Vec::new(), 0);
    while from < text.len() {
        let to = from + cut(&text[from..], most.max(1));
        cuts.push(from..to);
        from = to;
    }
    cuts
}

/// Where the first passage of a text ends.
fn cut(text: &str, most: u64) -> usize {
    let mut left = most.saturating_mul(4);
    let mut ends = text.len();
    for (at, character) in text.char_indices() {
        let costs = quarters(character);
        if costs > left {
            ends = at;
            break;
        }
        left -= costs;
    }
    if ends == text.len() {
        return ends;
    }
    // In the second half only: a passage is not to become tiny for a full stop.
    let half = floor(text, ends / 2);
    let last = |is_end: fn(char) -> bool| {
        text[half..ends].char_indices().rev().find(|(_, c)| is_end(*c)).map(|(at, c)| half + at + c.len_utf8())
    };
    let sentence = last(|c| matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '？'));
    sentence.or_else(|| last(char::is_whitespace)).unwrap_or(ends).max(first(text))
}

/// The end of the first character: a passage has one at least.
fn first(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// The last boundary of characters at or before `at`.
pub fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_a_token_each_and_others_a_quarter() {
        assert_eq!((tokens("四文字だ"), tokens("four"), tokens("")), (4, 1, 0));
    }

    #[test]
    fn passages_add_up_to_the_text_and_none_is_too_long() {
        for text in
            ["A sentence. Another one! And a third? ".repeat(40), "文。".repeat(500), "x".repeat(3_000), String::new()]
        {
            let cuts = passages(&text, 200);
            assert_eq!(cuts.iter().map(|cut| &text[cut.clone()]).collect::<String>(), text);
            assert!(cuts.iter().all(|cut| tokens(&text[cut.clone()]) <= 200 && !cut.is_empty()));
        }
    }

    #[test]
    fn a_passage_ends_with_a_sentence_where_it_can() {
        let text = "One two three four. Five six seven eight nine ten.";
        let cuts = passages(text, 8);
        assert_eq!(&text[cuts[0].clone()], "One two three four.");
    }

    #[test]
    fn a_limit_of_nothing_still_gets_through_the_text() {
        assert_eq!(passages("漢字", 0).len(), 2);
    }
}
