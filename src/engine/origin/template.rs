//! Texts with places to fill in: `product:{asin}`, `/products/{asin}/price`.

use std::fmt::Write;

/// A text with named places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A brace without its other half, or a place without a plain name; a sentence with what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` has a brace without its other half. Write places as `{{name}}`");
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or_else(wrong)?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return Err(format!("`{{{name}}}` is not a name. Use small letters and `_`, as in `{{asin}}`"));
            }
            parts.extend([Part::Text(before.into()), Part::Name(name.into())]);
            rest = behind;
        }
        parts.push(Part::Text(rest.into()));
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['{', '}']))) {
            return Err(wrong());
        }
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// The names of its places, in order, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for part in &self.parts {
            if let Part::Name(name) = part
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        }
        names
    }

    /// The text with the places filled in as they are.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        self.with(value, str::to_owned)
    }

    /// The text as a path: what is filled in can neither end a segment nor begin a query.
    pub fn path<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        self.with(value, encoded)
    }

    fn with<'a>(&self, value: impl Fn(&str) -> &'a str, spelt: impl Fn(&str) -> String) -> String {
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => spelt(value(name)),
        };
        self.parts.iter().map(fill).collect()
    }
}

/// Percent-encoded. A segment of dots only would climb, so its dots are encoded too.
fn encoded(text: &str) -> String {
    let climbs = text.bytes().all(|byte| byte == b'.');
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => encoded.push(byte as char),
            b'.' if !climbs => encoded.push('.'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_cannot_leave_their_segment() {
        let template = Template::parse("/reco/{user}/{asin}?n=5").expect("reads");
        let value = |name: &str| if name == "user" { "../a?b/ワ" } else { ".." };
        assert_eq!(template.names(), ["user", "asin"]);
        assert_eq!(template.path(value), "/reco/..%2Fa%3Fb%2F%E3%83%AF/%2E%2E?n=5");
    }

    #[test]
    fn what_is_no_template_says_what_to_write() {
        for text in ["{", "a}", "{A}", "{}", "{a}}"] {
            assert!(Template::parse(text).is_err_and(|why| why.contains("rite") || why.contains("Use")), "{text}");
        }
    }
}
