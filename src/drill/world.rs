//! The world around the fleet: models that are slow, throttled or down, a store that fills up or is lost, an embedding model
//! that loses its sense for differences.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    engine::model::simulated::profile::{Capacity, Fault, Profile},
    units::{Ratio, TimeSpan},
};

/// How a model differs from its usual self; what is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Time to the first token.
    pub first_token: Option<TimeSpan>,
    /// Time for each further token.
    pub per_token: Option<TimeSpan>,
    /// How long an unused prefix stays in its prompt cache.
    pub keeps_prefix: Option<TimeSpan>,
    /// What it can bear.
    pub capacity: Option<Capacity>,
    /// What is wrong with it.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

impl Condition {
    /// What a model with this usual self is like in this condition.
    pub fn of(&self, usual: &Profile) -> Profile {
        let mut profile = usual.clone();
        profile.first_token = self.first_token.unwrap_or(profile.first_token);
        profile.per_token = self.per_token.unwrap_or(profile.per_token);
        profile.keeps_prefix = self.keeps_prefix.unwrap_or(profile.keeps_prefix);
        profile.capacity = self.capacity.or(profile.capacity);
        profile.faults.extend(self.faults.iter().cloned());
        profile
    }

    /// In words, after the model's name: `takes 2100ms to the first token, throttles 30 % of calls`.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.first_token.map(|span| format!("takes {span} to the first token")));
        words.extend(self.per_token.map(|span| format!("takes {span} a token")));
        words.extend(self.keeps_prefix.map(|span| format!("keeps a prompt's prefix for {span}")));
        words.extend(self.capacity.map(|capacity| format!("bears {} calls a second", capacity.per_second)));
        words.extend(self.faults.iter().map(|fault| {
            let kind = serde_json::to_value(fault.kind).ok().and_then(|kind| Some(kind.as_str()?.replace('_', " ")));
            let share = fault.share.as_f64() * 100.0;
            format!("answers {share} % of calls with {}", kind.unwrap_or_default())
        }));
        if words.is_empty() { "is its usual self again".into() } else { words.join(", ") }
    }
}

/// How the resolver of a zone differs from its usual self; what is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolving {
    /// How long a look-up takes.
    pub takes: Option<TimeSpan>,
    /// The share of look-ups that it fails.
    #[serde(default)]
    pub fails: Ratio,
}

impl Resolving {
    /// In words, after its name.
    pub fn words(&self) -> String {
        let takes = self.takes.map(|span| format!("takes {span}"));
        let fails = (self.fails > Ratio::ZERO).then(|| format!("fails {} % of look-ups", self.fails.as_f64() * 100.0));
        let words: Vec<_> = takes.into_iter().chain(fails).collect();
        if words.is_empty() { "is its usual self again".into() } else { words.join(" and ") }
    }
}

/// How long the store takes to write, from empty to full. Between the two it grows by the same factor for each part of the
/// memory that fills up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// When it is empty.
    pub empty: Duration,
    /// When it is full.
    pub full: Duration,
}

impl Pace {
    /// How long a write takes when this share of the memory is used.
    pub fn write(&self, fill: f64) -> Duration {
        let (empty, full) = (self.empty.as_secs_f64().max(1e-6), self.full.as_secs_f64().max(1e-6));
        Duration::from_secs_f64(empty * (full / empty).powf(fill.clamp(0.0, 1.0)))
    }
}

/// How the guardrail service looks at a passage: with so many filters, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// How many.
    pub filters: u64,
    /// How long each takes.
    pub per_filter: Duration,
}

impl Inspection {
    /// How long all of them take.
    pub fn takes(&self) -> Duration {
        self.per_filter.saturating_mul(self.filters as u32)
    }
}

/// What happens to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreTurn {
    /// It fails over to a replica that had nothing yet.
    Emptied,
    /// Nobody reaches it.
    Down,
    /// It accepts everything and answers nothing. Who asks it waits until its silence is noticed; then it is as if it were down.
    Frozen,
    /// It is its usual self again.
    Up,
}

impl StoreTurn {
    /// In words, after the store's name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Emptied => "fails over to an empty replica",
            Self::Down => "cannot be reached",
            Self::Frozen => "freezes: it accepts connections and answers nothing",
            Self::Up => "is its usual self again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_as_slow_as_it_is_full() {
        let pace = Pace { empty: Duration::from_millis(2), full: Duration::from_millis(32) };
        assert_eq!([0.0, 0.5, 1.0].map(|fill| pace.write(fill).as_millis()), [2, 8, 32]);
    }

    #[test]
    fn filters_look_one_after_the_other() {
        let inspection = Inspection { filters: 12, per_filter: Duration::from_millis(40) };
        assert_eq!(inspection.takes(), Duration::from_millis(480));
    }

    #[test]
    fn what_is_left_out_is_as_usual_and_an_empty_condition_is_the_usual_self() {
        let usual = Profile { per_token: TimeSpan::millis(14), ..Profile::default() };
        let busy: Condition = serde_saphyr::from_str("{ first_token: 2s, faults: [{ kind: throttle, share: 0.3 }] }")
            .expect("a condition");
        let now = busy.of(&usual);
        assert_eq!((now.first_token, now.per_token, now.faults.len()), (TimeSpan::secs(2), TimeSpan::millis(14), 1));
        assert_eq!(busy.words(), "takes 2s to the first token, answers 30 % of calls with throttle");
        assert_eq!(Condition::default().of(&usual), usual);
    }
}
