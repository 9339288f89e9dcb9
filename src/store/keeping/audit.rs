//! The audit: what the store holds by time to live, which intents keep their answers far longer than anybody asks for them,
//! and when it will be full.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Removed,
    budgets::Enforcement,
    forecast::{Flow, Forecast, Purse, forecast},
    ripe::Ripeness,
    walk::{Walk, walk},
};
use crate::{
    clock::Timestamp,
    ids::IntentId,
    store::{About, Store, StoreError, Usage},
    units::TimeSpan,
};

/// The upper ends of the buckets by time to live; the last takes what lives longer.
const BUCKETS: [(u64, &str); 7] = [
    (5 * 60, "up to 5 min"),
    (15 * 60, "up to 15 min"),
    (3_600, "up to 1 h"),
    (4 * 3_600, "up to 4 h"),
    (86_400, "up to 1 day"),
    (7 * 86_400, "up to 7 days"),
    (u64::MAX, "longer"),
];
/// Fewer entries than this say nothing about an intent.
const ENOUGH: u64 = 20;
/// A time to live this many times as long as the access pattern is far too long.
const FAR: f64 = 4.0;
/// An intent most of whose ripe entries were never asked for.
const MOSTLY_UNUSED: f64 = 0.8;
/// Entries younger than this have had no chance yet.
const RIPE: Duration = Duration::from_secs(3_600);

/// What the store holds and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// When it was looked at.
    pub at: Timestamp,
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Used and limit of the store's memory; `None` without a limit.
    pub used_of: Option<(u64, u64)>,
    /// Entries by time to live, shortest first.
    pub buckets: Vec<Bucket>,
    /// Each intent, the largest first.
    pub intents: Vec<OfIntent>,
    /// When the store is full if it goes on like today.
    pub forecast: Forecast,
}

/// The entries whose time to live is in one range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Which range, in words.
    pub ttl: String,
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How one intent's entries are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfIntent {
    /// Which.
    pub intent: IntentId,
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Answers served from them.
    pub hits: u64,
    /// Entries older than an hour that nobody ever asked for.
    pub never_hit: u64,
    /// Entries older than an hour.
    pub ripe: u64,
    /// Hits for each kilobyte.
    pub value: f64,
    /// Their time to live, on average.
    pub ttl: TimeSpan,
    /// Time between two hits of one entry, on average; `None` without any.
    pub between_hits: Option<TimeSpan>,
    /// How old 95 of 100 entries that are asked for are at their last hit so far; `None` without any.
    pub asked_until: Option<TimeSpan>,
    /// What is wrong with it and what to do; `None` when nothing is.
    pub finding: Option<String>,
}

impl Audit {
    /// Looks at the whole ledger. `enforcement` is what keeps intents within their budgets; `None` when nothing does.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn of(store: &dyn Store, now: Timestamp, enforcement: Option<&Enforcement>) -> Result<Self, StoreError> {
        let usage = store.usage().await?;
        let mut tally = Tally::default();
        walk(store, &mut Removed::default(), |page, _| {
            page.iter().for_each(|about| tally.add(about, now));
            Walk::default()
        })
        .await?;
        let purses = tally.purses(enforcement, &usage);
        let mut intents: Vec<_> = tally.intents.into_iter().map(|(intent, of)| of.judged(intent)).collect();
        intents.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.intent.cmp(&b.intent)));
        let buckets = BUCKETS.iter().zip(tally.buckets);
        Ok(Self {
            at: now,
            entries: tally.entries,
            bytes: tally.bytes,
            used_of: usage.used_of,
            buckets: buckets
                .map(|((_, ttl), (entries, bytes))| Bucket { ttl: (*ttl).into(), entries, bytes })
                .collect(),
            forecast: forecast(&purses, usage.used_of, usage.most_entries, enforcement),
            intents,
        })
    }
}

#[derive(Debug, Default)]
struct Tally {
    entries: u64,
    bytes: u64,
    buckets: [(u64, u64); BUCKETS.len()],
    intents: BTreeMap<IntentId, Of>,
}

#[derive(Debug, Default)]
struct Of {
    flow: Flow,
    hits: u64,
    never_hit: u64,
    ripe: u64,
    ttl: f64,
    between: f64,
    asked: Ripeness,
}

