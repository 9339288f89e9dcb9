//! Event patterns with EventBridge's meaning: which events a mapping is for.
//!
//! A pattern looks like the event: objects lead to leaves, and a leaf is a list of what its value may be. All fields must
//! fit, one entry of each list is enough, and of an array in the event one element is enough. `$or` holds patterns of which
//! one must fit. Numbers are compared by value: 300 and 300.0 are the same here, where EventBridge compares their spelling.

mod explain;
mod matcher;
mod read;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub use explain::Mismatch;
use matcher::Matcher;

/// Which events are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Branch);

/// Fields that must all fit.
#[derive(Clone, Debug, Default, PartialEq)]
struct Branch {
    fields: Vec<(Arc<str>, Test)>,
    /// Of each group one must fit.
    either: Vec<Vec<Branch>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Branch(Branch),
    AnyOf(Vec<Matcher>),
}

impl Pattern {
    /// Whether an event fits.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }

    /// Whether the pattern asks for this top-level field, and the event's fits.
    pub fn accepts(&self, field: &str, event: &Value) -> Option<bool> {
        let (_, test) = self.0.fields.iter().find(|(name, _)| **name == *field)?;
        Some(test.matches(event.get(field)))
    }
}

impl Branch {
    fn matches(&self, value: Option<&Value>) -> bool {
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|element| self.matches(Some(element)));
        }
        let field = |name: &str| value.and_then(|value| value.get(name));
        self.fields.iter().all(|(name, test)| test.matches(field(name)))
            && self.either.iter().all(|group| group.iter().any(|branch| branch.matches(value)))
    }
}

impl Test {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Branch(branch) => branch.matches(value),
            Self::AnyOf(matchers) => {
                let leaves = value.map(leaves).unwrap_or_default();
                matchers.iter().any(|matcher| matcher.matches(&leaves))
            }
        }
    }
}

/// The scalars that a value offers for comparison: itself, or those of an array. An object has none.
fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().flat_map(leaves).collect(),
        Value::Object(_) => Vec::new(),
        scalar => vec![scalar],
    }
}
