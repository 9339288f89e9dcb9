//! One pair on its way through recall.

use bytes::Bytes;

use super::pairs::LabelledPair;
use crate::{
    clock::Timestamp,
    digest::Digest,
    engine::{
        asked::{Asked, Caller, Hints, NotAlone, Tier},
        recall::{
            embed::{EmbedError, Embedder, of_length, quantise},
            index::{Bounds, Group, Index, Slot},
        },
        understand::{Understanding, question::Question, signature::Gate},
    },
    units::Ratio,
};

/// What came of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Whether one answer is right for both.
    pub same: bool,
    /// What kind of pair it is, as the file says.
    pub kind: String,
    /// The threshold of its intent.
    pub threshold: Ratio,
    /// How the pair fared.
    pub course: Course,
    /// How alike the two are as they were asked, nothing masked; `None` when there is nothing to compare.
    pub raw: Option<f32>,
}

/// How far a pair came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Course {
    /// Both are the same question in another spelling: an exact hit.
    Exact,
    /// The two were never compared.
    Apart(Apart),
    /// They were compared; the first gate that refuses, if one does.
    Compared {
        /// How alike their frames are.
        similarity: f32,
        /// The gate.
        refused: Option<Gate>,
    },
}

/// Why two questions were never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apart {
    /// One of them must not be found by meaning.
    NotAlone(NotAlone),
    /// They are about different things.
    Intent,
    /// They name different titles.
    Title,
    /// There is nothing in the frame to compare.
    NoVector,
}

impl Trial {
    /// Whether the kept answer is served at this threshold.
    pub fn hits(&self, threshold: Ratio) -> bool {
        match self.course {
            Course::Exact => true,
            Course::Apart(_) => false,
            Course::Compared { similarity, refused } => {
                refused.is_none() && f64::from(similarity) >= threshold.as_f64()
            }
        }
    }

    /// Whether it would be served at this threshold with the partition (intent, titles) but without the gates.
    pub fn hits_ungated(&self, threshold: Ratio) -> bool {
        match self.course {
            Course::Compared { similarity, .. } => f64::from(similarity) >= threshold.as_f64(),
            _ => self.hits(threshold),
        }
    }

    /// Whether the questions as they were asked are so much alike, and nothing else is looked at.
    pub fn hits_raw(&self, threshold: Ratio) -> bool {
        self.raw.is_some_and(|similarity| f64::from(similarity) >= threshold.as_f64())
    }
}

/// Replays one pair.
///
/// # Errors
/// What the embedder says; the pair has no result then.
pub async fn replay(pair: &LabelledPair, shop: &Understanding, embedder: &dyn Embedder) -> Result<Trial, EmbedError> {
    let [kept, asked] = [&pair.kept, &pair.asked].map(|text| shop.question(request(text)));
    let raw = compare(embedder, &pair.kept, &pair.asked).await?;
    Ok(Trial {
        same: pair.same,
        kind: pair.kind.clone(),
        threshold: asked.intent.threshold,
        course: course(&kept, &asked, embedder).await?,
        raw,
    })
}

async fn course(kept: &Question, asked: &Question, embedder: &dyn Embedder) -> Result<Course, EmbedError> {
    if kept.key == asked.key {
        return Ok(Course::Exact);
    }
    if let Some(why) = asked.not_alone.or(kept.not_alone) {
        return Ok(Course::Apart(Apart::NotAlone(why)));
    }
    if kept.partition != asked.partition {
        let apart = if kept.intent.index == asked.intent.index { Apart::Title } else { Apart::Intent };
        return Ok(Course::Apart(apart));
    }
    let refused = asked.signature.differs(&kept.signature);
    let similarity = compare(embedder, &kept.frame_text, &asked.frame_text).await?;
    Ok(similarity.map_or(Course::Apart(Apart::NoVector), |similarity| Course::Compared { similarity, refused }))
}

/// How alike the index finds two texts.
async fn compare(embedder: &dyn Embedder, kept: &str, asked: &str) -> Result<Option<f32>, EmbedError> {
    let (Some(kept), Some(asked)) = (vector(embedder, kept).await?, vector(embedder, asked).await?) else {
        return Ok(None);
    };
    let index = Index::new(embedder.dimensions(), Bounds { partition: 1, total: 1 });
    let (partition, end) = (Digest::of([&b"trial"[..]]), Timestamp(i64::MAX));
    let slot = Slot { key: partition, signature: Default::default(), fresh_until: end, keep_until: end };
    let group = Group::of(partition, &slot.signature);
    index.add(partition, slot, &kept);
    let found = index.nearest(&group, &asked, f32::MIN, 1, |_| true);
    Ok(found.first().map(|candidate| candidate.similarity))
}

async fn vector(embedder: &dyn Embedder, text: &str) -> Result<Option<Vec<i8>>, EmbedError> {
    let vector = of_length(embedder.embed(text).await?, embedder.dimensions())?;
    Ok(quantise(&vector))
}

/// A request that says nothing but its text.
fn request(text: &str) -> Asked {
    Asked {
        dialect: crate::engine::dialect::Dialect::OpenAi,
        body: Bytes::new(),
        model: 0..0,
        stream: false,
        include_usage: false,
        ask_usage: false,
        caller: Caller {
            tenant: "evaluation".into(),
            user: Some("somebody".into()),
            tier: Tier::Anonymous,
            address: None,
        },
        text: text.to_owned(),
        context: Digest::of([&b"evaluation"[..]]),
        not_alone: None,
        hints: Hints::default(),
        prompt: None,
    }
}
