//! Deployments of prompts: what is to be deployed, whether it may be, and what becomes of it. Pure.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    library::{Library, OFF, Terms},
    recent::Count,
};
use crate::clock::Timestamp;

/// Deployments that are remembered.
pub const MOST: usize = 50;
/// The authors of settings that a deployment made begin so, and end in the deployment's time.
pub const AUTHOR: &str = "deployment:";
/// Calls within a minute that are enough to judge by at once, and at the end.
const ENOUGH: u64 = 20;
const A_FEW: u64 = 5;
/// Over how long a hit rate is taken.
pub const MINUTE: Duration = Duration::from_secs(60);

/// One prompt's part of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which prompt.
    pub prompt: String,
    /// The version before.
    pub from: String,
    /// The version that is deployed.
    pub to: String,
}

/// Why it is deployed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The window is open.
    Window,
    /// Somebody could not wait for it.
    Override,
}

/// What came of warming one model for one prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warmed {
    /// Which model.
    pub model: String,
    /// Which prompt.
    pub prompt: String,
    /// Requests that were answered.
    pub requests: u32,
    /// Those that read the prefix.
    pub hits: u32,
    /// What they cost. Unit: US dollars.
    pub cost_usd: f64,
    /// Why fewer were answered than were to be sent.
    pub failed: Option<String>,
}

/// Where a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The models are warmed; nothing has changed yet.
    Warming,
    /// In force, and the hit rate is watched.
    Watched,
    /// In force for good.
    Kept,
    /// The version before is in force again.
    Returned,
    /// It was not put in force.
    Refused,
}

impl State {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Warming => "warming",
            Self::Watched => "rolled_out",
            Self::Kept => "kept",
            Self::Returned => "returned",
            Self::Refused => "refused",
        }
    }
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its name: its time.
    pub id: String,
    /// When it began.
    pub at: Timestamp,
    /// Who wished it; `window` for what came by itself.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Why now.
    pub why: Why,
    /// All changes that were waiting, in one.
    pub parts: Vec<Part>,
    /// What came of warming.
    pub warmed: Vec<Warmed>,
    /// Where it stands.
    pub state: State,
    /// The hit rate that it was judged by.
    pub hit_rate: Option<f64>,
    /// What came of it, in a sentence.
    pub note: String,
    /// Until when nobody else deploys anything.
    pub until: Timestamp,
}

impl Deployment {
    /// Whether it is under way: nobody else deploys anything meanwhile. One whose node died is not, after a while.
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Warming | State::Watched) && now < self.until
    }

    /// Who its settings are by.
    pub fn author(&self) -> String {
        format!("{AUTHOR}{}", self.id)
    }

    /// Requests that were answered while warming, those that read, and what they cost.
    pub fn warming(&self) -> (u32, u32, f64) {
        self.warmed
            .iter()
            .fold((0, 0, 0.0), |(all, hits, cost), it| (all + it.requests, hits + it.hits, cost + it.cost_usd))
    }
}

/// When a deployment that made a setting began; `None` when none did.
pub fn made_at(author: &str) -> Option<Timestamp> {
    author.strip_prefix(AUTHOR)?.parse().ok().map(Timestamp)
}

/// Everything that waits to be deployed. What was refused or came back waits for a person.
pub fn pending(library: &Library, in_force: &BTreeMap<String, String>, past: &[Deployment]) -> Vec<Part> {
    let part = |prompt: &super::library::Prompt| {
        let from = in_force.get(&prompt.knob()).map_or(OFF, String::as_str);
        let part = Part { prompt: prompt.name.to_string(), from: from.to_owned(), to: prompt.wanted.to_string() };
        (part.from != part.to && !failed(&part, past)).then_some(part)
    };
    library.prompts.iter().filter_map(part).collect()
}

/// Whether the last attempt at this version ended badly.
pub fn failed(part: &Part, past: &[Deployment]) -> bool {
    let tried = |it: &&Deployment| it.parts.iter().any(|past| past.prompt == part.prompt && past.to == part.to);
    past.iter().rev().find(tried).is_some_and(|last| matches!(last.state, State::Returned | State::Refused))
}

/// Why prompts must wait: a model has trouble of its own.
pub fn not_warmed(warmed: &[Warmed]) -> Option<String> {
    let it = warmed.iter().find(|it| it.requests == 0)?;
    let why = it.failed.as_deref().unwrap_or("it did not answer");
    Some(format!("{} could not be warmed for `{}`: {why}", it.model, it.prompt))
}

/// Why warmed prompts must not be put in force, although nobody insists. `reads` says which models read from their cache
/// until now: where none does, warming shows nothing.
pub fn objection(warmed: &[Warmed], reads: &[String]) -> Option<String> {
    let cold = warmed.iter().find(|it| it.hits == 0 && reads.contains(&it.model))?;
    Some(format!(
        "{} read `{}` from its cache in none of {} requests: its prefix is too short to be kept, or changes",
        cold.model, cold.prompt, cold.requests
    ))
}

