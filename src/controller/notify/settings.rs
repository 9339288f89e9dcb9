//! The `notify:` section of the configuration: who is told what, and how.

use serde::Deserialize;

use super::{
    channel::Channel,
    dedup::Grouping,
    dispatch::Route,
    pagerduty::{ENDPOINT, PagerDuty},
    webhook::Webhook,
};
use crate::{
    clock::Clock,
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    controller::alarm::Severity,
    outbound::Outbound,
    units::TimeSpan,
};

/// What the section may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawNotify {
    channels: Vec<RawChannel>,
    group_wait: Option<TimeSpan>,
    group_interval: Option<TimeSpan>,
    repeat_interval: Option<TimeSpan>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannel {
    name: Spanned<String>,
    #[serde(default = "all")]
    severities: Vec<Severity>,
    #[serde(default)]
    changes: bool,
    pagerduty: Option<RawPagerDuty>,
    sns: Option<RawSns>,
    webhook: Option<RawWebhook>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPagerDuty {
    routing_key: RawSecret,
    endpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSns {
    topic: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebhook {
    url: Spanned<String>,
    secret: RawSecret,
}

fn all() -> Vec<Severity> {
    vec![Severity::P1, Severity::P2, Severity::P3]
}

/// Who is told what, and how.
#[derive(Clone, Debug, Default)]
pub struct NotifySettings {
    /// The channels, by their order in the file.
    pub channels: Vec<ChannelSettings>,
    /// How notices of one episode are held together.
    pub grouping: Grouping,
}

impl NotifySettings {
    /// The channels, built. `sns` makes one for a topic's ARN, where this program can.
    ///
    /// # Errors
    /// Why a channel cannot be built.
    pub fn routes(
        self,
        outbound: &Outbound,
        clock: Clock,
        sns: impl Fn(String) -> Result<Box<dyn Channel>, String>,
    ) -> Result<Vec<Route>, String> {
        let build = |ChannelSettings { name, severities, changes, way }: ChannelSettings| {
            let channel: Box<dyn Channel> = match way {
                Way::Sns(topic) => sns(topic)?,
                Way::Webhook(url, secret) => Box::new(Webhook::new(outbound.clone(), url, &secret, clock)),
                Way::PagerDuty(key, endpoint) => {
                    let endpoint = endpoint.as_deref().unwrap_or(ENDPOINT);
                    Box::new(PagerDuty::new(outbound.clone(), endpoint, key, "banto".to_owned()))
                }
            };
            Ok(Route { name, channel, severities, changes })
        };
        self.channels.into_iter().map(build).collect()
    }
}

/// One channel.
#[derive(Clone, Debug)]
pub struct ChannelSettings {
    /// Its name.
    pub name: String,
    /// Which incidents it hears of.
    pub severities: Vec<Severity>,
    /// Whether it hears of remedies.
    pub changes: bool,
    /// What it is.
    pub way: Way,
}

/// What a channel is.
#[derive(Clone)]
pub enum Way {
    /// PagerDuty: routing key and another endpoint than its own.
    PagerDuty(String, Option<String>),
    /// SNS: the topic's ARN.
    Sns(String),
    /// A webhook: URL and secret.
    Webhook(String, String),
}

/// Says what it is and never the secret.
impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PagerDuty(..) => "PagerDuty",
            Self::Sns(..) => "SNS",
            Self::Webhook(..) => "Webhook",
        })
    }
}

impl RawNotify {
    /// Checks every channel; what is wrong is noted, and hides no other.
    pub fn validate(self, document: &Document, problems: &mut Problems) -> NotifySettings {
        let mut names = std::collections::BTreeSet::new();
        let mut channels = Vec::new();
        for raw in self.channels {
            if !names.insert(raw.name.value.clone()) {
                let what = format!("two channels are called `{}`. Rename one of them", raw.name.value);
                problems.add(&document.place_of(&raw.name), what);
            }
            channels.extend(raw.validate(document, problems));
        }
        let usual = Grouping::default();
        let grouping = Grouping {
            wait: self.group_wait.map_or(usual.wait, |span| span.0),
            interval: self.group_interval.map_or(usual.interval, |span| span.0),
            repeat: self.repeat_interval.map_or(usual.repeat, |span| span.0),
        };
        NotifySettings { channels, grouping }
    }
}

impl RawChannel {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<ChannelSettings> {
        let place = document.place_of(&self.name);
        if self.severities.is_empty() {
            let what = format!(
                "`{}` hears of no severity at all. Name one, or leave `severities` out for all",
                self.name.value
            );
            problems.add(&place, what);
        }
        let way = match (self.pagerduty, self.sns, self.webhook) {
            (Some(raw), None, None) => Way::PagerDuty(raw.routing_key.fetch(document, problems)?, raw.endpoint),
            (None, Some(raw), None) => raw.validate(document, problems)?,
            (None, None, Some(raw)) => raw.validate(document, problems)?,
            _ => {
                let what = format!("`{}` must have exactly one of `pagerduty`, `sns` and `webhook`", self.name.value);
                problems.add(&place, what);
                return None;
            }
        };
        Some(ChannelSettings { name: self.name.value, severities: self.severities, changes: self.changes, way })
    }
}

impl RawSns {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Way> {
        if self.topic.value.starts_with("arn:") {
            return Some(Way::Sns(self.topic.value));
        }
        let what = format!("`{}` is not a topic's ARN: write `arn:aws:sns:REGION:ACCOUNT:NAME`", self.topic.value);
        problems.add(&document.place_of(&self.topic), what);
        None
    }
}

impl RawWebhook {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Way> {
        let url = &self.url.value;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            problems.add(&document.place_of(&self.url), format!("`{url}` is not a URL: write `https://…`"));
            return None;
        }
        Some(Way::Webhook(self.url.value, self.secret.fetch(document, problems)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (NotifySettings, Vec<String>) {
        let mut problems = Problems::default();
        let document = Document::split("banto.yaml", text).remove(0);
        let raw: RawNotify = document.read(&mut problems).unwrap_or_default();
        let settings = raw.validate(&document, &mut problems);
        (settings, problems.sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_good_channels_stay() {
        let (settings, problems) = read(
            "channels:\n  - name: mail\n    sns: { topic: mail }\n  - name: pager\n  - name: hook\n    sns: { topic: 'arn:aws:sns:a:1:t' }\n",
        );
        assert_eq!(settings.channels.len(), 1);
        assert_eq!(
            problems,
            [
                "banto.yaml:3:19: `mail` is not a topic's ARN: write `arn:aws:sns:REGION:ACCOUNT:NAME`",
                "banto.yaml:4:11: `pager` must have exactly one of `pagerduty`, `sns` and `webhook`",
            ]
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let way = Way::Webhook("https://example.com".into(), "s3cret".into());
        assert!(!format!("{way:?}").contains("s3cret"));
    }
}
