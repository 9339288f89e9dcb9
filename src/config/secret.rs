//! Secrets come from the environment or from files, never from the configuration itself, and are never shown.

use serde::Deserialize;

use super::{
    document::{Document, Spanned},
    problem::Problems,
};

/// Where a secret is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSecret {
    /// In this environment variable.
    env: Option<Spanned<String>>,
    /// In this file, without the white space around it.
    file: Option<Spanned<String>>,
}

impl RawSecret {
    /// Fetches the secret, or notes why it is not there.
    pub fn fetch(&self, document: &Document, problems: &mut Problems) -> Option<String> {
        let (place, found) = match (&self.env, &self.file) {
            (Some(name), None) => {
                let found =
                    std::env::var(&name.value).map_err(|_| format!("the environment has no `{}`; set it", name.value));
                (document.place_of(name), found)
            }
            (None, Some(path)) => {
                let found = std::fs::read_to_string(&path.value);
                (document.place_of(path), found.map_err(|error| format!("`{}` cannot be read: {error}", path.value)))
            }
            _ => (document.start(), Err("say where the secret is: either `env: NAME` or `file: PATH`".into())),
        };
        match found.map(|secret| secret.trim().to_owned()) {
            Ok(secret) if !secret.is_empty() => return Some(secret),
            Ok(_) => problems.add(&place, "the secret is empty; set it"),
            Err(why) => problems.add(&place, why),
        }
        None
    }
}
