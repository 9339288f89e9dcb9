//! `sockets:`: what is allowed over WebSockets.

use serde::Deserialize;

use crate::{
    api::socket::Bounds,
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    units::{Bytes, TimeSpan},
};

/// What a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    connections: Option<usize>,
    questions: Option<usize>,
    messages: Option<RawRate>,
    message: Option<Bytes>,
    ping: Option<TimeSpan>,
    slow: Option<TimeSpan>,
    origins: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    rate: f64,
    burst: f64,
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> Bounds {
        let usual = Bounds::default();
        for origin in &self.origins {
            let bare = origin.value.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
            if origin.value != "*" && !bare {
                let what = format!(
                    "`{}` is no origin. Write scheme and host, as in https://shop.example, or `*`",
                    origin.value
                );
                problems.add(&document.place_of(origin), what);
            }
        }
        let bounds = Bounds {
            connections: self.connections.unwrap_or(usual.connections),
            questions: self.questions.unwrap_or(usual.questions),
            messages: self.messages.map_or(usual.messages, |it| (it.rate, it.burst)),
            message: self.message.map_or(usual.message, |size| usize::try_from(size.0).unwrap_or(usize::MAX)),
            ping: self.ping.map_or(usual.ping, |span| span.0),
            slow: self.slow.map_or(usual.slow, |span| span.0),
            origins: self.origins.into_iter().map(|origin| origin.value).collect(),
        };
        let (rate, burst) = bounds.messages;
        let sound = rate > 0.0 && rate.is_finite() && burst >= 1.0 && burst.is_finite() && bounds.questions > 0;
        if !sound || bounds.message < 1024 || bounds.ping.is_zero() || bounds.slow.is_zero() {
            let what = "nobody could say anything: give `questions`, `messages`, `ping` and `slow` more than 0, and `message` 1KB or more";
            problems.add(&document.find("sockets"), what);
        }
        bounds
    }
}
