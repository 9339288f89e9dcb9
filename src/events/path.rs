//! Where a value stands in an event: `$.detail.asin`, `$.detail.items[*].asin`, `$.detail['odd.key']`.

use std::fmt;

use serde_json::Value;

/// How many values one path may give.
const MOST: usize = 1_000;

/// A path into a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
}

/// The first step of a path that a document does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The key that is not there.
    pub key: String,
    /// The keys that are there instead.
    pub known: Vec<String>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// For people: what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a path. Write `$.detail.asin`, `$.detail.items[*].asin` or `$.detail['a.b']`");
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() { Err(wrong()) } else { Ok(Self { text: text.to_owned(), steps }) }
    }

    /// The values at this path, in order; none when it leads nowhere. `[*]` and `.*` stand for all.
    pub fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).take(MOST).collect();
        }
        found
    }

    /// Why the path leads nowhere; `None` when it leads somewhere, or ends in something that has no keys.
    pub fn missing(&self, document: &Value) -> Option<Missing> {
        let mut found = vec![document];
        for step in &self.steps {
            let next: Vec<_> = found.iter().flat_map(|value| step.follow(value)).take(MOST).collect();
            if next.is_empty() {
                let keys = found.iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys().cloned());
                return Some(Missing { key: step.to_string(), known: keys.collect() });
            }
            found = next;
        }
        None
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(fields)) => fields.get(key).into_iter().collect(),
            (Self::Index(at), Value::Array(items)) => items.get(*at).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(at) => write!(f, "[{at}]"),
            Self::All => f.write_str("[*]"),
        }
    }
}

/// The first step of what is left, and what is left after it.
fn step(rest: &str) -> Option<(Step, &str)> {
    if let Some(key) = rest.strip_prefix('.') {
        let end = key.find(['.', '[']).unwrap_or(key.len());
        let (key, after) = key.split_at(end);
        return match key {
            "" => None,
            "*" => Some((Step::All, after)),
            _ => Some((Step::Key(key.to_owned()), after)),
        };
    }
    let inside = rest.strip_prefix('[')?;
    if let Some(quoted) = inside.strip_prefix('\'') {
        let (key, after) = quoted.split_once("']")?;
        return Some((Step::Key(key.to_owned()), after));
    }
    let (index, after) = inside.split_once(']')?;
    let step = if index == "*" { Step::All } else { Step::Index(index.parse().ok()?) };
    Some((step, after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> Vec<Value> {
        let event = json!({ "detail": { "asin": "B1", "items": [{ "asin": "B2" }, { "asin": "B3" }], "a.b": 7 } });
        Path::parse(path).expect("a path").find(&event).into_iter().cloned().collect()
    }

    #[test]
    fn a_path_gives_every_value_it_leads_to() {
        assert_eq!(found("$.detail.asin"), ["B1"]);
        assert_eq!(found("$.detail.items[*].asin"), ["B2", "B3"]);
        assert_eq!(found("$.detail.items[1].asin"), ["B3"]);
        assert_eq!(found("$.detail['a.b']"), [7]);
        assert_eq!(found("$.detail.nothing"), Vec::<Value>::new());
    }

    #[test]
    fn what_is_no_path_is_told_with_examples() {
        for text in ["detail.asin", "$", "$..a", "$.a[", "$.a[x]", "$a"] {
            assert!(Path::parse(text).expect_err(text).contains("Write `$.detail.asin`"), "{text}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_says_which_keys_are_there() {
        let path = Path::parse("$.detail.titel").expect("a path");
        let missing = path.missing(&json!({ "detail": { "title": "One Piece" } })).expect("it is missing");
        assert_eq!((missing.key.as_str(), missing.known.as_slice()), ("titel", &["title".to_owned()][..]));
    }
}
