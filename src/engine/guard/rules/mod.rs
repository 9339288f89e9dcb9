//! The first tier: rules that are looked up in this process within microseconds. Words, patterns, personal data and prices;
//! what each means is the operator's (`rule:` documents in `policies/`).
//!
//! A rule blocks the answer, masks what it found, or only notes it. All rules look at the whole text, so nothing stands
//! across a cut; the gravest finding counts, and everything that is to be masked is masked.

mod file;
mod pii;

use std::{ops::Range, sync::Arc};

use regex::Regex;

use super::{
    guardrail::{Finding, Passage, Side},
    words::Texts,
};
use crate::{engine::price, ids::IntentId};
use pii::Personal;

pub(super) use file::load;

/// What follows when a rule finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is counted.
    Note,
    /// What was found is left out.
    Mask,
    /// Nothing of it is said.
    Block,
}

/// What a rule looks for.
#[derive(Clone, Debug)]
enum Looks {
    /// One of these.
    Patterns(Vec<Regex>),
    /// What gives a person away.
    Personal(Personal),
    /// A price that is said to be today's.
    Prices,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    name: Arc<str>,
    looks: Looks,
    sides: Vec<Side>,
    action: Action,
    /// For these intents only; `None` for all.
    intents: Option<Vec<IntentId>>,
    /// What was found does not count when it has one of these in it. In lower case.
    except: Vec<String>,
    mask: Arc<str>,
    says: Option<Arc<Texts>>,
}

impl Rule {
    fn concerns(&self, side: Side, intent: &str) -> bool {
        self.sides.contains(&side) && self.intents.as_ref().is_none_or(|some| some.iter().any(|id| **id == *intent))
    }

    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let found: Vec<_> = match &self.looks {
            Looks::Patterns(all) => all.iter().flat_map(|one| one.find_iter(text).map(|found| found.range())).collect(),
            Looks::Personal(kind) => kind.find(text),
            // A price is read, not searched: where it stands is not known.
            Looks::Prices => (!price::current(text).is_empty()).then_some(0..text.len()).into_iter().collect(),
        };
        found.into_iter().filter(|range| !self.is_excepted(&text[range.clone()])).collect()
    }

    fn is_excepted(&self, found: &str) -> bool {
        !self.except.is_empty() && {
            let found = found.to_lowercase();
            self.except.iter().any(|except| found.contains(except.as_str()))
        }
    }
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// How many look at passages of this side and intent.
    pub fn concerning(&self, side: Side, intent: &str) -> usize {
        self.0.iter().filter(|rule| rule.concerns(side, intent)).count()
    }

    /// Looks at a passage; `each` hears of every rule that found something.
    pub fn look(&self, passage: Passage<'_>, mut each: impl FnMut(&str, Action)) -> Finding {
        let (mut gravest, mut masks) = (Finding::Clean, Vec::new());
        for rule in self.0.iter().filter(|rule| rule.concerns(passage.side, passage.intent)) {
            let found = rule.find(passage.text);
            if found.is_empty() {
                continue;
            }
            each(&rule.name, rule.action);
            match (rule.action, &gravest) {
                (Action::Block, _) => {
                    return Finding::Blocked { by: rule.name.clone(), says: rule.says.clone() };
                }
                (Action::Note, Finding::Clean) => gravest = Finding::Noted { by: rule.name.clone() },
                (Action::Mask, _) => {
                    gravest = Finding::Masked { by: rule.name.clone(), text: String::new() };
                    masks.extend(found.into_iter().map(|range| (range, rule.mask.clone())));
                }
                (Action::Note, _) => {}
            }
        }
        match gravest {
            Finding::Masked { by, .. } => Finding::Masked { by, text: masked(passage.text, masks) },
            other => other,
        }
    }
}

/// The text with masks in these places; of two that overlap the first counts.
fn masked(text: &str, mut masks: Vec<(Range<usize>, Arc<str>)>) -> String {
    masks.sort_by_key(|(range, _)| range.start);
    let (mut told, mut at) = (String::with_capacity(text.len()), 0);
    for (range, mask) in masks {
        if range.start >= at {
            told.push_str(&text[at..range.start]);
            told.push_str(&mask);
        }
        at = at.max(range.end);
    }
    told.push_str(&text[at..]);
    told
}

#[cfg(test)]
mod tests;
