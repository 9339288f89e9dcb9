//! Entries to try the stores with.

use std::time::Duration;

use bytes::Bytes;

use super::{Entry, Shape, Tag};
use crate::{clock::Timestamp, digest::Digest};

/// An entry about `question`, fresh for a minute and kept for an hour since the epoch, with these tags.
pub(super) fn entry(question: &str, tags: &[(&str, u64)]) -> Entry {
    let stored_at = Timestamp(0);
    Entry {
        key: key(question),
        tenant: "shop".into(),
        intent: "faq".into(),
        entities: vec!["dragon ball".into()],
        question: question.to_owned(),
        frame: Some((key("frame"), vec![-3, 0, 127])),
        shape: Shape::Body,
        chunks: vec![Bytes::from_static(b"{\"answer\":42}")],
        model: "primary".into(),
        stored_at,
        fresh_until: stored_at + Duration::from_secs(60),
        keep_until: stored_at + Duration::from_secs(3_600),
        tags: tags.iter().map(|(tag, generation)| (Tag((*tag).into()), *generation)).collect(),
    }
}

/// The key of a question.
pub(super) fn key(question: &str) -> Digest {
    Digest::of([question.as_bytes()])
}
