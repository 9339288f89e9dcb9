//! What a user is told when no model can answer: the question acknowledged, the status plainly, links that help, when it
//! should be over, and never "try again". The words are data: `policies/messages.yaml`.

pub mod language;
pub mod page;

use std::{collections::BTreeMap, time::Duration};

use language::Language;
use page::Page;

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::Problems,
    },
    ids::IntentId,
};

/// The words for one intent, by language (`en`, `ja`).
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawMessage {
    /// The intent, or `_default`.
    #[schemars(with = "String")]
    message: Spanned<String>,
    /// A fixed answer that is true at any time, given instead of a degradation message.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    fixed: BTreeMap<String, Spanned<String>>,
    /// What to say when nobody can answer. `{subject}` is the title or order number asked about, `{recovery}` the time.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    degraded: BTreeMap<String, Spanned<String>>,
}

#[derive(Clone, Debug, Default)]
struct Words {
    fixed: BTreeMap<String, String>,
    degraded: BTreeMap<String, String>,
}

/// What to say, by intent and language.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    words: BTreeMap<String, Words>,
    /// What operators put on the status page.
    pub page: Page,
}

/// Words that make people press the button again, which makes an outage worse.
const RETRY_WORDS: [&str; 5] = ["try again", "retry", "もう一度", "再度お試し", "再試行"];

impl Messages {
    /// Reads `policies/messages.yaml` and notes what is wrong with it.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        let mut all = BTreeMap::new();
        for file in files.below("policies/messages") {
            for document in Document::split(&file.path, &file.text) {
                if let Some(raw) = document.read::<RawMessage>(problems) {
                    check(&document, &raw, problems);
                    let plain = |texts: &BTreeMap<String, Spanned<String>>| {
                        texts.iter().map(|(language, text)| (language.clone(), text.value.trim().to_owned())).collect()
                    };
                    let words = Words { fixed: plain(&raw.fixed), degraded: plain(&raw.degraded) };
                    all.insert(raw.message.value.clone(), words);
                }
            }
        }
        Self { words: all, page: Page::load(files, problems) }
    }

    /// A fixed answer of the intent in the question's language, if there is one.
    pub fn fixed(&self, intent: &IntentId, question: &str) -> Option<&str> {
        self.words.get(&**intent)?.fixed.get(Language::of_text(question).code()).map(String::as_str)
    }

    /// What to say to `question` about `subject`, when it should be over in `recovery`.
    pub fn degraded(
        &self,
        intent: &IntentId,
        question: &str,
        subject: Option<&str>,
        recovery: Option<Duration>,
    ) -> String {
        let language = Language::of_text(question).code();
        let words =
            [&**intent, "_default"].into_iter().find_map(|intent| self.words.get(intent)?.degraded.get(language));
        let template = words.map_or(PLAINEST, String::as_str);
        template
            .replace("{subject}", &subject_in(language, subject))
            .replace("{recovery}", &recovery_in(language, recovery))
    }
}

/// What is said when the operator's files say nothing.
const PLAINEST: &str =
    "We have received {subject}. The assistant is temporarily unavailable and should be back {recovery}.";

fn check(document: &Document, raw: &RawMessage, problems: &mut Problems) {
    for text in raw.degraded.values() {
        let place = document.place_of(text);
        if let Some(word) = RETRY_WORDS.iter().find(|word| text.value.to_lowercase().contains(**word)) {
            problems.add(
                &place,
                format!("`{word}` makes people ask again at once. Say what they can do instead, and {{recovery}}"),
            );
        }
        for name in placeholders(&text.value).filter(|name| !["subject", "recovery"].contains(name)) {
            problems.add(&place, format!("`{{{name}}}` is not known here. Use {{subject}} or {{recovery}}"));
        }
    }
    if raw.fixed.is_empty() && raw.degraded.is_empty() {
        problems.add(&document.start(), "this message says nothing. Give it `fixed:` or `degraded:` texts");
    }
}

fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn subject_in(language: &str, subject: Option<&str>) -> String {
    match (language, subject) {
        ("ja", Some(subject)) => format!("「{subject}」についてのご質問"),
        ("ja", None) => "ご質問".into(),
        (_, Some(subject)) => format!("your question about {subject}"),
        (_, None) => "your question".into(),
    }
}

fn recovery_in(language: &str, recovery: Option<Duration>) -> String {
    let minutes = recovery.map(|recovery| recovery.as_secs().div_ceil(60).max(1));
    match (language, minutes) {
        ("ja", Some(minutes)) => format!("約{minutes}分後"),
        ("ja", None) => "数分以内".into(),
        (_, Some(1)) => "in about a minute".into(),
        (_, Some(minutes)) => format!("in about {minutes} minutes"),
        (_, None) => "within a few minutes".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Messages, Problems) {
        let mut problems = Problems::default();
        (Messages::load(&Files::of([("policies/messages.yaml", text)]), &mut problems), problems)
    }

    #[test]
    fn the_shipped_messages_are_sound_and_never_ask_to_try_again() {
        let mut problems = Problems::default();
        let messages = Messages::load(&Files::shipped(), &mut problems);
        assert_eq!(problems.to_string(), "0 problems; nothing was changed");
        let text = messages.degraded(&"order_status".into(), "Where is my order #12345?", Some("order #12345"), None);
        assert!(text.contains("order #12345") && text.contains("within a few minutes"), "{text}");
    }

    #[test]
    fn a_japanese_question_is_answered_in_japanese() {
        let (messages, _) =
            load("message: _default\ndegraded:\n  ja: '{subject}を承りました。{recovery}に復旧の見込みです。'\n");
        let text = messages.degraded(&"faq".into(), "送料は?", Some("ワンピース"), Some(Duration::from_secs(150)));
        assert_eq!(text, "「ワンピース」についてのご質問を承りました。約3分後に復旧の見込みです。");
    }

    #[test]
    fn words_that_cause_retry_storms_are_refused_with_their_place() {
        let (_, problems) = load("message: faq\ndegraded:\n  en: Please try again in a {moment}.\n");
        let problems: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("policies/messages.yaml:3:7: `try again`"), "{problems:?}");
    }
}
