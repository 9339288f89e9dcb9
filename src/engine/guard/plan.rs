//! The `guardrails:` document below `policies/`: when answers are checked, by whom, and what people are told.
//!
//! ```yaml
//! guardrails: shop
//! tokens: 200                    # the most that the service is shown in one go
//! chunk: 100                     # so much of a stream is held until it is checked
//! budget: 50ms                   # what a check may add to an answer, unless it waits (late: closed)
//! deadline: 1s                   # then nobody waits any longer
//! at_once: 64
//! blocked: { en: "…", ja: "…" }  # said instead of an answer
//! revised: { en: "…", ja: "…" }  # said after an answer that was wrong
//! default: { mode: async, least: async, late: open }
//! intents:
//!   order_status: { mode: sync, least: sync, late: closed }
//! ```

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    mode::Mode,
    rules::{self, Rules},
    words::Texts,
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::Problems,
    },
    digest::Digest,
    engine::understand::Understanding,
    ids::IntentId,
    units::TimeSpan,
};

/// What becomes of an answer whose check does not end in time, or fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// It is said after the latency budget; the check goes on, and what it finds is revised.
    #[default]
    Open,
    /// It waits until the deadline, and is then not said.
    Closed,
}

/// How the answers of an intent are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Care {
    /// When, unless a knob says otherwise.
    pub mode: Mode,
    /// No knob makes it looser than this.
    pub least: Mode,
    /// What becomes of an answer whose check is late.
    pub late: Late,
    /// Whether the service is asked, where there is one.
    pub service: bool,
    /// Whether the service sees the question, too. Rules that look at questions always do.
    pub questions: bool,
}

impl Default for Care {
    fn default() -> Self {
        Self { mode: Mode::Async, least: Mode::Off, late: Late::Open, service: true, questions: false }
    }
}

/// How much is looked at in one go, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most tokens of one evaluation by the service.
    pub tokens: u64,
    /// How many tokens of a stream are held until they are checked.
    pub chunk: u64,
    /// What a check may add to an answer.
    pub budget: Duration,
    /// The longest that anybody waits for a check.
    pub deadline: Duration,
    /// Evaluations by the service at once, on one node.
    pub at_once: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { tokens: 200, chunk: 100, budget: ms(50), deadline: ms(1_000), at_once: 64 }
    }
}

/// Everything that the operator's files say about guardrails.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first tier.
    pub rules: Rules,
    /// Limits.
    pub bounds: Bounds,
    /// What is said instead of an answer.
    pub blocked: Texts,
    /// What is said after an answer that was wrong.
    pub revised: Texts,
    usual: Care,
    cares: BTreeMap<IntentId, Care>,
    /// Changes with every word of the files that say so.
    pub digest: Digest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    guardrails: Spanned<String>,
    tokens: Option<Spanned<u64>>,
    chunk: Option<Spanned<u64>>,
    budget: Option<Spanned<TimeSpan>>,
    deadline: Option<Spanned<TimeSpan>>,
    at_once: Option<Spanned<u64>>,
    #[serde(default)]
    blocked: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    revised: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    default: RawCare,
    #[serde(default)]
    intents: BTreeMap<String, RawCare>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCare {
    mode: Option<Spanned<Mode>>,
    least: Option<Mode>,
    late: Option<Late>,
    service: Option<bool>,
    questions: Option<bool>,
}

impl RawCare {
    /// What it says, and what it leaves out as `usual` has it.
    fn over(&self, usual: Care) -> Care {
        Care {
            mode: self.mode.as_ref().map_or(usual.mode, |mode| mode.value),
            least: self.least.unwrap_or(usual.least),
            late: self.late.unwrap_or(usual.late),
            service: self.service.unwrap_or(usual.service),
            questions: self.questions.unwrap_or(usual.questions),
        }
    }

    fn check(&self, care: Care, document: &Document, problems: &mut Problems) {
        if let Some(mode) = self.mode.as_ref().filter(|_| care.mode < care.least) {
            let what = format!(
                "the mode `{}` is looser than the least, `{}`. Raise the mode, or lower `least:`",
                care.mode.label(),
                care.least.label()
            );
            problems.add(&document.place_of(mode), what);
        }
    }
}

