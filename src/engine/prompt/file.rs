//! `prompts/*.yaml`: prompts that Banto puts in front of conversations, and how they are deployed.
//!
//! ```yaml
//! prompt: assistant
//! for: { tenants: [shop] }          # everybody: true, tenants, intents; without it only requests that name it
//! wanted: v2.4                      # deployed in the next window
//! versions:
//!   - version: v2.3
//!     text: You are the assistant of a manga shop. …
//!   - version: v2.4
//!     text: You are the assistant of a manga shop. Do not recommend …
//!     allow: [date]                 # what looks dynamic and is meant
//! ---
//! deployment: prompts               # once; these are the usual terms
//! window: "03:00-05:00"
//! zone: Asia/Tokyo
//! warm_up: 5
//! recovered: { hit_rate: 0.9, within: 5m }
//! ```

use std::{collections::BTreeSet, time::Duration};

use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    library::{Library, OFF, Prompt, Terms, Version, Whose},
    lint::Dynamic,
    window::Window,
};
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::Problems,
    },
    ids::{IntentId, TenantId},
    units::{Ratio, TimeSpan},
};

/// Prompts, and versions of one, at most: each version has series of its own.
const MOST_PROMPTS: usize = 16;
const MOST_VERSIONS: usize = 20;
/// A longer text is no instruction any more. Unit: bytes.
const LONGEST: usize = 256 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrompt {
    prompt: Spanned<String>,
    #[serde(default, rename = "for")]
    whose: RawWhose,
    wanted: Spanned<String>,
    #[serde(default = "yes")]
    cache_point: bool,
    versions: Vec<RawVersion>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWhose {
    everybody: bool,
    tenants: Vec<TenantId>,
    intents: Vec<IntentId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    version: Spanned<String>,
    text: Spanned<String>,
    #[serde(default)]
    allow: Vec<Dynamic>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerms {
    #[expect(dead_code, reason = "the document's kind")]
    deployment: String,
    window: Option<Spanned<String>>,
    zone: Option<Spanned<String>>,
    warm_up: Option<Spanned<u32>>,
    recovered: Option<RawRecovered>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecovered {
    hit_rate: Option<Ratio>,
    within: Option<Spanned<TimeSpan>>,
}

fn yes() -> bool {
    true
}

/// No prompts, and the usual terms: 03:00 to 05:00 in Tokyo, 5 requests, 0.90 within five minutes.
pub fn nothing() -> Library {
    let usual = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    let window = Window { from: usual(3), to: usual(5), zone: chrono_tz::Asia::Tokyo };
    let (hit_rate, within) = (Ratio::basis_points(9_000), Duration::from_secs(300));
    Library { prompts: Vec::new(), terms: Terms { window, warm_up: 5, hit_rate, within } }
}

/// Reads the prompts; what is wrong is among the problems and leaves its prompt out.
pub fn load(files: &Files, problems: &mut Problems) -> Library {
    let mut library = nothing();
    let mut names = BTreeSet::new();
    for file in files.below("prompts/") {
        for document in &Document::split(&file.path, &file.text) {
            match document.kind() {
                Some("prompt") => {
                    let Some(raw) = document.read::<RawPrompt>(problems) else { continue };
                    if !names.insert(raw.prompt.value.clone()) || names.len() > MOST_PROMPTS {
                        let what = format!(
                            "there is a prompt `{}` already, or there are more than {MOST_PROMPTS}. Give each a name of its own",
                            raw.prompt.value
                        );
                        problems.add(&document.place_of(&raw.prompt), what);
                    }
                    library.prompts.extend(raw.validate(document, problems));
                }
                Some("deployment") => {
                    if let Some(raw) = document.read::<RawTerms>(problems) {
                        library.terms = raw.validate(library.terms, document, problems);
                    }
                }
                _ => problems.add(
                    &document.start(),
                    "this is neither `prompt: NAME` nor `deployment: prompts`. Begin the document with one of them",
                ),
            }
        }
    }
    library
}

impl RawPrompt {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Prompt> {
        let name = &self.prompt.value;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.is_empty() || name.len() > 40 || !name.chars().all(fits) {
            let what = format!("`{name}` is no name for a prompt; use up to 40 of a-z, 0-9, - and _");
            problems.add(&document.place_of(&self.prompt), what);
            return None;
        }
        if self.versions.len() > MOST_VERSIONS {
            let what = format!("more than {MOST_VERSIONS} versions of `{name}`: remove those that nobody goes back to");
            problems.add(&document.place_of(&self.prompt), what);
        }
        let mut versions: Vec<Version> = Vec::new();
        for raw in &self.versions {
            if let Some(what) = raw.mistake(&versions) {
                problems.add(&document.place_of(&raw.version), what);
                continue;
            }
            versions.push(Version::new(name, &raw.version.value, raw.text.value.trim_end(), raw.allow.clone()));
        }
        let wanted = &self.wanted.value;
        if wanted != OFF && !versions.iter().any(|version| *version.name == **wanted) {
            let hint = did_you_mean(wanted, versions.iter().map(|version| &*version.name));
            let what = format!("`{name}` has no version `{wanted}`{hint}. Name one of `versions:`, or `off` for none");
            problems.add(&document.place_of(&self.wanted), what);
            return None;
        }
        let RawWhose { everybody, tenants, intents } = self.whose;
        let whose = Whose { everybody, tenants, intents };
        let (name, wanted) = (name.as_str().into(), wanted.as_str().into());
        Some(Prompt { name, whose, wanted, cache_point: self.cache_point, versions })
    }
}

impl RawVersion {
    fn mistake(&self, before: &[Version]) -> Option<String> {
        let name = &self.version.value;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 32 || name == OFF || !name.chars().all(fits) {
            return Some(format!(
                "`{name}` is no name for a version; use up to 32 letters, digits, . - and _, as in v2.4"
            ));
        }
        if before.iter().any(|version| *version.name == **name) {
            return Some(format!("there are two versions `{name}`; each text is a version of its own"));
        }
        let length = self.text.value.trim().len();
        (length == 0 || length > LONGEST)
            .then(|| format!("the text of `{name}` has {length} bytes; write 1 to {LONGEST}"))
    }
}

impl RawTerms {
    fn validate(self, usual: Terms, document: &Document, problems: &mut Problems) -> Terms {
        let zone = self.zone.as_ref().and_then(|zone| {
            let known = zone.value.parse::<Tz>().ok();
            if known.is_none() {
                let hint = did_you_mean(&zone.value, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                let what = format!("`{}` is not a time zone. Use a name of the tz database{hint}", zone.value);
                problems.add(&document.place_of(zone), what);
            }
            known
        });
        let zone = zone.unwrap_or(usual.window.zone);
        let mut window = Window { zone, ..usual.window };
        if let Some(text) = &self.window {
            match Window::parse(&text.value, zone) {
                Ok(read) => window = read,
                Err(what) => problems.add(&document.place_of(text), what),
            }
        }
        if let Some(warm_up) = self.warm_up.as_ref().filter(|warm_up| !(2..=50).contains(&warm_up.value)) {
            let what =
                format!("{} requests: use 2 to 50, one to write the prefix and others to read it", warm_up.value);
            problems.add(&document.place_of(warm_up), what);
        }
        let (hit_rate, within) = self.recovered.map_or((None, None), |it| (it.hit_rate, it.within));
        let range = Duration::from_secs(60)..=Duration::from_secs(3_600);
        if let Some(within) = within.as_ref().filter(|within| !range.contains(&within.value.0)) {
            let what = format!("{} is no time to recover in: use 1m to 1h", within.value);
            problems.add(&document.place_of(within), what);
        }
        Terms {
            window,
            warm_up: self.warm_up.map_or(usual.warm_up, |warm_up| warm_up.value),
            hit_rate: hit_rate.unwrap_or(usual.hit_rate),
            within: within.map_or(usual.within, |within| within.value.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Library, String) {
        let mut problems = Problems::default();
        let library = load(&Files::of([("prompts/p.yaml", text)]), &mut problems);
        let told = if problems.is_empty() { String::new() } else { problems.to_string() };
        (library, told)
    }

    #[test]
    fn a_prompt_is_read_with_its_versions_and_the_terms_are_the_usual_ones() {
        let text = "prompt: assistant\nfor: { tenants: [shop] }\nwanted: v2\nversions:\n  - { version: v1, text: Be kind. }\n  - version: v2\n    text: |\n      Be kind.\n      Be brief.\n";
        let (library, told) = read(text);
        assert_eq!(told, "", "{told}");
        let prompt = library.get("assistant").expect("a prompt");
        assert_eq!(prompt.version("v2").map(|v| &*v.text), Some("Be kind.\nBe brief."));
        assert_eq!(prompt.version("v2").map(|v| &*v.label), Some("assistant/v2"));
        let Terms { window, warm_up, hit_rate, within } = library.terms;
        assert_eq!(window.to_string(), "03:00-05:00 Asia/Tokyo");
        assert_eq!((warm_up, hit_rate.as_f64(), within.as_secs()), (5, 0.9, 300));
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_a_remedy() {
        let text = "prompt: Assistant\nwanted: v1\nversions: []\n---\nprompt: b\nwanted: v3\nversions:\n  - { version: v2, text: x }\n  - { version: v2, text: y }\n---\ndeployment: prompts\nwindow: 3 to 5\nzone: Asia/Tokio\nwarm_up: 1\nrecovered: { within: 5s }\n---\nprompts: [x]\n";
        let (_, told) = read(text);
        for part in [
            "prompts/p.yaml:1:9: `Assistant` is no name for a prompt",
            "prompts/p.yaml:6:9: `b` has no version `v3`; did you mean `v2`?",
            "prompts/p.yaml:9:16: there are two versions `v2`",
            "prompts/p.yaml:12:9: `3 to 5` is no window",
            "prompts/p.yaml:13:7: `Asia/Tokio` is not a time zone",
            "prompts/p.yaml:14:10: 1 requests: use 2 to 50",
            "prompts/p.yaml:15:22: 5s is no time to recover in",
            "prompts/p.yaml:17:1: this is neither `prompt: NAME`",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}