impl Tally {
    /// The intents by the budget that they share; without budgets each has a purse without an end.
    fn purses(&self, enforcement: Option<&Enforcement>, usage: &Usage) -> Vec<Purse> {
        let mut purses: BTreeMap<&str, Purse> = BTreeMap::new();
        for (intent, of) in &self.intents {
            let purse = enforcement.map_or(&**intent, |it| it.shares.purse(intent));
            purses.entry(purse).or_default().flows.push(of.flow);
        }
        for stands in enforcement.map(|it| it.shares.standing(usage)).unwrap_or_default() {
            if let Some(purse) = purses.get_mut(&*stands.intent) {
                purse.budget = stands.budget;
            }
        }
        purses.into_values().collect()
    }

    fn add(&mut self, about: &About, now: Timestamp) {
        self.entries += 1;
        self.bytes += about.bytes;
        let ttl = about.ttl().as_secs();
        let bucket = BUCKETS.iter().position(|(most, _)| ttl <= *most).unwrap_or(BUCKETS.len() - 1);
        self.buckets[bucket].0 += 1;
        self.buckets[bucket].1 += about.bytes;
        self.intents.entry(about.intent.clone()).or_default().add(about, now);
    }
}

impl Of {
    fn add(&mut self, about: &About, now: Timestamp) {
        self.flow.add(about, now);
        self.hits += about.hits;
        self.ttl += about.ttl().as_secs_f64();
        let is_ripe = about.age(now) > RIPE;
        self.ripe += u64::from(is_ripe);
        self.never_hit += u64::from(is_ripe && about.hits == 0);
        if let Some(last) = about.last_hit {
            let until = last.since(about.stored_at);
            self.between += until.as_secs_f64();
            self.asked.add(until);
        }
    }

    fn judged(self, intent: IntentId) -> OfIntent {
        let Flow { entries, bytes, .. } = self.flow;
        let ttl = self.ttl / entries.max(1) as f64;
        let asked_until = self.asked.most();
        OfIntent {
            entries,
            bytes,
            hits: self.hits,
            never_hit: self.never_hit,
            ripe: self.ripe,
            value: self.hits as f64 * 1024.0 / bytes.max(1) as f64,
            ttl: whole(ttl),
            between_hits: (self.hits > 0).then(|| whole(self.between / self.hits as f64)),
            asked_until: asked_until.map(|span| whole(span.as_secs_f64())),
            finding: finding(&intent, self.ripe, self.never_hit, ttl, asked_until),
            intent,
        }
    }
}

/// What is wrong with an intent's time to live. Young entries accuse nobody.
fn finding(intent: &IntentId, ripe: u64, never_hit: u64, ttl: f64, asked_until: Option<Duration>) -> Option<String> {
    if ripe < ENOUGH {
        return None;
    }
    let unused = never_hit as f64 / ripe as f64;
    match asked_until.map(|span| span.as_secs_f64()) {
        Some(until) if ttl > FAR * until.max(60.0) => Some(format!(
            "kept for {} and asked for within {}: `banto knobs set ttl.{intent} {}` frees most of it",
            whole(ttl),
            whole(until.max(60.0)),
            shorter(until)
        )),
        _ if unused > MOSTLY_UNUSED => Some(format!(
            "{:.0} % of it was never asked for: look for a part of the question that is never the same, or lower `budget.{intent}`",
            unused * 100.0
        )),
        _ => None,
    }
}

/// A round time to live that still covers most of what is asked for.
fn shorter(until: f64) -> TimeSpan {
    const ROUND: [u64; 9] = [5, 15, 30, 60, 120, 240, 480, 720, 1_440];
    let minutes = until * 1.5 / 60.0;
    TimeSpan::secs(60 * ROUND.into_iter().find(|round| *round as f64 >= minutes).unwrap_or(2 * 1_440))
}

/// In whole seconds; in whole minutes beyond an hour.
fn whole(seconds: f64) -> TimeSpan {
    let seconds = seconds.max(0.0).round() as u64;
    TimeSpan::secs(if seconds > 3_600 { seconds / 60 * 60 } else { seconds })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
