//! A request as it was asked, in words that belong to no wire format.
//!
//! The bytes stay as they came and travel on to the model untouched; what the engine needs to know of them stands beside.

use std::{net::IpAddr, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;

use super::dialect::Dialect;
use crate::{
    digest::Digest,
    ids::{IntentId, TenantId},
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose entries and limits apply.
    pub tenant: TenantId,
    /// The end user, if the caller says; opaque.
    pub user: Option<Arc<str>>,
    /// Which share of the limits applies.
    pub tier: Tier,
    /// The client's address, where it is known: see `api/address.rs`.
    pub address: Option<IpAddr>,
}

/// Which share of the limits applies to a caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Paying.
    Premium,
    /// Known.
    Registered,
    /// Everybody else.
    #[default]
    Anonymous,
}

impl Tier {
    /// All of them, those who are served first in front.
    pub const ALL: [Self; 3] = [Self::Premium, Self::Registered, Self::Anonymous];

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Premium => "premium",
            Self::Registered => "registered",
            Self::Anonymous => "anonymous",
        }
    }
}

/// What the caller said about caching (`Cache-Control` and `X-Banto-*` request headers).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The intent, when the caller knows it.
    pub intent: Option<IntentId>,
    /// The entities (titles, product ids), when the caller knows them.
    pub entities: Option<Vec<String>>,
    /// Tags to invalidate the answer by, beside those of its entities.
    pub tags: Vec<String>,
    /// A time to live instead of the intent's; never longer than the intent's.
    pub ttl: Option<Duration>,
    /// `no-cache`: do not answer from the cache.
    pub no_cache: bool,
    /// `no-store`: do not keep the answer.
    pub no_store: bool,
    /// `only-if-cached`: never ask a model.
    pub only_if_cached: bool,
    /// The answer is of no use when it has to wait longer for its turn than this.
    pub within: Option<Duration>,
    /// The prompt that Banto is to put in front.
    pub prompt: Option<String>,
}

/// Why semantic recall does not apply to a request, whatever its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotAlone {
    /// More than one choice is asked for.
    SeveralChoices,
    /// Tools are offered or a tool call is under way.
    Tools,
    /// The last message is not a user's, or not plain text.
    NotAQuestion,
    /// The words point at something unseen ("it", "my order", "today").
    UnseenReferent,
    /// The caller or the intent does not allow it.
    NotAllowed,
}

impl NotAlone {
    /// The reason in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::SeveralChoices => "several choices",
            Self::Tools => "tools",
            Self::NotAQuestion => "not a question",
            Self::UnseenReferent => "unseen referent",
            Self::NotAllowed => "not allowed",
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The format it came in, which is the format of its answer.
    pub dialect: Dialect,
    /// The request's body, as it came.
    pub body: Bytes,
    /// Where in the body the model's name stands, quotes included; empty where the format does not put it there.
    pub model: Range<usize>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether the caller wants a stream to end with its usage.
    pub include_usage: bool,
    /// Whether to ask the model for usage all the same: a stream whose request has no `stream_options`.
    pub ask_usage: bool,
    /// Who asks.
    pub caller: Caller,
    /// The last user message's text; empty when there is none.
    pub text: String,
    /// Everything beside `text` that can change the answer: model asked for, system prompt, earlier turns, tools, response
    /// format, sampling, and the wire format. Neither the caller nor `stream` is part of it.
    pub context: Digest,
    /// Why semantic recall does not apply, as far as the wire format tells.
    pub not_alone: Option<NotAlone>,
    /// What the caller said about caching.
    pub hints: Hints,
    /// The version of the prompt that Banto has put in front.
    pub prompt: Option<Arc<str>>,
}

impl Asked {
    /// The body with another model name in it, and with usage asked for at the end of a stream that says nothing about
    /// it; the same bytes when nothing differs.
    pub fn body_for(&self, model: &str) -> Bytes {
        let name = serde_json::Value::from(model).to_string();
        let usage = if self.ask_usage { ",\"stream_options\":{\"include_usage\":true}" } else { "" };
        if !self.ask_usage && self.body.get(self.model.clone()) == Some(name.as_bytes()) {
            return self.body.clone();
        }
        let mut body = Vec::with_capacity(self.body.len() + name.len() + usage.len());
        body.extend_from_slice(&self.body[..self.model.start]);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(usage.as_bytes());
        body.extend_from_slice(&self.body[self.model.end..]);
        body.into()
    }
}
