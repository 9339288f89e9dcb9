//! Reads a pattern from its file.

use serde_json::{Map, Value};

use super::{
    Branch, Pattern, Test,
    matcher::{Case, Compare, Matcher, Part},
};
use crate::config::nearest::did_you_mean;

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The key that it is about, to find its place; empty for the whole pattern.
    pub key: String,
    /// What is wrong, and what to write.
    pub what: String,
}

const OPERATORS: [&str; 7] =
    ["prefix", "suffix", "anything-but", "exists", "numeric", "equals-ignore-case", "wildcard"];

/// As EventBridge bounds them.
const LARGEST: f64 = 5e9;

/// How deep a pattern may go.
const DEEPEST: usize = 64;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(value: &Value) -> Result<Self, Wrong> {
        let fields = value.as_object().ok_or_else(|| wrong("", "a pattern is a mapping of the event's fields"))?;
        let branch = branch(fields, DEEPEST)?;
        match branch.fields.is_empty() && branch.either.is_empty() {
            true => Err(wrong("", "an empty pattern would match every event. Name at least `source` or another field")),
            false => Ok(Self(branch)),
        }
    }
}

fn wrong(key: &str, what: impl Into<String>) -> Wrong {
    Wrong { key: key.to_owned(), what: what.into() }
}

fn branch(fields: &Map<String, Value>, depth: usize) -> Result<Branch, Wrong> {
    let mut read = Branch::default();
    for (name, value) in fields {
        match value {
            _ if depth == 0 => return Err(wrong(name, "the pattern goes too deep")),
            Value::Array(patterns) if name == "$or" => read.either.push(either(patterns, depth)?),
            Value::Object(inner) if inner.is_empty() => {
                return Err(wrong(name, format!("`{name}` asks for nothing. Write what it may be, or leave it out")));
            }
            Value::Object(inner) => read.fields.push((name.as_str().into(), Test::Branch(branch(inner, depth - 1)?))),
            Value::Array(entries) if entries.is_empty() => {
                return Err(wrong(name, format!("nothing can match the empty list of `{name}`")));
            }
            Value::Array(entries) => {
                let matchers = entries.iter().map(|entry| matcher(name, entry)).collect::<Result<_, _>>()?;
                read.fields.push((name.as_str().into(), Test::AnyOf(matchers)));
            }
            single => {
                return Err(wrong(
                    name,
                    format!("what `{name}` may be is a list: write `{name}: [{}]`", plain(single)),
                ));
            }
        }
    }
    Ok(read)
}

fn either(patterns: &[Value], depth: usize) -> Result<Vec<Branch>, Wrong> {
    if patterns.len() < 2 {
        return Err(wrong("$or", "`$or` needs two patterns or more"));
    }
    let each = patterns.iter().map(|pattern| match pattern.as_object() {
        Some(fields) => branch(fields, depth - 1),
        None => Err(wrong("$or", "each entry of `$or` is a pattern of its own: `- { field: [value] }`")),
    });
    each.collect()
}

fn matcher(field: &str, entry: &Value) -> Result<Matcher, Wrong> {
    let Value::Object(operator) = entry else {
        return match entry {
            Value::Array(_) => Err(wrong(field, format!("`{field}` has a list inside a list"))),
            scalar => Ok(Matcher::Is(scalar.clone())),
        };
    };
    let mut named = operator.iter();
    let (Some((name, value)), None) = (named.next(), named.next()) else {
        return Err(wrong(field, format!("an entry of `{field}` has one operator: `{{ prefix: … }}`")));
    };
    match name.as_str() {
        "exists" => value.as_bool().map(Matcher::Exists).ok_or_else(|| wrong(field, "`exists` is true or false")),
        "numeric" => numeric(field, value),
        "anything-but" => Ok(Matcher::AnythingBut(anything_but(field, value)?)),
        _ => text(field, name, value),
    }
}

fn text(field: &str, name: &str, value: &Value) -> Result<Matcher, Wrong> {
    let part = match name {
        "prefix" => Part::Beginning,
        "suffix" => Part::End,
        "wildcard" => Part::Wildcard,
        "equals-ignore-case" => Part::Whole,
        unknown => {
            let hint = did_you_mean(unknown, OPERATORS);
            let known = OPERATORS.join(", ");
            return Err(wrong(unknown, format!("no operator is called `{unknown}`. There are {known}{hint}")));
        }
    };
    let ignoring = |value: &Value| value.as_object()?.get("equals-ignore-case")?.as_str().map(str::to_owned);
    let needs = || wrong(field, format!("`{name}` needs a text"));
    match (part, value) {
        (Part::Whole, Value::String(text)) => Ok(Matcher::Text(part, Case::Ignored, text.clone())),
        (Part::Wildcard, Value::String(text)) if text.contains("**") => {
            Err(wrong(field, "two stars in a row mean the same as one. Write one"))
        }
        (_, Value::String(text)) => Ok(Matcher::Text(part, Case::Counts, text.clone())),
        (Part::Beginning | Part::End, Value::Object(_)) => {
            ignoring(value).map(|text| Matcher::Text(part, Case::Ignored, text)).ok_or_else(needs)
        }
        _ => Err(needs()),
    }
}

fn anything_but(field: &str, value: &Value) -> Result<Vec<Matcher>, Wrong> {
    let operator = |operator: &Map<String, Value>| {
        let (name, value) = operator.iter().next().ok_or_else(|| wrong(field, "`anything-but` excludes nothing"))?;
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        values.iter().map(|value| text(field, name, value)).collect::<Result<Vec<_>, _>>()
    };
    match value {
        Value::Object(fields) => operator(fields),
        Value::Array(values) if values.is_empty() => Err(wrong(field, "`anything-but` excludes nothing")),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            Err(wrong(field, "`anything-but` takes a list of texts or numbers, or one operator"))
        }
        Value::Array(values) => Ok(values.iter().cloned().map(Matcher::Is).collect()),
        scalar => Ok(vec![Matcher::Is(scalar.clone())]),
    }
}

fn numeric(field: &str, value: &Value) -> Result<Matcher, Wrong> {
    let needs = || wrong(field, "`numeric` is a list such as `[\">\", 0, \"<=\", 5]`");
    let parts = value.as_array().filter(|parts| matches!(parts.len(), 2 | 4)).ok_or_else(needs)?;
    let bounds = parts.chunks_exact(2).map(|pair| {
        let compare = pair[0].as_str().and_then(Compare::parse).ok_or_else(needs)?;
        let bound = pair[1].as_f64().ok_or_else(needs)?;
        if bound.abs() > LARGEST {
            return Err(wrong(field, format!("{bound} is beyond what `numeric` compares: -5e9 to 5e9")));
        }
        Ok((compare, bound))
    });
    bounds.collect::<Result<_, _>>().map(Matcher::Numeric)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
