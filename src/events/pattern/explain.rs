//! Why an event does not fit a pattern.

use serde_json::Value;

use super::{
    Branch, Pattern, Test, leaves,
    matcher::{Matcher, list},
};
use crate::config::nearest::did_you_mean;

/// The first field that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The field's path: `detail.change_type`.
    pub path: String,
    /// The last key of it.
    pub key: String,
    /// What was found there, as text; `None` when nothing was.
    pub found: Option<String>,
    /// What it is and what was wanted, in words.
    pub what: String,
}

impl Pattern {
    /// Why an event does not fit; `None` when it does.
    pub fn mismatch(&self, event: &Value) -> Option<Mismatch> {
        self.0.mismatch("", Some(event))
    }
}

impl Branch {
    fn mismatch(&self, above: &str, value: Option<&Value>) -> Option<Mismatch> {
        if self.matches(value) {
            return None;
        }
        // Of an array's elements the first speaks for all.
        let value = match value {
            Some(Value::Array(elements)) => elements.first(),
            other => other,
        };
        let own = self.fields.iter().find_map(|(name, test)| {
            let path = if above.is_empty() { name.to_string() } else { format!("{above}.{name}") };
            test.mismatch(&path, name, value, value.and_then(|value| value.get(&**name)))
        });
        own.or_else(|| self.either.iter().find_map(|group| group.first()?.mismatch(above, value)))
    }
}

impl Test {
    fn mismatch(&self, path: &str, name: &str, object: Option<&Value>, value: Option<&Value>) -> Option<Mismatch> {
        if self.matches(value) {
            return None;
        }
        match self {
            Self::Branch(branch) if value.is_some_and(|value| value.is_object() || value.is_array()) => {
                branch.mismatch(path, value)
            }
            Self::Branch(_) => Some(absent(path, name, object, "fields of its own")),
            Self::AnyOf(matchers) => match value.map(leaves).unwrap_or_default().first() {
                Some(leaf) => Some(other(path, name, leaf, matchers)),
                None => Some(absent(path, name, object, &list(matchers))),
            },
        }
    }
}

fn absent(path: &str, name: &str, object: Option<&Value>, wanted: &str) -> Mismatch {
    let known = object.and_then(Value::as_object).into_iter().flat_map(|fields| fields.keys().map(String::as_str));
    let hint = did_you_mean(name, known.filter(|known| *known != name));
    let what = format!("`{path}` has no value, and the pattern wants {wanted}{hint}");
    Mismatch { path: path.to_owned(), key: name.to_owned(), found: None, what }
}

fn other(path: &str, name: &str, leaf: &Value, matchers: &[Matcher]) -> Mismatch {
    let found = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned);
    let hint = did_you_mean(&found, matchers.iter().filter_map(Matcher::wanted_text));
    let what = format!("`{path}` is `{found}`, and the pattern wants {}{hint}", list(matchers));
    Mismatch { path: path.to_owned(), key: name.to_owned(), found: Some(found), what }
}
