//! A text in one spelling, cut into numbers, currency marks, dashes and words.

use unicode_normalization::UnicodeNormalization;

use super::amount::Digits;
use crate::money::Currency;

/// Where a currency mark may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A symbol, before the number or behind it: `¥`, `€`.
    Symbol,
    /// A code, before the number or behind it: `USD`.
    Code,
    /// A word that only stands behind: `円`, `yen`.
    Behind,
}

/// A currency mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) currency: Currency,
    pub(super) form: Form,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Number(Digits<'a>),
    Mark(Mark),
    Dash,
    Word,
}

/// A piece of the text; white space is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Symbols, the longer before those that they end with.
const SYMBOLS: [(&str, &str); 17] = [
    ("us$", "USD"),
    ("nt$", "TWD"),
    ("hk$", "HKD"),
    ("nz$", "NZD"),
    ("au$", "AUD"),
    ("ca$", "CAD"),
    ("sg$", "SGD"),
    ("a$", "AUD"),
    ("c$", "CAD"),
    ("s$", "SGD"),
    ("cn¥", "CNY"),
    ("jp¥", "JPY"),
    ("$", "USD"),
    ("¥", "JPY"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₩", "KRW"),
];

/// Words behind a number. Not `won` and `pounds`: things weigh 3 pounds, and a series won 3 prizes.
const WORDS: [(&str, &str); 7] = [
    ("yen", "JPY"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("yuan", "CNY"),
    ("rmb", "CNY"),
];

/// Words behind a number that are written without a space.
const UNSPACED: [(&str, &str); 5] =
    [("円", "JPY"), ("ドル", "USD"), ("ユーロ", "EUR"), ("ウォン", "KRW"), ("人民元", "CNY")];

/// The text in one spelling: width, case, dashes; a hard space between digits groups them, as in `1 234,56 €`.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut after_digit = false;
    while let Some(c) = chars.next() {
        let groups = after_digit && chars.peek().is_some_and(|next| next.is_ascii_digit());
        after_digit = c.is_ascii_digit();
        match c {
            '\u{a0}' | '\u{202f}' | '\u{2009}' => folded.push(if groups { '\'' } else { ' ' }),
            '’' => folded.push('\''),
            c if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            _ => folded.extend(std::iter::once(c).nfkc().flat_map(char::to_lowercase).map(dash)),
        }
    }
    folded
}

fn dash(c: char) -> char {
    match c {
        '‐' | '‑' | '–' | '—' | '―' | '−' => '-',
        '〜' => '~',
        other => other,
    }
}

/// The pieces of a folded text.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, length) = piece(text, at, c);
        let end = at + length;
        tokens.push(Token { kind, text: &text[at..end], start: at, end });
        at = end;
    }
    tokens
}

/// The piece that starts at `at` with `c`, and its length.
fn piece(text: &str, at: usize, c: char) -> (Kind<'_>, usize) {
    let rest = &text[at..];
    if let Some((symbol, code)) = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
        return (mark(code, Form::Symbol), symbol.len());
    }
    if let Some((word, code)) = UNSPACED.iter().find(|(word, _)| rest.starts_with(word)) {
        return (mark(code, Form::Behind), word.len());
    }
    match c {
        '-' | '~' => (Kind::Dash, 1),
        '0'..='9' => number(rest),
        'a'..='z' => word(rest),
        _ => (Kind::Word, c.len_utf8()),
    }
}

fn mark(code: &str, form: Form) -> Kind<'static> {
    Currency::from_code(code).map_or(Kind::Word, |currency| Kind::Mark(Mark { currency, form }))
}

/// Digits; a number with letters behind it (`3rd`, `5k`, `2x`) is a word unless they are a currency.
fn number(rest: &str) -> (Kind<'_>, usize) {
    let (digits, length) = Digits::read(rest);
    let letters = run(&rest[length..]);
    match letters {
        _ if rest[length..].starts_with(['億', '兆']) => (Kind::Word, length),
        "" => (Kind::Number(digits), length),
        letters if currency_word(letters).is_some() => (Kind::Number(digits), length),
        letters => (Kind::Word, length + letters.len()),
    }
}

/// A word, a currency code, or a code that is written onto its number: `jpy8980`.
fn word(rest: &str) -> (Kind<'_>, usize) {
    let whole = run(rest);
    let letters = whole.bytes().take_while(u8::is_ascii_lowercase).count();
    let is_publisher = whole == "yen" && rest[whole.len()..].trim_start().starts_with("press");
    match currency_word(&whole[..letters]) {
        Some((code, form)) if letters == whole.len() && !is_publisher => (mark(code, form), whole.len()),
        Some((code, Form::Code)) if letters < whole.len() => (mark(code, Form::Code), letters),
        _ => (Kind::Word, whole.len()),
    }
}

fn run(rest: &str) -> &str {
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    &rest[..length]
}

fn currency_word(word: &str) -> Option<(&str, Form)> {
    let behind = WORDS.iter().find(|(known, _)| *known == word).map(|(_, code)| (*code, Form::Behind));
    behind.or_else(|| Currency::from_code(word).map(|_| (word, Form::Code)))
}
