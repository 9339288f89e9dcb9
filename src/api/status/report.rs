//! What the status page and the status API both tell. Pure: the same situation gives the same report.

use std::time::Duration;

use serde_json::{Value, json};

use super::words;
use crate::{
    clock::Timestamp,
    engine::{
        degrade::{language::Language, page::Page},
        model::{
            cascade::{Health, Situation},
            outages::Outage,
        },
    },
};

/// So many past incidents are listed, the newest first.
const INCIDENTS: usize = 20;

/// How things stand, in terms that mean something to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Report {
    pub(in crate::api) at: Timestamp,
    pub(in crate::api) health: Health,
    /// Only questions that were answered before get an answer, by decision.
    pub(in crate::api) cache_only: bool,
    /// Since when nobody answers new questions.
    pub(in crate::api) since: Option<Timestamp>,
    /// When they should be answered again; `None` when nobody knows.
    pub(in crate::api) recovery: Option<Timestamp>,
    /// Whether the main model, then each backup, answers.
    pub(in crate::api) parts: Vec<bool>,
    /// Past incidents, the newest first.
    pub(in crate::api) past: Vec<Outage>,
}

impl Report {
    pub(in crate::api) fn of(situation: &Situation) -> Self {
        let over = situation.outages.iter().rev().filter(|outage| outage.end.is_some());
        Self {
            at: situation.at,
            health: situation.health(),
            cache_only: situation.mode == "cache_only",
            since: situation.outage().map(|outage| outage.start),
            recovery: situation.recovery,
            parts: situation.up.clone(),
            past: over.copied().take(INCIDENTS).collect(),
        }
    }

    /// Whether new questions are answered.
    pub(in crate::api) fn answers(&self) -> bool {
        self.health != Health::Outage && !self.cache_only
    }

    /// Whether a user should hear of the difference: an estimate that runs down is none.
    pub(in crate::api) fn differs(&self, other: &Self) -> bool {
        (self.health, self.cache_only, self.since) != (other.health, other.cache_only, other.since)
            || self.recovery.is_some() != other.recovery.is_some()
    }

    /// How long until it should be over.
    pub(in crate::api) fn left(&self) -> Option<Duration> {
        self.recovery.map(|recovery| recovery.since(self.at))
    }

    pub(in crate::api) fn to_json(&self, page: &Page) -> Value {
        let both = |say: &dyn Fn(Language) -> Option<String>| {
            let said =
                Language::ALL.iter().filter_map(|language| Some((language.code().to_owned(), json!(say(*language)?))));
            Value::Object(said.collect())
        };
        let parts = self.parts.iter().enumerate().map(|(place, up)| {
            json!({ "name": words::part(Language::En, place), "status": if *up { "up" } else { "down" } })
        });
        let incidents = self.past.iter().map(|outage| {
            json!({ "start": outage.start.to_string(), "end": outage.end.map(|end| end.to_string()),
                "duration_s": outage.length(self.at).as_secs() })
        });
        json!({
            "status": self.health,
            "message": both(&|language| Some(words::headline(language, self).to_owned())),
            "since": self.since.map(|at| at.to_string()),
            "estimated_recovery": self.recovery.map(|at| at.to_string()),
            "estimated_recovery_s": self.left().map(|left| left.as_secs()),
            "components": parts.collect::<Vec<_>>(),
            "incidents": incidents.collect::<Vec<_>>(),
            "notice": both(&|language| page.notice(language).map(str::to_owned)),
            "updated_at": self.at.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(outages: Vec<Outage>) -> Situation {
        Situation { at: Timestamp(100_000), mode: "normal".into(), up: vec![true, false], outages, recovery: None }
    }

    #[test]
    fn an_outage_tells_since_when_and_until_when_it_should_last() {
        let open = Outage { start: Timestamp(40_000), end: None };
        let situation = Situation { recovery: Some(Timestamp(220_000)), ..situation(vec![open]) };
        let told = Report::of(&situation).to_json(&Page::default());
        assert_eq!((&told["status"], &told["estimated_recovery_s"]), (&json!("outage"), &json!(120)));
        assert_eq!((&told["since"], &told["incidents"]), (&json!("1970-01-01T00:00:40Z"), &json!([])));
        assert_eq!(told["components"][1], json!({ "name": "Backup model", "status": "down" }));
        assert_eq!(told["notice"], json!({}));
    }

    #[test]
    fn the_history_is_bounded_and_begins_with_the_newest() {
        let past = |at| Outage { start: Timestamp(at), end: Some(Timestamp(at + 1_500)) };
        let report = Report::of(&situation((0..50).map(past).collect()));
        assert_eq!((report.past.len(), report.past[0]), (INCIDENTS, past(49)));
        assert_eq!(report.to_json(&Page::default())["incidents"][0]["duration_s"], 1);
    }
}
