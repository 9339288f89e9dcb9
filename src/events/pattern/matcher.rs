//! What one value may be.

use std::fmt;

use serde_json::Value;

/// One entry of a leaf's list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
    Is(Value),
    Text(Part, Case, String),
    AnythingBut(Vec<Matcher>),
    Exists(bool),
    Numeric(Vec<(Compare, f64)>),
}

/// Which part of a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Beginning,
    End,
    /// The whole, with `*` for anything.
    Wildcard,
}

/// Whether capitals count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Counts,
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Matcher {
    /// Whether one of the values fits; `exists: false` fits when there is none.
    pub(super) fn matches(&self, leaves: &[&Value]) -> bool {
        match self {
            Self::Exists(wanted) => leaves.is_empty() != *wanted,
            other => leaves.iter().any(|leaf| other.fits(leaf)),
        }
    }

    fn fits(&self, leaf: &Value) -> bool {
        match self {
            Self::Is(wanted) => same(wanted, leaf),
            Self::Text(part, case, wanted) => leaf.as_str().is_some_and(|text| part.fits(*case, wanted, text)),
            Self::AnythingBut(others) => !others.iter().any(|other| other.fits(leaf)),
            Self::Exists(wanted) => *wanted,
            Self::Numeric(bounds) => {
                leaf.as_f64().is_some_and(|number| bounds.iter().all(|(compare, bound)| compare.holds(number, *bound)))
            }
        }
    }

    /// The text that is wanted, for "did you mean".
    pub(super) fn wanted_text(&self) -> Option<&str> {
        match self {
            Self::Is(Value::String(text)) | Self::Text(_, _, text) => Some(text),
            _ => None,
        }
    }
}

fn same(wanted: &Value, leaf: &Value) -> bool {
    match (wanted.as_f64(), leaf.as_f64()) {
        (Some(wanted), Some(leaf)) => wanted == leaf,
        _ => wanted == leaf,
    }
}

impl Part {
    fn fits(self, case: Case, wanted: &str, text: &str) -> bool {
        if case == Case::Ignored {
            return self.fits(Case::Counts, &wanted.to_lowercase(), &text.to_lowercase());
        }
        match self {
            Self::Whole => text == wanted,
            Self::Beginning => text.starts_with(wanted),
            Self::End => text.ends_with(wanted),
            Self::Wildcard => crate::events::glob::fits(wanted, text),
        }
    }
}

impl Compare {
    pub(super) fn parse(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::Greater,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::Greater => number > bound,
            Self::AtLeast => number >= bound,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            Self::Text(part, case, text) => {
                let how = match part {
                    Part::Whole => "",
                    Part::Beginning => "something that begins with ",
                    Part::End => "something that ends with ",
                    Part::Wildcard => "something like ",
                };
                let case = if *case == Case::Ignored { " in any case" } else { "" };
                write!(f, "{how}`{text}`{case}")
            }
            Self::AnythingBut(others) => write!(f, "anything but {}", list(others)),
            Self::Exists(true) => f.write_str("any value"),
            Self::Exists(false) => f.write_str("no value"),
            Self::Numeric(bounds) => {
                let bounds: Vec<_> =
                    bounds.iter().map(|(compare, bound)| format!("{} {bound}", compare.sign())).collect();
                write!(f, "a number {}", bounds.join(" and "))
            }
        }
    }
}

/// `a, b or c`.
pub(super) fn list(matchers: &[Matcher]) -> String {
    let words: Vec<_> = matchers.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".into(),
    }
}