/// What is to be done about a version that was put in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is too early to tell.
    Wait,
    /// It stays.
    Kept(Option<f64>),
    /// The version before comes back.
    Returns(f64),
    /// The time is over and too few have asked: whoever watches asks himself.
    Ask,
}

/// Judges a version by the calls of its last minute, of the models that have a cache. `judged` is false where none has.
pub fn verdict(last_minute: Count, age: Duration, judged: bool, terms: &Terms) -> Verdict {
    if !judged {
        return Verdict::Kept(None);
    }
    let rate = last_minute.hit_rate().unwrap_or(0.0);
    let is_good = rate >= terms.hit_rate.as_f64();
    match () {
        () if age >= MINUTE && last_minute.calls >= ENOUGH && is_good => Verdict::Kept(Some(rate)),
        () if age < terms.within => Verdict::Wait,
        () if last_minute.calls < A_FEW => Verdict::Ask,
        () if is_good => Verdict::Kept(Some(rate)),
        () => Verdict::Returns(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::prompt::{
        file,
        library::{Prompt, Version, Whose},
    };

    fn library(wanted: &str) -> Library {
        let version = |name: &str| Version::new("p", name, name, vec![]);
        let versions = vec![version("v1"), version("v2")];
        let prompt =
            Prompt { name: "p".into(), whose: Whose::default(), wanted: wanted.into(), cache_point: true, versions };
        Library { prompts: vec![prompt], ..file::nothing() }
    }

    fn past(to: &str, state: State) -> Deployment {
        Deployment {
            id: "1".into(),
            at: Timestamp(0),
            by: "window".into(),
            reason: String::new(),
            why: Why::Window,
            parts: vec![Part { prompt: "p".into(), from: "v1".into(), to: to.into() }],
            warmed: vec![],
            state,
            hit_rate: None,
            note: String::new(),
            until: Timestamp(10),
        }
    }

    #[test]
    fn what_is_wanted_and_not_in_force_waits_unless_it_has_come_back_before() {
        let in_force = BTreeMap::from([("prompt.p".to_owned(), "v1".to_owned())]);
        let to = |wanted, past: &[Deployment]| {
            pending(&library(wanted), &in_force, past).into_iter().map(|part| part.to).collect::<Vec<_>>()
        };
        assert_eq!(to("v2", &[]), ["v2"]);
        assert_eq!(to("v1", &[]), Vec::<String>::new());
        assert_eq!(to("v2", &[past("v2", State::Returned)]), Vec::<String>::new());
        assert_eq!(to("v2", &[past("v2", State::Returned), past("v2", State::Kept)]), ["v2"]);
        assert_eq!(to("off", &[]), ["off"]);
    }

    #[test]
    fn a_prefix_that_no_request_reads_is_not_put_in_force_where_there_is_a_cache() {
        let warmed = |hits, requests| Warmed {
            model: "primary".into(),
            prompt: "p".into(),
            requests,
            hits,
            cost_usd: 0.0,
            failed: None,
        };
        let reads = ["primary".to_owned()];
        assert_eq!(objection(&[warmed(4, 5)], &reads), None);
        assert!(objection(&[warmed(0, 5)], &reads).expect("cold").contains("in none of 5 requests"));
        assert_eq!(objection(&[warmed(0, 5)], &[]), None, "a provider without a cache");
        assert!(not_warmed(&[warmed(4, 5), warmed(0, 0)]).expect("no answer").contains("could not be warmed"));
        assert_eq!(not_warmed(&[warmed(0, 5)]), None);
    }

    #[test]
    fn a_version_stays_when_nine_of_ten_hit_within_five_minutes_and_goes_otherwise() {
        let terms = file::nothing().terms;
        let judge = |hits, calls, secs| {
            verdict(Count { calls, hits, ..Count::default() }, Duration::from_secs(secs), true, &terms)
        };
        assert_eq!(judge(95, 100, 30), Verdict::Wait, "not before a minute");
        assert_eq!(judge(90, 100, 60), Verdict::Kept(Some(0.9)));
        assert_eq!(judge(89, 100, 299), Verdict::Wait);
        assert_eq!(judge(89, 100, 300), Verdict::Returns(0.89));
        assert_eq!(judge(6, 6, 200), Verdict::Wait, "six are few");
        assert_eq!(judge(6, 6, 300), Verdict::Kept(Some(1.0)));
        assert_eq!(judge(0, 2, 300), Verdict::Ask);
        assert_eq!(verdict(Count::default(), Duration::ZERO, false, &terms), Verdict::Kept(None));
    }

    #[test]
    fn a_deployment_whose_node_died_holds_nobody_up_for_ever() {
        let watched = past("v2", State::Watched);
        assert!(watched.is_under_way(Timestamp(9)) && !watched.is_under_way(Timestamp(10)));
        assert_eq!((made_at("deployment:1700"), made_at("operator:aiko")), (Some(Timestamp(1_700)), None));
    }
}
