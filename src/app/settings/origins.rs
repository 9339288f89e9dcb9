//! `origins:`: where the shop's services are and how much each of them bears.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    engine::origin::client::Place,
    units::{Bytes, TimeSpan},
};

/// `product: { url: https://catalogue.example.com, headers: { authorization: { env: CATALOGUE_KEY } } }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlace {
    url: Spanned<String>,
    #[serde(default)]
    headers: BTreeMap<String, RawSecret>,
    at_once: Option<Spanned<usize>>,
    queue: Option<usize>,
    deadline: Option<Spanned<TimeSpan>>,
    largest: Option<Bytes>,
}

/// Requests at once, requests waiting, the longest wait and the longest answer, where the file says nothing.
const AT_ONCE: usize = 16;
const QUEUE: usize = 256;
const DEADLINE: Duration = Duration::from_secs(2);
const LARGEST: usize = 1 << 20;

/// The services by name.
pub(super) fn validate(
    raw: &BTreeMap<String, RawPlace>,
    document: &Document,
    problems: &mut Problems,
) -> BTreeMap<Arc<str>, Place> {
    raw.iter().filter_map(|(name, raw)| Some((name.as_str().into(), raw.validate(document, problems)?))).collect()
}

impl RawPlace {
    fn validate(&self, document: &Document, problems: &mut Problems) -> Option<Place> {
        let url = self.url.value.trim_end_matches('/');
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        if !is_http || url.parse::<Uri>().is_err() {
            let what =
                format!("`{url}` is not an address of a service; write for example `https://catalogue.example.com`");
            problems.add(&document.place_of(&self.url), what);
            return None;
        }
        let at_once = self.at_once.as_ref().filter(|at_once| !(1..=10_000).contains(&at_once.value));
        if let Some(wrong) = at_once {
            problems.add(&document.place_of(wrong), "a service needs 1 to 10000 requests `at_once`");
            return None;
        }
        let is_wait = |wait: &TimeSpan| !wait.0.is_zero() && wait.0 <= Duration::from_secs(10);
        if let Some(wrong) = self.deadline.as_ref().filter(|deadline| !is_wait(&deadline.value)) {
            let what = "nobody waits longer than 10 s for a product; use a `deadline` between 1ms and 10s";
            problems.add(&document.place_of(wrong), what);
            return None;
        }
        Some(Place {
            url: url.to_owned(),
            headers: self.headers(document, problems),
            at_once: self.at_once.as_ref().map_or(AT_ONCE, |at_once| at_once.value),
            queue: self.queue.unwrap_or(QUEUE),
            deadline: self.deadline.as_ref().map_or(DEADLINE, |deadline| deadline.value.0),
            largest: self.largest.map_or(LARGEST, |largest| largest.0.min(4 << 20) as usize),
        })
    }

    fn headers(&self, document: &Document, problems: &mut Problems) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, secret) in &self.headers {
            let Some(value) = secret.fetch(document, problems) else { continue };
            match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                (Ok(name), Ok(mut value)) => {
                    value.set_sensitive(true);
                    headers.insert(name, value);
                }
                _ => problems.add(&document.find_key(name), format!("`{name}` or its value cannot be a header")),
            }
        }
        headers
    }
}
