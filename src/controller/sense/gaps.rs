//! Sources that fail, lag or are throttled: each is a named gap, never a silent zero.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::Timestamp,
    telemetry::{catalogue, registry::Registry},
};

/// How every source stands.
#[derive(Debug, Default)]
pub struct Gaps(BTreeMap<String, Health>);

#[derive(Debug)]
struct Health {
    /// Longer silence than this is a gap.
    patience: Duration,
    delivered: Option<Timestamp>,
    failing: Option<Failing>,
    since: Timestamp,
}

#[derive(Debug)]
struct Failing {
    since: Timestamp,
    why: String,
}

impl Gaps {
    /// Expects a source to deliver at least this often from now on.
    pub fn expect(&mut self, source: &str, patience: Duration, now: Timestamp) {
        let fresh = Health { patience, delivered: None, failing: None, since: now };
        self.0.entry(source.to_owned()).or_insert(fresh).patience = patience;
    }

    /// A source is gone on purpose.
    pub fn forget(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// A source delivered: whatever was wrong is over.
    pub fn delivered(&mut self, source: &str, now: Timestamp) {
        if let Some(health) = self.0.get_mut(source) {
            health.delivered = Some(now);
            health.failing = None;
        }
    }

    /// A source failed; `why` is a sentence for people.
    pub fn failed(&mut self, source: &str, why: impl Into<String>, now: Timestamp) {
        if let Some(health) = self.0.get_mut(source) {
            let since = health.failing.as_ref().map_or(now, |failing| failing.since);
            health.failing = Some(Failing { since, why: why.into() });
        }
    }

    /// Why a source cannot be trusted now; `None` when it can, or when nobody expects it.
    pub fn of(&self, source: &str, now: Timestamp) -> Option<String> {
        let health = self.0.get(source)?;
        if let Some(Failing { since, why }) = &health.failing {
            return Some(format!("{source} has failed for {} s: {why}", now.since(*since).as_secs()));
        }
        let silent = now.since(health.delivered.unwrap_or(health.since));
        (silent > health.patience).then(|| format!("{source} has delivered nothing for {} s", silent.as_secs()))
    }

    /// Every source whose name starts like this and cannot be trusted now, with the reason; and how many there are.
    pub fn among(&self, prefix: &str, now: Timestamp) -> (Vec<String>, usize) {
        let names: Vec<_> = self.0.keys().filter(|name| name.starts_with(prefix)).collect();
        (names.iter().filter_map(|name| self.of(name, now)).collect(), names.len())
    }

    /// Shows how every source stands in `controller.source_up`.
    pub fn show(&self, registry: &Registry, now: Timestamp) {
        for source in self.0.keys() {
            let up = if self.of(source, now).is_none() { 1.0 } else { 0.0 };
            registry.gauge(&catalogue::SOURCE_UP, &[source]).set(up);
        }
    }

    /// How every source stands, for people: its name and what is wrong, if anything.
    pub fn all(&self, now: Timestamp) -> Vec<(String, Option<String>)> {
        self.0.keys().map(|name| (name.clone(), self.of(name, now))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_falls_silent_is_a_gap_with_its_name() {
        let mut gaps = Gaps::default();
        gaps.expect("cloudwatch", Duration::from_secs(180), Timestamp(0));
        gaps.delivered("cloudwatch", Timestamp(60_000));
        assert_eq!(gaps.of("cloudwatch", Timestamp(240_000)), None);
        let gap = gaps.of("cloudwatch", Timestamp(241_000));
        assert_eq!(gap.as_deref(), Some("cloudwatch has delivered nothing for 181 s"));
    }

    #[test]
    fn a_failure_counts_from_its_first_time_and_ends_with_the_next_delivery() {
        let mut gaps = Gaps::default();
        gaps.expect("logs", Duration::from_secs(60), Timestamp(0));
        gaps.failed("logs", "throttled", Timestamp(1_000));
        gaps.failed("logs", "throttled", Timestamp(9_000));
        assert_eq!(gaps.of("logs", Timestamp(11_000)).as_deref(), Some("logs has failed for 10 s: throttled"));
        gaps.delivered("logs", Timestamp(12_000));
        assert_eq!(gaps.of("logs", Timestamp(12_000)), None);
    }
}
