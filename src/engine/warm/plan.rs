//! `policies/warming.yaml`: what is asked before a release, and which releases there are.

use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::Problems,
    },
    ids::TenantId,
    store::keeping::release::Release,
    units::TimeSpan,
};

/// Questions of a plan at most: each is a model call for each release and tenant.
const MOST_QUESTIONS: usize = 200;
/// Longer before a release than this an answer would be old when it comes.
const LONGEST_BEFORE: Duration = Duration::from_secs(86_400);

/// What is asked before a release.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// How long before.
    pub before: Duration,
    /// Whose caches are warmed.
    pub tenants: Vec<TenantId>,
    /// The releases of the file.
    pub releases: Vec<Release>,
    questions: Vec<String>,
    request: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[expect(dead_code, reason = "the document's kind")]
    warming: String,
    before: Spanned<TimeSpan>,
    tenants: Vec<TenantId>,
    #[serde(default)]
    request: Map<String, Value>,
    questions: Vec<Spanned<String>>,
    #[serde(default)]
    releases: Vec<RawRelease>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    title: String,
    volume: Option<u32>,
    at: Spanned<String>,
}

impl Plan {
    /// Reads the `warming:` documents below `policies/`; without one, nothing is warmed.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        let mut plan = Self::default();
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            for document in documents.iter().filter(|document| document.kind() == Some("warming")) {
                if let Some(raw) = document.read::<Raw>(problems) {
                    plan = raw.validate(document, problems);
                }
            }
        }
        plan
    }

    /// The questions about a release.
    pub fn questions(&self, release: &Release) -> impl Iterator<Item = String> {
        self.questions.iter().filter_map(|question| release.fill(question))
    }

    /// The request with a question, as the application would send it.
    pub(super) fn request(&self, question: &str) -> Bytes {
        let mut request = self.request.clone();
        let own = json!({ "role": "user", "content": question });
        match request.get_mut("messages").and_then(Value::as_array_mut) {
            Some(messages) => messages.push(own),
            None => drop(request.insert("messages".into(), json!([own]))),
        }
        request.entry("model").or_insert_with(|| "banto".into());
        Value::Object(request).to_string().into()
    }
}

impl Raw {
    fn validate(self, document: &Document, problems: &mut Problems) -> Plan {
        if self.before.value.0 > LONGEST_BEFORE {
            let what =
                format!("{} before a release: use 1d or less, or its answers are old by then", self.before.value);
            problems.add(&document.place_of(&self.before), what);
        }
        if self.questions.len() > MOST_QUESTIONS {
            let what = format!("{} questions for each release: use at most {MOST_QUESTIONS}", self.questions.len());
            problems.add(&document.find("questions"), what);
        }
        for question in self.questions.iter().filter(|question| !question.value.contains("{title}")) {
            let what = "a question without {title} is the same for every release: write {title} where its title stands";
            problems.add(&document.place_of(question), what);
        }
        let mut releases = Vec::new();
        for raw in self.releases {
            match DateTime::parse_from_rfc3339(&raw.at.value) {
                Ok(at) => releases.push(Release { at: at.to_utc().into(), title: raw.title, volume: raw.volume }),
                Err(error) => {
                    let what =
                        format!("`{}` is no time ({error}); write for example 2026-12-04T00:00:00+09:00", raw.at.value);
                    problems.add(&document.place_of(&raw.at), what);
                }
            }
        }
        let questions = self.questions.into_iter().map(|question| question.value).collect();
        Plan { before: self.before.value.0, tenants: self.tenants, releases, questions, request: self.request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_plan_asks_as_the_application_does() {
        let mut problems = Problems::default();
        let plan = Plan::load(&Files::shipped(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let release = Release { at: crate::clock::Timestamp(0), title: "One Piece".into(), volume: Some(111) };
        let questions: Vec<_> = plan.questions(&release).collect();
        assert!(
            questions.len() >= 5 && questions.iter().all(|question| question.contains("One Piece")),
            "{questions:?}"
        );
        let request: Value = serde_json::from_slice(&plan.request("Q")).expect("JSON");
        assert_eq!(request, json!({ "model": "banto", "messages": [{ "role": "user", "content": "Q" }] }));
    }

    #[test]
    fn the_applications_system_prompt_comes_first() {
        let messages = json!([{ "role": "system", "content": "Be brief." }]);
        let request = Map::from_iter([("messages".to_owned(), messages)]);
        let plan = Plan { request, ..Plan::default() };
        let request: Value = serde_json::from_slice(&plan.request("Q")).expect("JSON");
        assert_eq!(request.pointer("/messages/0/role"), Some(&"system".into()));
        assert_eq!(request.pointer("/messages/1/content"), Some(&"Q".into()));
    }
}
