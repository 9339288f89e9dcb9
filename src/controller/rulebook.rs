//! The controller's side of the operator's files, read and checked together: what a policy names must be there.

use super::{
    decide::{
        apart::apart,
        conflict,
        policy::Policy,
        validate::{self, Known},
    },
    diagnose::trees::{self, Trees},
    judge::rules::Rules,
};
use crate::{
    config::{document::Document, files::Files, nearest::did_you_mean, problem::Problems},
    knob::catalogue::Catalogue,
};

/// Alarms, decision trees and policies.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    /// `alarms/`
    pub rules: Rules,
    /// `policies/diagnosis/`
    pub trees: Trees,
    /// `policies/`
    pub policies: Vec<Policy>,
}

/// What a document in `policies/` may be, by its first key; other rooms read those that are no policies.
const KINDS: [&str; 18] = [
    "policy",
    "diagnosis",
    "mapping",
    "intent",
    "titles",
    "message",
    "facet",
    "synonyms",
    "numbers",
    "light",
    "unseen",
    "origin",
    "catalogue",
    "sale",
    "warming",
    "status",
    "guardrails",
    "rule",
];

impl Rulebook {
    /// Reads the files. What is wrong is among the problems afterwards; the rest is still there.
    pub fn load(files: &Files, knobs: &Catalogue, problems: &mut Problems) -> Self {
        let rules = Rules::load(files, problems);
        let trees = trees::load(files, &rules, problems);
        let known = Known { rules: &rules, trees: trees.keys().map(ToString::to_string).collect(), knobs };
        let policies = validate::load(files, &known, problems);
        conflict::find(&policies, &|one, other| apart(&rules, one, other), problems);
        strangers(files, problems);
        Self { rules, trees, policies }
    }
}

/// A document whose first key nobody knows would be read by nobody.
fn strangers(files: &Files, problems: &mut Problems) {
    for file in files.below("policies/") {
        for document in Document::split(&file.path, &file.text) {
            let kind = document.kind().unwrap_or_default();
            if !KINDS.contains(&kind) {
                let hint = did_you_mean(kind, KINDS);
                problems.add(
                    &document.start(),
                    format!(
                        "nobody reads a document that starts with `{kind}:`. Start with one of {}{hint}",
                        KINDS.join(", ")
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::shop::Shop;

    #[test]
    fn everything_that_ships_is_right() {
        let (files, mut problems) = (Files::shipped(), Problems::default());
        let shop = Shop::load(&files, &mut problems).expect("the shipped shop");
        let models = ["primary", "secondary"]
            .map(|model| crate::knob::catalogue::ModelDefaults { model: model.into(), pool_size: 10 });
        let book = Rulebook::load(&files, &shop.knobs(&Default::default(), &models), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let names: Vec<_> = book.policies.iter().map(|policy| policy.name.to_string()).collect();
        for name in [
            "calm-a-stampede",
            "calm-a-backoff-storm",
            "tighten-recommendations",
            "relieve-cache-memory",
            "relieve-slow-cache-writes",
            "watch-prompt-cache-recovery",
            "admit-an-organic-spike",
            "widen-the-primary-pool",
        ] {
            assert!(names.iter().any(|known| known == name), "{name} is missing");
        }
    }
}
