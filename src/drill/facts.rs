//! What is true in the world of a drill, and since when: prices, promotions. The models know it; answers are judged by it. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::offset::Offset;
use crate::engine::model::simulated::profile::Known;

/// What is true, by topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(BTreeMap<Arc<str>, Fact>);

/// One topic and what is true of it from which moment on.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fact {
    about: Vec<String>,
    /// By time; the first holds from the beginning.
    says: Vec<(Offset, String)>,
}

impl Facts {
    /// A topic that is true from the beginning.
    pub fn begin(&mut self, topic: &str, about: Vec<String>, says: String) {
        self.0.insert(topic.into(), Fact { about, says: vec![(Offset(i64::MIN), says)] });
    }

    /// Something else is true of a topic from this moment on. Moments come in order.
    pub fn change(&mut self, topic: &str, at: Offset, says: String) {
        if let Some(fact) = self.0.get_mut(topic) {
            fact.says.push((at, says));
        }
    }

    /// The topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|topic| &**topic)
    }

    /// Whether a question is about a topic.
    pub fn concerns(&self, topic: &str, question: &str) -> bool {
        let known = |fact: &Fact| Known { about: fact.about.clone(), says: String::new() };
        self.0.get(topic).is_some_and(|fact| known(fact).concerns(question))
    }

    /// What models know at a moment.
    pub fn known(&self, at: Offset) -> Vec<Known> {
        let known = |fact: &Fact| {
            let (_, says) = fact.says.iter().rev().find(|(since, _)| *since <= at)?;
            Some(Known { about: fact.about.clone(), says: says.clone() })
        };
        self.0.values().filter_map(known).collect()
    }

    /// What is true of one topic at a moment.
    pub fn says(&self, topic: &str, at: Offset) -> Option<&str> {
        let says = &self.0.get(topic)?.says;
        says.iter().rev().find(|(since, _)| *since <= at).map(|(_, says)| says.as_str())
    }

    /// Whether an answer says something of a topic that was true at some moment between `from` and `to`. Nobody can be
    /// blamed for what changed while they spoke.
    pub fn bear_out(&self, topic: &str, answer: &str, from: Offset, to: Offset) -> bool {
        let Some(fact) = self.0.get(topic) else { return true };
        let ends = fact.says.iter().skip(1).map(|(since, _)| *since).chain([Offset(i64::MAX)]);
        let mut spans = fact.says.iter().zip(ends);
        spans.any(|((since, says), end)| *since <= to && end > from && answer.contains(says.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let mut facts = Facts::default();
        facts.begin("price", vec!["Box Set".into()], "It costs ¥12,800.".into());
        facts.change("price", Offset(1_000), "It costs ¥8,980.".into());
        facts
    }

    #[test]
    fn an_answer_is_borne_out_by_what_was_true_while_it_was_asked() {
        let (facts, old, new) = (facts(), "The answer: It costs ¥12,800.", "The answer: It costs ¥8,980.");
        let holds = |answer, from, to| facts.bear_out("price", answer, Offset(from), Offset(to));
        assert!(holds(old, -10, 5) && !holds(new, -10, 5));
        assert!(holds(old, 900, 1_500) && holds(new, 900, 1_500), "it changed while they spoke");
        assert!(!holds(old, 1_000, 1_500) && holds(new, 1_000, 1_500));
    }

    #[test]
    fn models_know_what_is_true_now() {
        let says = |at| facts().known(Offset(at)).remove(0).says;
        assert_eq!((says(-5), says(1_000)), ("It costs ¥12,800.".into(), "It costs ¥8,980.".into()));
        assert!(facts().concerns("price", "what does the box set cost"));
    }
}
