//! `clients:`: whose word about a client's address counts.

use serde::Deserialize;

use crate::{
    api::address::Trust,
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
};

/// More proxies than that stand before nobody.
const MOST_HOPS: usize = 8;

/// What a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    hops: Option<Spanned<usize>>,
    proxies: Vec<Spanned<String>>,
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> Trust {
        let hops = self.hops.as_ref().map_or(0, |hops| hops.value);
        if let Some(hops) = self.hops.as_ref().filter(|hops| hops.value > MOST_HOPS) {
            let what = format!(
                "{} proxies in a row are hardly meant; `hops` is how many of yours a request passes",
                hops.value
            );
            problems.add(&document.place_of(hops), what);
        }
        if hops == 0 && !self.proxies.is_empty() {
            let what = "these proxies are believed nothing: say with `hops:` how many of them a request passes";
            problems.add(&document.find_key("proxies"), what);
        }
        let mut proxies = Vec::new();
        for text in &self.proxies {
            match text.value.parse() {
                Ok(block) => proxies.push(block),
                Err(why) => problems.add(&document.place_of(text), why),
            }
        }
        Trust { hops, proxies }
    }
}
