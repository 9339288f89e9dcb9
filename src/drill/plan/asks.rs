//! What is asked in a drill, and what a model that answers would have to know.

use std::{collections::BTreeMap, sync::Arc};

use super::{raw::RawQuestion, validate::Reader};
use crate::{
    config::document::Spanned,
    drill::{facts::Facts, question::Template},
};

/// Questions with their shares, by the name of their mix.
pub(super) type Asks = BTreeMap<String, Vec<(Arc<Template>, f64)>>;

impl Reader<'_> {
    pub(super) fn questions(
        &mut self,
        words: &BTreeMap<String, Vec<String>>,
        raw: &BTreeMap<String, Vec<RawQuestion>>,
        facts: &Facts,
    ) -> Asks {
        let words: BTreeMap<_, Arc<[String]>> =
            words.iter().map(|(name, words)| (name.as_str(), words.clone().into())).collect();
        let template = |this: &mut Self, question: &RawQuestion| {
            if question.share <= 0.0 || !question.share.is_finite() {
                this.wrong(&question.text, "this question's share must be above 0, or nobody asks it");
            }
            let fact = question.fact.as_ref().filter(|fact| this.knows(fact, &question.text, &words, facts));
            let read = Template::parse(&question.text.value, |name| words.get(name).cloned());
            let template = this.check(&question.text, read)?.with_fact(fact.map(|fact| fact.value.as_str().into()));
            Some((Arc::new(template), question.share))
        };
        raw.iter()
            .map(|(mix, questions)| (mix.clone(), questions.iter().filter_map(|q| template(self, q)).collect()))
            .collect()
    }

    /// Whether a question's topic is known, and the question about it, whatever fills the topic's blank.
    fn knows(
        &mut self,
        fact: &Spanned<String>,
        question: &Spanned<String>,
        words: &BTreeMap<&str, Arc<[String]>>,
        facts: &Facts,
    ) -> bool {
        let blank = fact.value.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
        let fill = |text: &str, word: &str| match blank {
            Some(name) => text.replace(&format!("{{{name}}}"), word),
            None => text.to_owned(),
        };
        let words = blank.and_then(|name| words.get(name)).map_or(&[][..], |words| words);
        let first = String::new();
        let words = if words.is_empty() { std::slice::from_ref(&first) } else { words };
        for word in words {
            let topic = fill(&fact.value, word);
            if !self.is_topic(&topic, fact, facts) {
                return false;
            }
            if !facts.concerns(&topic, &fill(&question.value, word)) {
                let what = format!("this question has no words that `{topic}` is about, so no model would tell it");
                self.wrong(question, what);
                return false;
            }
        }
        true
    }

    pub(super) fn topic<'b>(&mut self, name: &'b Spanned<String>, facts: &Facts) -> Option<&'b str> {
        self.is_topic(&name.value, name, facts).then_some(name.value.as_str())
    }

    fn is_topic(&mut self, name: &str, at: &Spanned<String>, facts: &Facts) -> bool {
        let is_known = facts.topics().any(|topic| topic == name);
        if !is_known {
            let known = facts.topics().collect::<Vec<_>>().join(", ");
            self.wrong(at, format!("no fact is called `{name}`; `facts:` has {known}"));
        }
        is_known
    }
}
