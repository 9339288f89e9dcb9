//! The `events:` section: where events come from, and how many may wait that could not be applied.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    events::{dead_letters, sns},
    units::{Bytes, TimeSpan},
};

/// The section, as an operator writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    sns: RawSns,
    queues: Vec<RawQueue>,
    dead_letters: RawDeadLetters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSns {
    topics: Vec<Spanned<String>>,
    endpoint: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQueue {
    url: Spanned<String>,
    region: Option<String>,
    wait: Option<Spanned<TimeSpan>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawDeadLetters {
    most: u64,
    size: Bytes,
}

impl Default for RawDeadLetters {
    fn default() -> Self {
        let usual = dead_letters::Limits::default();
        Self { most: usual.letters, size: usual.bytes }
    }
}

/// Where events come from.
#[derive(Clone, Debug, Default)]
pub struct EventSettings {
    /// Whose deliveries are believed by their signature.
    pub sns: sns::Settings,
    /// Queues that are emptied.
    pub queues: Vec<QueueSettings>,
    /// How many events may wait that could not be applied.
    pub dead_letters: dead_letters::Limits,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Its URL.
    pub url: String,
    /// What it shows under: the last part of the URL.
    pub name: String,
    /// Its region, where the URL does not say.
    pub region: Option<String>,
    /// How long one call waits for messages.
    pub wait: Duration,
}

/// SQS waits no longer.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

impl Raw {
    pub(super) fn validate(self, has_aws: bool, document: &Document, problems: &mut Problems) -> EventSettings {
        for topic in &self.sns.topics {
            let parts: Vec<_> = topic.value.split(':').collect();
            if !matches!(parts.as_slice(), ["arn", _, "sns", region, _, name] if !region.is_empty() && !name.is_empty())
            {
                let what = format!("`{}` is no topic; write `arn:aws:sns:REGION:ACCOUNT:NAME`", topic.value);
                problems.add(&document.place_of(topic), what);
            }
        }
        if let Some(endpoint) = &self.sns.endpoint
            && !(endpoint.value.starts_with("http://") || endpoint.value.starts_with("https://"))
        {
            problems.add(&document.place_of(endpoint), "an address starts with http:// or https://");
        }
        if let (Some(first), false) = (self.queues.first(), has_aws) {
            problems.add(&document.place_of(&first.url), "a queue needs an `aws:` section with a region");
        }
        let queues = self.queues.into_iter().filter_map(|queue| queue.validate(document, problems)).collect();
        EventSettings {
            sns: sns::Settings {
                topics: self.sns.topics.into_iter().map(|topic| topic.value).collect(),
                endpoint: self.sns.endpoint.map(|endpoint| endpoint.value),
            },
            queues,
            dead_letters: dead_letters::Limits { letters: self.dead_letters.most, bytes: self.dead_letters.size },
        }
    }
}

impl RawQueue {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<QueueSettings> {
        let url = &self.url.value;
        let name = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('/')).map(|(_, name)| name);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let what = format!("`{url}` is no queue's URL; write `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`");
            problems.add(&document.place_of(&self.url), what);
            return None;
        };
        if let Some(wait) = self.wait.as_ref().filter(|wait| wait.value.0 > LONGEST_WAIT) {
            problems.add(&document.place_of(wait), "SQS waits 20s at the most; use 20s or less");
        }
        let wait = self.wait.map_or(LONGEST_WAIT, |wait| wait.value.0.min(LONGEST_WAIT));
        Some(QueueSettings { name: name.to_owned(), url: url.clone(), region: self.region, wait })
    }
}
