//! The forms of dynamic text. Each is tried at a place of the text and says how many bytes it takes.

use super::Dynamic;

/// Longer placeholders than this are no placeholders.
const LONGEST_NAME: usize = 64;
/// Hexadecimal digits from which on a word is an id.
const LONG_HEX: usize = 16;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// How many bytes a form takes at the beginning of a text.
type Form = fn(&str) -> Option<usize>;

/// What stands at `at`, and how many bytes it takes.
pub(super) fn at(text: &str, at: usize) -> Option<(Dynamic, usize)> {
    let rest = &text[at..];
    if let Some(length) = placeholder(rest) {
        return Some((Dynamic::Placeholder, length));
    }
    let begins_word = !text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
    let forms: [(Dynamic, Form); 7] = [
        (Dynamic::Uuid, uuid),
        (Dynamic::Date, date),
        (Dynamic::Date, written_date),
        (Dynamic::Time, time),
        (Dynamic::Person, address),
        (Dynamic::Id, hex),
        (Dynamic::Counter, counter),
    ];
    forms.into_iter().filter(|_| begins_word).find_map(|(kind, form)| Some((kind, form(rest)?)))
}

fn placeholder(rest: &str) -> Option<usize> {
    let wrapped = |open: &str, close: &str| {
        let inner = rest.strip_prefix(open)?;
        let end = inner.find(close).filter(|end| *end <= LONGEST_NAME)?;
        is_name(inner[..end].trim()).then_some(open.len() + end + close.len())
    };
    let tag = || {
        let inner = rest.strip_prefix('<')?;
        let end = inner.find('>').filter(|end| *end <= LONGEST_NAME)?;
        // `<b>` is markup; names of several words are to be filled in.
        (is_name(&inner[..end]) && inner[..end].contains('_')).then_some(end + 2)
    };
    let printf = || {
        let kind = rest.strip_prefix('%')?.chars().next()?;
        let ends = !rest[2.min(rest.len())..].starts_with(|c: char| c.is_ascii_alphanumeric());
        ("sd".contains(kind) && ends).then_some(2)
    };
    wrapped("{{", "}}").or_else(|| wrapped("${", "}")).or_else(|| wrapped("{", "}")).or_else(tag).or_else(printf)
}

/// `user_name`, `user.name`, `now:date`, `0`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.-:|".contains(c))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// A number of so many digits, and what follows it.
fn number(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
    let count = digits(text);
    if !length.contains(&count) {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// `2026-03-11`, `2026/3/11`, `11.3.2026`, `2026年3月11日`.
fn date(text: &str) -> Option<usize> {
    let (first, rest) = number(text, 1..=4)?;
    let mark = rest.chars().next().filter(|mark| "-/.年".contains(*mark))?;
    let (second, rest) = number(&rest[mark.len_utf8()..], 1..=2)?;
    let mark = rest.chars().next().filter(|mark| "-/.月".contains(*mark))?;
    let (third, rest) = number(&rest[mark.len_utf8()..], 1..=4)?;
    let is_year = |year: u32| (1_900..2_200).contains(&year);
    let is_day = |month: u32, day: u32| (1..=31).contains(&month) && (1..=31).contains(&day);
    let fits = (is_year(first) && is_day(second, third)) || (is_year(third) && is_day(first, second));
    let rest = rest.strip_prefix('日').unwrap_or(rest);
    // `2026-03-11T…` goes on with its time.
    (fits && (ends_word(rest) || rest.starts_with('T'))).then_some(text.len() - rest.len())
}

/// `March 11, 2026`, `11 March 2026`.
fn written_date(text: &str) -> Option<usize> {
    let month = |text: &str| {
        let lower = text.get(..text.len().min(9).min(text.floor_char_boundary(9)))?.to_ascii_lowercase();
        MONTHS.iter().find(|month| lower.starts_with(**month)).map(|month| month.len())
    };
    let (day_first, after_day) = match number(text, 1..=2) {
        Some((day, rest)) if (1..=31).contains(&day) => (true, rest.strip_prefix(' ')?),
        _ => (false, text),
    };
    let rest = after_day.get(month(after_day)?..)?.strip_prefix(' ')?;
    let rest = match day_first {
        true => rest,
        false => number(rest, 1..=2)?.1.trim_start_matches(',').strip_prefix(' ')?,
    };
    let (year, rest) = number(rest, 4..=4)?;
    ((1_900..2_200).contains(&year) && ends_word(rest)).then_some(text.len() - rest.len())
}

/// `14:05`, `14:05:09`: hours and minutes have two digits, which a ratio such as 16:9 has not.
fn time(text: &str) -> Option<usize> {
    let (hour, rest) = number(text.strip_prefix('T').unwrap_or(text), 1..=2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2..=2)?;
    let seconds = rest.strip_prefix(':').and_then(|rest| number(rest, 2..=2));
    let rest = seconds.map_or(rest, |(_, rest)| rest);
    (hour < 24 && minute < 60 && ends_word(rest)).then_some(text.len() - rest.len())
}

fn uuid(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..36)?;
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.iter().enumerate().all(fits).then_some(36)
}

/// A long word of hexadecimal digits with letters and digits.
fn hex(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let word = &text[..length];
    let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    (length >= LONG_HEX && mixed && ends_word(&text[length..])).then_some(length)
}

/// `#48213`; ten or thirteen digits that are a time since 1970.
fn counter(text: &str) -> Option<usize> {
    if let Some(rest) = text.strip_prefix('#') {
        let length = digits(rest);
        return (length >= 4 && ends_word(&rest[length..])).then_some(length + 1);
    }
    let length = digits(text);
    let is_time = matches!(length, 10 | 13) && text.starts_with('1');
    (is_time && ends_word(&text[length..])).then_some(length)
}

fn address(text: &str) -> Option<usize> {
    let part = |text: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(b)).count();
    let name = part(text);
    let host = text[name..].strip_prefix('@')?;
    let length = host[..part(host)].trim_end_matches('.').len();
    (name > 0 && host[..length].contains('.')).then_some(name + 1 + length)
}
