//! What an operator puts on the status page: the service's name, where else to go, a notice. `policies/status.yaml`.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Deserialize;

use super::language::Language;
use crate::config::{
    document::{Document, Spanned},
    files::Files,
    problem::Problems,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    status: Spanned<String>,
    #[serde(default)]
    name: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    notice: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    links: Vec<RawLink>,
    zone: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    to: Spanned<String>,
    en: String,
    ja: Option<String>,
}

/// The operator's part of the status page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    name: BTreeMap<Language, String>,
    notice: BTreeMap<Language, String>,
    links: Vec<Link>,
    zone: Option<Tz>,
}

/// Where else to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// An address: `https:`, `mailto:` or `tel:`.
    pub to: String,
    words: BTreeMap<Language, String>,
}

/// So many links, and not a page of them.
const MOST_LINKS: usize = 12;

impl Page {
    /// Reads `policies/status.yaml`; an empty page without it.
    pub fn load(files: &Files, problems: &mut Problems) -> Self {
        let mut page = Self::default();
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            for document in documents.iter().filter(|document| document.kind() == Some("status")) {
                if let Some(raw) = document.read::<Raw>(problems) {
                    page = raw.validate(document, problems);
                }
            }
        }
        page
    }

    /// What the service is called; `None` when nobody said.
    pub fn name(&self, language: Language) -> Option<&str> {
        said(&self.name, language)
    }

    /// What operators want everybody to read now.
    pub fn notice(&self, language: Language) -> Option<&str> {
        said(&self.notice, language)
    }

    /// Where else to go: address and words.
    pub fn links(&self, language: Language) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter().filter_map(move |link| Some((link.to.as_str(), said(&link.words, language)?)))
    }

    /// The time zone that times are shown in.
    pub fn zone(&self) -> Tz {
        self.zone.unwrap_or(Tz::UTC)
    }
}

/// In this language, else in the other one.
fn said(texts: &BTreeMap<Language, String>, language: Language) -> Option<&str> {
    texts.get(&language).or_else(|| texts.values().next()).map(String::as_str)
}

impl Raw {
    fn validate(self, document: &Document, problems: &mut Problems) -> Page {
        if self.status.value != "page" {
            problems.add(&document.place_of(&self.status), "there is one status page: write `status: page`");
        }
        if self.links.len() > MOST_LINKS {
            problems.add(&document.find_key("links"), format!("a status page has room for {MOST_LINKS} links"));
        }
        let texts = |texts: BTreeMap<String, Spanned<String>>, problems: &mut Problems| {
            let each = texts.into_iter().filter_map(|(code, text)| {
                let known = Language::of_code(&code);
                if known.is_none() {
                    problems.add(&document.place_of(&text), format!("`{code}` is not spoken here. Use `en` or `ja`"));
                }
                Some((known?, text.value.trim().to_owned())).filter(|(_, text)| !text.is_empty())
            });
            each.collect()
        };
        Page {
            name: texts(self.name, problems),
            notice: texts(self.notice, problems),
            links: self
                .links
                .into_iter()
                .filter_map(|link| link.validate(document, problems))
                .take(MOST_LINKS)
                .collect(),
            zone: self.zone.and_then(|zone| self::zone(&zone, document, problems)),
        }
    }
}

impl RawLink {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Link> {
        let leads = ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| self.to.value.starts_with(scheme));
        if !leads {
            let what = format!(
                "`{}` leads nowhere from a page. Write an address such as https://shop.example/orders",
                self.to.value
            );
            problems.add(&document.place_of(&self.to), what);
        }
        let words = [(Language::En, Some(self.en)), (Language::Ja, self.ja)];
        let words = words.into_iter().filter_map(|(language, words)| Some((language, words?))).collect();
        leads.then_some(Link { to: self.to.value, words })
    }
}

fn zone(text: &Spanned<String>, document: &Document, problems: &mut Problems) -> Option<Tz> {
    let known = text.value.parse::<Tz>().ok();
    if known.is_none() {
        let what = format!("`{}` is not a time zone. Use a name of the tz database, such as Asia/Tokyo", text.value);
        problems.add(&document.place_of(text), what);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Page, Vec<String>) {
        let mut problems = Problems::default();
        let page = Page::load(&Files::of([("policies/status.yaml", text)]), &mut problems);
        (page, problems.sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_shipped_page_is_sound_in_both_languages() {
        let mut problems = Problems::default();
        let page = Page::load(&Files::shipped(), &mut problems);
        assert_eq!(problems.to_string(), "0 problems; nothing was changed");
        assert!(
            Language::ALL.iter().all(|language| page.name(*language).is_some() && page.links(*language).count() > 1)
        );
    }

    #[test]
    fn a_link_that_could_run_a_script_is_refused() {
        let (page, problems) = load(
            "status: page\nlinks:\n  - { to: 'javascript:alert(1)', en: x }\n  - { to: 'https://a', en: y }\nzone: Tokyo\n",
        );
        assert_eq!(page.links(Language::Ja).collect::<Vec<_>>(), [("https://a", "y")]);
        assert!(problems[0].contains("status.yaml:3:11: `javascript:alert(1)` leads nowhere"), "{problems:?}");
        assert!(problems[1].contains("`Tokyo` is not a time zone"), "{problems:?}");
    }
}
