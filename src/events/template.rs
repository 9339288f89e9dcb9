//! Texts with holes that an event fills: `product:{$.detail.asin}`. A hole that may stay empty ends in a question mark:
//! `title:{$.detail.title?}`.

use std::fmt;

use serde_json::Value;

use super::path::Path;

/// How many texts one template may give.
const MOST: usize = 1_000;

/// A text with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Hole),
}

/// A hole in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// What fills it.
    pub path: Path,
    /// Whether it may stay empty; then the template gives nothing.
    pub optional: bool,
}

/// What a template makes of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// One text for each combination of values, each once.
    pub texts: Vec<String>,
    /// The paths of holes that had to be filled and were not.
    pub missing: Vec<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// For people: what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` opens a hole and does not close it. Write `{{$.detail.asin}}`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let path = inside.trim();
            let optional = path.ends_with('?');
            parts.push(Part::Hole(Hole { path: Path::parse(path.trim_end_matches('?'))?, optional }));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Fills the holes.
    pub fn fill(&self, event: &Value) -> Filled {
        let mut filled = Filled { texts: vec![String::new()], missing: Vec::new() };
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.texts.iter_mut().for_each(|so_far| so_far.push_str(text)),
                Part::Hole(hole) => {
                    let values: Vec<_> = hole.path.find(event).into_iter().filter_map(written).collect();
                    if values.is_empty() && !hole.optional {
                        filled.missing.push(hole.path.to_string());
                    }
                    let combined = filled
                        .texts
                        .iter()
                        .flat_map(|so_far| values.iter().map(move |value| format!("{so_far}{value}")));
                    filled.texts = combined.take(MOST).collect();
                }
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        filled.texts.retain(|text| seen.insert(text.clone()));
        filled
    }

    /// Its holes, in order.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.parts.iter().filter_map(|part| if let Part::Hole(hole) = part { Some(hole) } else { None })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value as text; `None` for what is empty or has parts.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(template: &str) -> Filled {
        let event = json!({ "detail": { "asins": ["B1", "B2", "B1"], "volume": 3, "empty": " ", "sale": null } });
        Template::parse(template).expect("a template").fill(&event)
    }

    #[test]
    fn each_value_gives_a_text_of_its_own_once() {
        assert_eq!(fill("product:{$.detail.asins[*]}").texts, ["product:B1", "product:B2"]);
        assert_eq!(fill("{$.detail.asins[0]} {$.detail.volume}").texts, ["B1 3"]);
        assert_eq!(fill("intent:pricing").texts, ["intent:pricing"]);
    }

    #[test]
    fn an_unfilled_hole_is_missing_unless_it_may_stay_empty() {
        for path in ["$.detail.empty", "$.detail.sale", "$.detail.none", "$.detail.asins"] {
            let filled = fill(&format!("title:{{{path}}}"));
            assert_eq!((filled.texts.len(), filled.missing), (0, vec![path.to_owned()]));
            assert_eq!(fill(&format!("title:{{{path}?}}")), Filled::default());
        }
    }

    #[test]
    fn what_is_no_template_is_told() {
        assert!(Template::parse("product:{$.detail.asin").expect_err("open").contains("does not close it"));
        assert!(Template::parse("product:{asin}").expect_err("no path").contains("is not a path"));
    }
}
