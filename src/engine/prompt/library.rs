//! The prompts that Banto puts in front of conversations: which there are, in which versions, and for whom.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    lint::{Dynamic, Finding, lint},
    window::Window,
};
use crate::{
    digest::Digest,
    ids::{IntentId, TenantId},
    units::Ratio,
};

/// The value of a prompt's knob while none of its versions is in force.
pub const OFF: &str = "off";
/// What the knobs of prompts begin with.
pub const KNOB: &str = "prompt.";

/// A version of a prompt. Its text never changes: another text is another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `v2.4`.
    pub name: Arc<str>,
    /// What stands in metrics and headers: `assistant/v2.4`.
    pub label: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// Stands for the text.
    pub digest: Digest,
    /// What looks dynamic in it and is meant.
    pub allow: Vec<Dynamic>,
}

/// A prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub name: Arc<str>,
    /// Whose conversations it goes in front of.
    pub whose: Whose,
    /// Which version should be in force.
    pub wanted: Arc<str>,
    /// Whether a cache point goes behind it, where the format has one.
    pub cache_point: bool,
    /// All versions, in the order of the file.
    pub versions: Vec<Version>,
}

/// Whose conversations a prompt goes in front of, beside those of requests that name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// Everybody's.
    pub everybody: bool,
    /// Those of these tenants. A request of another tenant may not even name it.
    pub tenants: Vec<TenantId>,
    /// Those about these.
    pub intents: Vec<IntentId>,
}

/// How deployments go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// When.
    pub window: Window,
    /// How many requests warm each model for each prompt.
    pub warm_up: u32,
    /// The hit rate that must come back.
    pub hit_rate: Ratio,
    /// Within how long.
    pub within: Duration,
}

/// All prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    /// In the order of the files.
    pub prompts: Vec<Prompt>,
    /// How deployments go.
    pub terms: Terms,
}

impl Prompt {
    /// The knob that says which version is in force.
    pub fn knob(&self) -> String {
        format!("{KNOB}{}", self.name)
    }

    /// A version by its name.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| &*version.name == name)
    }

    /// Whether requests of this tenant may name it.
    pub fn is_for(&self, tenant: &TenantId) -> bool {
        self.whose.tenants.is_empty() || self.whose.tenants.contains(tenant)
    }

    fn goes_by_itself(&self, tenant: &TenantId, intent: impl FnOnce() -> IntentId) -> bool {
        let Whose { everybody, tenants, intents } = &self.whose;
        let named = *everybody || !tenants.is_empty() || !intents.is_empty();
        named && self.is_for(tenant) && (intents.is_empty() || intents.contains(&intent()))
    }
}

impl Version {
    /// A version of a prompt.
    pub fn new(prompt: &str, name: &str, text: &str, allow: Vec<Dynamic>) -> Self {
        Self {
            name: name.into(),
            label: format!("{prompt}/{name}").into(),
            text: text.into(),
            digest: Digest::of([text.as_bytes()]),
            allow,
        }
    }

    /// What looks dynamic in it.
    pub fn findings(&self) -> Vec<Finding> {
        lint(&self.text, &self.allow)
    }
}

impl Library {
    /// A prompt by its name.
    pub fn get(&self, name: &str) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| &*prompt.name == name)
    }

    /// The first prompt that goes in front of this tenant's conversation by itself; `intent` is asked only when it matters.
    pub fn chosen(&self, tenant: &TenantId, intent: impl Fn() -> IntentId) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| prompt.goes_by_itself(tenant, &intent))
    }

    /// The knobs' names and values.
    pub fn knobs(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        let values = |prompt: &Prompt| {
            let versions = prompt.versions.iter().map(|version| version.name.to_string());
            std::iter::once(OFF.to_owned()).chain(versions).collect()
        };
        self.prompts.iter().map(move |prompt| (prompt.knob(), values(prompt)))
    }

    /// What changed files must not do to prompts in force: take a version away, or give it another text.
    pub fn broken_promises(&self, renewed: &Self, in_force: &BTreeMap<String, String>) -> Vec<String> {
        let promise = |prompt: &Prompt| {
            let version = prompt.version(in_force.get(&prompt.knob())?)?;
            let (name, label) = (&prompt.name, &version.name);
            match renewed.get(name).and_then(|prompt| prompt.version(label)) {
                Some(kept) if kept.digest == version.digest => None,
                Some(_) => Some(format!(
                    "{label} of the prompt `{name}` is in force and has another text now: a changed text is a new \
                     version. Give it a name of its own and name it under `wanted:`"
                )),
                None => Some(format!(
                    "{label} of the prompt `{name}` is in force: keep its text in prompts/ until another is deployed"
                )),
            }
        };
        self.prompts.iter().filter_map(promise).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(name: &str, whose: Whose) -> Prompt {
        let versions = vec![Version::new(name, "v1", "Be kind.", vec![])];
        Prompt { name: name.into(), whose, wanted: "v1".into(), cache_point: true, versions }
    }

    fn library(prompts: Vec<Prompt>) -> Library {
        Library { prompts, ..super::super::file::nothing() }
    }

    #[test]
    fn the_first_prompt_that_fits_goes_in_front_and_one_for_nobody_only_when_it_is_named() {
        let (tenants, intents) = (vec![TenantId::from("shop")], vec![IntentId::from("faq")]);
        let library = library(vec![
            prompt("named-only", Whose::default()),
            prompt("shop-faq", Whose { tenants: tenants.clone(), intents, ..Whose::default() }),
            prompt("shop", Whose { tenants, ..Whose::default() }),
        ]);
        let chosen = |tenant: &str, intent: &str| {
            library.chosen(&tenant.into(), || intent.into()).map(|prompt| prompt.name.to_string())
        };
        assert_eq!(chosen("shop", "faq").as_deref(), Some("shop-faq"));
        assert_eq!(chosen("shop", "pricing").as_deref(), Some("shop"));
        assert_eq!(chosen("other", "faq"), None);
    }

    #[test]
    fn a_version_in_force_keeps_its_text() {
        let before = library(vec![prompt("p", Whose::default())]);
        let in_force = BTreeMap::from([("prompt.p".to_owned(), "v1".to_owned())]);
        assert_eq!(before.broken_promises(&before, &in_force), Vec::<String>::new());
        let mut changed = before.clone();
        changed.prompts[0].versions = vec![Version::new("p", "v1", "Be brief.", vec![])];
        assert!(before.broken_promises(&changed, &in_force)[0].contains("a changed text is a new version"));
        changed.prompts[0].versions = vec![Version::new("p", "v2", "Be brief.", vec![])];
        assert!(before.broken_promises(&changed, &in_force)[0].contains("keep its text"));
        assert!(before.broken_promises(&changed, &BTreeMap::new()).is_empty());
    }
}