impl Plan {
    /// Reads `guardrails:` and `rule:` documents; what is wrong is among the problems.
    pub fn load(files: &Files, understanding: &Understanding, problems: &mut Problems) -> Self {
        let mut plan = Self {
            rules: rules::load(files, understanding, problems),
            bounds: Bounds::default(),
            blocked: Texts::default(),
            revised: Texts::default(),
            usual: Care::default(),
            cares: BTreeMap::new(),
            digest: Digest::of([]),
        };
        let (mut said, mut count) = (Vec::new(), 0);
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            if documents.iter().any(|document| matches!(document.kind(), Some("guardrails" | "rule"))) {
                said.push(file.text.as_bytes());
            }
            for document in documents.iter().filter(|document| document.kind() == Some("guardrails")) {
                let Some(raw) = document.read::<Raw>(problems) else { continue };
                count += 1;
                if count > 1 {
                    let what = "guardrails are described twice. Keep one of the two documents";
                    problems.add(&document.place_of(&raw.guardrails), what);
                }
                plan.take(raw, document, understanding, problems);
            }
        }
        plan.digest = Digest::of(said);
        plan
    }

    /// How the answers of an intent are checked.
    pub fn care(&self, intent: &str) -> Care {
        self.cares.get(intent).copied().unwrap_or(self.usual)
    }

    fn take(&mut self, raw: Raw, document: &Document, understanding: &Understanding, problems: &mut Problems) {
        self.bounds = raw.bounds(document, problems);
        self.usual = raw.default.over(Care::default());
        raw.default.check(self.usual, document, problems);
        for (intent, care) in &raw.intents {
            if understanding.intent(intent).is_none() {
                let known = understanding.intents().map(|intent| &*intent.id);
                let what = format!("no intent is called `{intent}`{}", did_you_mean(intent, known));
                problems.add(&document.find_key(intent), what);
            }
            let read = care.over(self.usual);
            care.check(read, document, problems);
            self.cares.insert(intent.as_str().into(), read);
        }
        self.blocked = Texts::read(raw.blocked, document, problems);
        self.revised = Texts::read(raw.revised, document, problems);
    }
}

impl Raw {
    fn bounds(&self, document: &Document, problems: &mut Problems) -> Bounds {
        let usual = Bounds::default();
        let mut count = |value: &Option<Spanned<u64>>, usual: u64, (low, high): (u64, u64), what: &str| match value {
            Some(value) if !(low..=high).contains(&value.value) => {
                problems.add(&document.place_of(value), format!("{what} between {low} and {high}"));
                usual
            }
            Some(value) => value.value,
            None => usual,
        };
        let tokens = count(&self.tokens, usual.tokens, (20, 2_000), "one evaluation sees tokens");
        let chunk = count(&self.chunk, usual.chunk, (10, 1_000), "a stream is held for tokens");
        let at_once = count(&self.at_once, usual.at_once as u64, (1, 1_000), "evaluations at once lie");
        let span = |value: &Option<Spanned<TimeSpan>>, usual| {
            value.as_ref().map_or(usual, |span: &Spanned<TimeSpan>| span.value.0)
        };
        let (budget, deadline) = (span(&self.budget, usual.budget), span(&self.deadline, usual.deadline));
        if let Some(span) = self.deadline.as_ref().filter(|_| deadline < budget || deadline > Duration::from_secs(10)) {
            problems.add(&document.place_of(span), "a deadline lies between the budget and 10s");
        }
        Bounds { tokens, chunk, budget, deadline, at_once: at_once as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Plan, Vec<String>) {
        let files = Files::shipped().with("policies/guardrails.yaml", text);
        let mut problems = Problems::default();
        let understanding = Understanding::load(&files, &mut problems).expect("the shipped intents");
        let plan = Plan::load(&files, &understanding, &mut problems);
        (plan, problems.sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_an_intent_leaves_out_is_as_the_default_has_it() {
        let text = "guardrails: x\ndefault: { mode: chunked, service: false }\nintents:\n  faq: { late: closed }\n";
        let (plan, problems) = read(text);
        assert_eq!(problems, [""; 0]);
        let usual = Care { mode: Mode::Chunked, service: false, ..Care::default() };
        assert_eq!((plan.care("pricing"), plan.care("faq")), (usual, Care { late: Late::Closed, ..usual }));
        assert_eq!(plan.bounds, Bounds::default());
    }

    #[test]
    fn a_changed_word_changes_the_digest() {
        let (one, _) = read("rule: a\nwords: [x]\naction: block\n");
        let (other, _) = read("rule: a\nwords: [y]\naction: block\n");
        assert_ne!(one.digest, other.digest);
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_its_remedy() {
        let text = "guardrails: x\ntokens: 5\ndeadline: 10ms\nblocked: { de: Nein }\nintents:\n  faqs: { mode: async, least: sync }\n";
        let (_, told) = read(text);
        for part in [
            "policies/guardrails.yaml:2:9: one evaluation sees tokens between 20 and 2000",
            "policies/guardrails.yaml:3:11: a deadline lies between the budget and 10s",
            "policies/guardrails.yaml:4:16: `de` is not spoken here",
            "policies/guardrails.yaml:6:3: no intent is called `faqs`; did you mean `faq`?",
            "policies/guardrails.yaml:6:17: the mode `async` is looser than the least, `sync`",
        ] {
            assert!(told.iter().any(|told| told.starts_with(part)), "{part} is missing in\n{}", told.join("\n"));
        }
    }
}
