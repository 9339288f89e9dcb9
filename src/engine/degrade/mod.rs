//! What a user is told when no model can answer: the question acknowledged, the status plainly, links that help, when it
//! should be over, and never "try again". The words are data: `policies/messages.yaml`.
//!
//! An intent may have several wordings, its *variants*. Each user always gets the same one, so that [`reception`] can tell
//! which makes fewer people ask again at once, and fewer leave.

mod file;
pub mod language;
pub mod page;
pub mod reception;
mod subject;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use language::Language;
use page::Page;
use subject::Subject;

use crate::{
    config::{files::Files, problem::Problems},
    digest::Digest,
    engine::understand::question::Question,
    ids::IntentId,
};

/// The name of the wording that a document without `variant:` holds.
pub const STANDARD: &str = "standard";
/// The value of the knob `degraded.variant` that gives each user a variant of its own.
pub const SPLIT: &str = "split";

/// The words for one intent.
#[derive(Clone, Debug, Default)]
struct Words {
    fixed: BTreeMap<Language, String>,
    /// By variant and language.
    degraded: BTreeMap<Arc<str>, BTreeMap<Language, String>>,
}

/// What to say, by intent, variant and language.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    words: BTreeMap<String, Words>,
    /// What operators put on the status page.
    pub page: Page,
}

/// A degradation message for one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What to say.
    pub text: String,
    /// Which wording it is.
    pub variant: Arc<str>,
}

/// What is said when the operator's files say nothing.
const PLAINEST: &str =
    "We have received {subject}. The assistant is temporarily unavailable and should be back {recovery}.";

impl Messages {
    /// Reads `policies/messages*.yaml` and `policies/status.yaml`, and notes what is wrong with them.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        Self { words: file::load(files, problems), page: Page::load(files, problems) }
    }

    /// The names of all variants, each once.
    pub fn variants(&self) -> Vec<Arc<str>> {
        let mut all: Vec<_> = self.words.values().flat_map(|words| words.degraded.keys().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A fixed answer of the intent in the question's language, if there is one.
    pub fn fixed(&self, intent: &IntentId, question: &str) -> Option<&str> {
        self.words.get(&**intent)?.fixed.get(&Language::of_text(question)).map(String::as_str)
    }

    /// What to say to `question` when it should be over in `recovery`; in the variant `forced`, where there is such a one.
    pub fn degraded(&self, question: &Question, recovery: Option<Duration>, forced: Option<&str>) -> Message {
        let language = Language::of_text(&question.asked.text);
        let subject = Subject::of(question);
        let draw = draw(question);
        let wording = [&*question.intent.id, "_default"]
            .into_iter()
            .find_map(|intent| self.wording(intent, language, draw, forced));
        let (variant, template) = wording.unwrap_or_else(|| (STANDARD.into(), PLAINEST));
        Message { text: filled(template, language, &subject, recovery), variant }
    }

    fn wording(&self, intent: &str, language: Language, draw: u64, forced: Option<&str>) -> Option<(Arc<str>, &str)> {
        let degraded = &self.words.get(intent)?.degraded;
        let mut there: Vec<_> =
            degraded.iter().filter_map(|(variant, texts)| Some((variant, texts.get(&language)?))).collect();
        if let Some(forced) = forced.filter(|forced| there.iter().any(|(variant, _)| &***variant == *forced)) {
            there.retain(|(variant, _)| &***variant == forced);
        }
        let at = draw.checked_rem(there.len() as u64)?;
        there.get(usize::try_from(at).ok()?).map(|(variant, text)| ((*variant).clone(), text.as_str()))
    }
}

/// A number that is the same for all questions of a user, and for a question that names no user its own.
fn draw(question: &Question) -> u64 {
    let caller = &question.asked.caller;
    let digest = match &caller.user {
        Some(user) => Digest::of([b"variant", caller.tenant.as_bytes(), user.as_bytes()]),
        None => question.key,
    };
    let [a, b, c, d, e, f, g, h, ..] = digest.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The template with its places filled. A line about something that the question does not name is left out.
fn filled(template: &str, language: Language, subject: &Subject, recovery: Option<Duration>) -> String {
    let places = [
        ("{subject}", Some(subject.acknowledged(language))),
        ("{recovery}", Some(recovery_in(language, recovery))),
        ("{order}", subject.order.clone()),
        ("{title}", subject.title.as_deref().map(str::to_owned)),
        ("{title_link}", subject.title_link()),
    ];
    let lines = template.lines().filter_map(|line| {
        places.iter().try_fold(line.to_owned(), |line, (place, value)| match value {
            _ if !line.contains(place) => Some(line),
            Some(value) => Some(line.replace(place, value)),
            None => None,
        })
    });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn recovery_in(language: Language, recovery: Option<Duration>) -> String {
    let minutes = recovery.map(|recovery| recovery.as_secs().div_ceil(60).max(1));
    match (language, minutes) {
        (Language::Ja, Some(minutes)) => format!("約{minutes}分後"),
        (Language::Ja, None) => "数分以内".into(),
        (Language::En, Some(1)) => "in about a minute".into(),
        (Language::En, Some(minutes)) => format!("in about {minutes} minutes"),
        (Language::En, None) => "within a few minutes".into(),
    }
}

#[cfg(test)]
mod tests;
