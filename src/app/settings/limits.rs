//! `limits:`: how much is let in and kept.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    config::{document::Document, problem::Problems},
    engine::admit::{Admitted, Limit, Share, Shares},
    units::{Bytes, Ratio, TimeSpan},
};

/// What a file may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    rate: u64,
    burst: u64,
    tiers: RawTiers,
    per_user: Option<RawLimit>,
    per_network: Option<RawLimit>,
    queue: TimeSpan,
    body: Bytes,
    cache: Bytes,
    entries: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    rate: f64,
    burst: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTiers {
    premium: RawShare,
    registered: RawShare,
    anonymous: RawShare,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawShare {
    kept: Option<Ratio>,
    most: Option<Ratio>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            rate: 2_000,
            burst: 4_000,
            tiers: RawTiers::default(),
            per_user: Some(RawLimit { rate: 2.0, burst: 20.0 }),
            per_network: None,
            queue: TimeSpan::secs(5),
            body: Bytes(8 << 20),
            cache: Bytes(256 << 20),
            entries: 500_000,
        }
    }
}

/// How much is let in and kept.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests a second; of the fleet, where there is a shared store.
    pub rate: u64,
    /// Requests at once above the rate.
    pub burst: u64,
    /// How the rate is divided among tiers.
    pub shares: Shares,
    /// Rate and burst of one user; `None` for no such limit.
    pub per_user: Option<Limit>,
    /// Rate and burst of one network; `None` for no such limit.
    pub per_network: Option<Limit>,
    /// The longest wait of a request over the rate.
    pub queue: Duration,
    /// The largest request.
    pub body: u64,
    /// Bytes of cached answers in this process.
    pub cache: u64,
    /// Cached answers.
    pub entries: u64,
}

impl Limits {
    /// What admission needs to know; `shared` when the limits hold for a fleet.
    pub fn admitted(&self, shared: bool) -> Admitted {
        Admitted {
            all: Limit { rate: self.rate as f64, burst: self.burst as f64 },
            shares: self.shares,
            per_user: self.per_user,
            per_network: self.per_network,
            queue: self.queue,
            shared,
        }
    }
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> Limits {
        let positive = |number: f64| number > 0.0 && number.is_finite();
        let own = [&self.per_user, &self.per_network];
        let sound = own.into_iter().flatten().all(|limit| positive(limit.rate) && positive(limit.burst));
        if self.rate == 0 || self.burst == 0 || !sound {
            problems.add(&document.find("limits"), "a limit of 0 lets nobody in; use 1 or more");
        }
        let limit = |raw: RawLimit| Limit { rate: raw.rate, burst: raw.burst };
        Limits {
            rate: self.rate,
            burst: self.burst,
            shares: self.tiers.validate(document, problems),
            per_user: self.per_user.map(limit),
            per_network: self.per_network.map(limit),
            queue: self.queue.0,
            body: self.body.0,
            cache: self.cache.0,
            entries: self.entries,
        }
    }
}

impl RawTiers {
    fn validate(self, document: &Document, problems: &mut Problems) -> Shares {
        let usual = Shares::default();
        let share = |raw: RawShare, usual: Share| Share {
            kept: raw.kept.map_or(usual.kept, Ratio::as_f64),
            most: raw.most.map_or(usual.most, Ratio::as_f64),
        };
        let shares = Shares {
            premium: share(self.premium, usual.premium),
            registered: share(self.registered, usual.registered),
            anonymous: share(self.anonymous, usual.anonymous),
        };
        let all = [shares.premium, shares.registered, shares.anonymous];
        if all.iter().map(|share| share.kept).sum::<f64>() > 1.0 + 1e-9 {
            problems.add(
                &document.find("tiers"),
                "what is kept for all tiers is more than there is; let `kept` add up to 1 at most",
            );
        }
        if all.iter().any(|share| share.most <= 0.0 || share.kept > share.most) {
            problems.add(
                &document.find("tiers"),
                "a tier cannot have more kept than it may use at most, nor nothing at all; raise its `most`",
            );
        }
        shares
    }
}
