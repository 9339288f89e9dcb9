//! `endpoints:`: how often what this process connects to is looked at, and what else is.

use std::{collections::BTreeMap, time::Duration};

use http::Uri;
use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    endpoints::EVERY,
    units::TimeSpan,
};

/// More than this are not looked at for somebody else.
const MOST: usize = 32;

/// Not more often, and not less.
const OFTENEST: Duration = Duration::from_secs(5);
const SELDOMEST: Duration = Duration::from_secs(3_600);

/// What a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    every: Option<Spanned<TimeSpan>>,
    also: BTreeMap<String, Spanned<String>>,
}

/// How endpoints are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// How often.
    pub every: Duration,
    /// Addresses beside those of the rest of the configuration, by name.
    pub also: BTreeMap<String, String>,
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> EndpointSettings {
        if let Some(every) = self.every.as_ref().filter(|every| !(OFTENEST..=SELDOMEST).contains(&every.value.0)) {
            let what = format!("endpoints are looked at every 5s to 1h, not every {}", every.value);
            problems.add(&document.place_of(every), what);
        }
        for url in self.also.values() {
            let is_url = url.value.parse::<Uri>().is_ok_and(|url| {
                matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
            });
            if !is_url {
                let what = format!("`{}` is no address: write for example `https://vpce.example.com`", url.value);
                problems.add(&document.place_of(url), what);
            }
        }
        if self.also.len() > MOST {
            problems.add(&document.find_key("also"), format!("more than {MOST} endpoints: name those that matter"));
        }
        EndpointSettings {
            every: self.every.map_or(EVERY, |every| every.value.0),
            also: self.also.into_iter().map(|(name, url)| (name, url.value)).collect(),
        }
    }
}
