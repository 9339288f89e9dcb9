//! What a file of `policies/diagnosis/` may say, before anybody has checked it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::document::Spanned;

/// `diagnosis: name`
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    #[schemars(with = "String")]
    pub diagnosis: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub questions: Vec<Question>,
}

/// An entry of `questions:`; the first is asked first.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    pub question: String,
    #[schemars(with = "String")]
    pub ask: Spanned<String>,
    #[schemars(with = "Next")]
    pub yes: Spanned<Next>,
    #[schemars(with = "Next")]
    pub no: Spanned<Next>,
    #[schemars(with = "Option<Next>")]
    pub unknown: Option<Spanned<Next>>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub show: BTreeMap<String, Spanned<String>>,
}

/// What follows an answer: the id of another question, or a cause.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "write the id of a question, or `{ cause: …, summary: …, fix: … }`")]
pub(super) enum Next {
    Question(String),
    Cause(Cause),
}

/// The end of a way through the tree.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cause {
    pub cause: String,
    pub summary: String,
    #[serde(default)]
    pub fix: String,
}
