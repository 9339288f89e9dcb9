//! An entry as an operator sees it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    digest::Digest,
    ids::{IntentId, TenantId},
    store::{About, Entry, Shape},
};

/// The longest answer shown, in characters.
const PREVIEW: usize = 2_000;

/// An entry in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its key.
    pub key: Digest,
    /// What it is about.
    pub intent: IntentId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The question, as asked.
    pub question: String,
    /// Its entities.
    pub entities: Vec<Arc<str>>,
    /// The model that answered.
    pub model: Arc<str>,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Until when it is fresh.
    pub fresh_until: Timestamp,
    /// Until when it may be served stale.
    pub keep_until: Timestamp,
    /// What it takes in the store.
    pub bytes: u64,
    /// Answers served from it.
    pub hits: u64,
    /// When the last of them was noted.
    pub last_hit: Option<Timestamp>,
}

/// One entry with everything that is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inspected {
    /// What a list shows of it.
    #[serde(flatten)]
    pub entry: Listed,
    /// The answer's words, cut after some thousand characters.
    pub answer: String,
    /// Whether it may be found by meaning.
    pub semantic: bool,
    /// Hits for each kilobyte.
    pub value: f64,
    /// What it is invalidated by.
    pub tags: Vec<TagShown>,
}

/// A tag of an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TagShown {
    /// Its name.
    pub tag: Arc<str>,
    /// Its generation when the fill began.
    pub then: u64,
    /// And now; a larger one makes the entry void.
    pub now: u64,
}

impl Listed {
    /// An entry beside what the ledger says of it, if that is still there.
    pub(super) fn of(entry: &Entry, about: Option<&About>) -> Self {
        Self {
            key: entry.key,
            intent: entry.intent.clone(),
            tenant: entry.tenant.clone(),
            question: entry.question.clone(),
            entities: entry.entities.clone(),
            model: entry.model.clone(),
            stored_at: entry.stored_at,
            fresh_until: entry.fresh_until,
            keep_until: entry.keep_until,
            bytes: about.map_or_else(|| entry.size(), |about| about.bytes),
            hits: about.map_or(0, |about| about.hits),
            last_hit: about.and_then(|about| about.last_hit),
        }
    }
}

/// The words of an answer, whichever wire format it is kept in; its bytes as text where there are none.
pub(super) fn words(entry: &Entry) -> String {
    let mut text = String::new();
    for chunk in &entry.chunks {
        let json: Option<serde_json::Value> = serde_json::from_slice(chunk).ok();
        let pointer = match entry.shape {
            Shape::Body => "/choices/0/message/content",
            Shape::Events => "/choices/0/delta/content",
        };
        match json.as_ref().map(|json| json.pointer(pointer).and_then(|words| words.as_str())) {
            Some(Some(words)) => text.push_str(words),
            Some(None) if entry.shape == Shape::Events => {}
            _ => text.push_str(&String::from_utf8_lossy(chunk)),
        }
        if text.len() > 4 * PREVIEW {
            break;
        }
    }
    match text.char_indices().nth(PREVIEW) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
