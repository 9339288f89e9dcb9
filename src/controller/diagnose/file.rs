//! What a file of `policies/diagnosis/` may say, before anybody has checked it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::document::Spanned;

/// `diagnosis: name`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    pub diagnosis: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub questions: Vec<Question>,
}

/// An entry of `questions:`; the first is asked first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub id: Spanned<String>,
    pub question: String,
    pub ask: Spanned<String>,
    pub yes: Spanned<Next>,
    pub no: Spanned<Next>,
    pub unknown: Option<Spanned<Next>>,
    #[serde(default)]
    pub show: BTreeMap<String, Spanned<String>>,
}

/// What follows an answer: the id of another question, or a cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "write the id of a question, or `{ cause: …, summary: …, fix: … }`")]
pub(super) enum Next {
    Question(String),
    Cause(Cause),
}

/// The end of a way through the tree.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cause {
    pub cause: String,
    pub summary: String,
    #[serde(default)]
    pub fix: String,
}
