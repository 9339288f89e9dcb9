//! Text into tokens.

use super::Operator;
use crate::config::problem::Misprint;

/// A token, with the character it starts at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub at: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Word(String),
    Text(String),
    Operator(Operator),
    /// One of `( ) [ ] ,`
    Mark(char),
}

/// Splits an expression into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Misprint> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at].is_whitespace() {
            at += 1;
            continue;
        }
        let (kind, length) = token(&chars[at..]).map_err(|what| Misprint::new(at, what))?;
        tokens.push(Token { at, kind });
        at += length;
    }
    Ok(tokens)
}

fn token(rest: &[char]) -> Result<(Kind, usize), String> {
    match rest[0] {
        mark @ ('(' | ')' | '[' | ']' | ',') => Ok((Kind::Mark(mark), 1)),
        '"' | '\'' => quoted(rest),
        '0'..='9' | '.' => number(rest),
        letter if letter.is_ascii_alphabetic() => Ok(word(rest)),
        _ => operator(rest),
    }
}

fn quoted(rest: &[char]) -> Result<(Kind, usize), String> {
    let length = rest[1..].iter().position(|c| *c == rest[0]).ok_or("a quote is opened here and never closed")?;
    Ok((Kind::Text(rest[1..=length].iter().collect()), length + 2))
}

fn number(rest: &[char]) -> Result<(Kind, usize), String> {
    let digits = |from: usize| rest[from..].iter().take_while(|c| c.is_ascii_digit() || **c == '.').count();
    let mut length = digits(0);
    if matches!(rest.get(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some('+' | '-')));
        let exponent = digits(length + 1 + sign);
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    let text: String = rest[..length].iter().collect();
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|number| (Kind::Number(number), length)).ok_or_else(|| format!("`{text}` is not a number"))
}

fn word(rest: &[char]) -> (Kind, usize) {
    let length = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
    let word: String = rest[..length].iter().collect();
    let kind = match word.as_str() {
        "AND" => Kind::Operator(Operator::And),
        "OR" => Kind::Operator(Operator::Or),
        _ => Kind::Word(word),
    };
    (kind, length)
}

fn operator(rest: &[char]) -> Result<(Kind, usize), String> {
    let two: String = rest.iter().take(2).collect();
    match two.as_str() {
        "&&" => return Ok((Kind::Operator(Operator::And), 2)),
        "||" => return Ok((Kind::Operator(Operator::Or), 2)),
        _ => {}
    }
    // Longer symbols stand first in the list, so that `<=` is not read as `<`.
    let found = Operator::ALL.iter().find(|operator| two.starts_with(operator.symbol()));
    found.map(|operator| (Kind::Operator(*operator), operator.symbol().len())).ok_or_else(|| {
        let hint = if rest[0] == '=' { ": write `==` to compare" } else { "" };
        format!("`{}` means nothing here{hint}", rest[0])
    })
}
