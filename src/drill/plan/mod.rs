//! What a drill file describes, checked: a fleet, its users, what breaks when, and what must come of it.

mod arrivals;
mod asks;
mod guardrail;
mod happenings;
mod network;
mod prices;
mod raw;
mod validate;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, FixedOffset};

use super::{
    expect::Expectation,
    facts::Facts,
    grade::Grade,
    offset::Offset,
    question::Template,
    world::{Condition, Inspection, Pace, Resolving, StoreTurn},
};
use crate::{
    clock::Timestamp,
    config::{files::Files, problem::Problems},
    engine::{
        asked::Tier,
        model::{pool::Dimensions, prices::Prices, simulated::profile::Profile},
    },
    ids::ModelName,
    units::{Bytes, Ratio},
};

/// A drill that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name: `stampede`.
    pub name: Arc<str>,
    /// What happens in it, for people.
    pub about: String,
    /// The incident it re-enacts.
    pub incident: Incident,
    /// The seed it runs with unless another is asked for.
    pub seed: u64,
    /// Wall time at which the incident begins; every offset counts from here.
    pub start: DateTime<FixedOffset>,
    /// Ordinary traffic before the start: it fills caches and histories and is not graded.
    pub warm_up: Duration,
    /// From the start to the end.
    pub lasts: Duration,
    /// How many engines.
    pub nodes: u32,
    /// The zones that they run in, in turn; empty where no name is ever looked up.
    pub zones: Vec<Arc<str>>,
    /// How often somebody looks while nothing goes on; each second otherwise.
    pub looks: Duration,
    /// The models, the primary first.
    pub models: Vec<SimulatedModel>,
    /// The store that all nodes share.
    pub store: SharedStore,
    /// The guardrail service, where the drill's world has one.
    pub guardrail: Option<GuardrailService>,
    /// What is true, and what becomes true.
    pub facts: Facts,
    /// The titles that the shop sells by a price; [`price_of`] is the topic of each.
    pub sells: Vec<Arc<str>>,
    /// The system prompt that comes with every question; empty for none.
    pub system: String,
    /// The prompts that the operator has, as a file; `None` for those of the folder.
    pub prompts: Option<String>,
    /// How many requests a second a node lets in, and how many at once above that; `None` for the usual limits.
    pub limits: Option<(u64, u64)>,
    /// How people behave.
    pub users: Users,
    /// Who comes when.
    pub traffic: Vec<Traffic>,
    /// What happens to the world, by time.
    pub world: Vec<Happening>,
    /// What counts as harm.
    pub harm: Harm,
    /// What must hold afterwards.
    pub expect: Vec<Expectation>,
}

/// The store of the drill's world.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SharedStore {
    /// How many bytes it holds; `None` for as many as usual.
    pub holds: Option<Bytes>,
    /// How long it takes to write; `None` for no time.
    pub pace: Option<Pace>,
}

/// The guardrail service of the drill's world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardrailService {
    /// Its usual self.
    pub usual: Inspection,
    /// What it catches: what may not be said in this world.
    pub catches: Vec<String>,
}

/// A model of the drill's world.
#[derive(Clone, Debug)]
pub struct SimulatedModel {
    /// Its name in knobs, metrics and reports.
    pub name: ModelName,
    /// Its usual self.
    pub usual: Profile,
    /// How many requests a node sends it at once, and how many wait.
    pub pool: Dimensions,
    /// What it costs.
    pub prices: Prices,
}

/// The incident that a drill re-enacts, as its own report tells it.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Which report.
    pub from: String,
    /// Its numbers, where it gives them, in the words of the grade.
    pub published: BTreeMap<String, String>,
}

/// How people behave.
#[derive(Clone, Debug)]
pub struct Users {
    /// How long somebody waits for a whole answer before giving up.
    pub patience: Duration,
    /// How likely somebody asks again after an error or after giving up.
    pub again_after_error: Ratio,
    /// How likely somebody asks again after a degraded answer; good messages keep this low.
    pub again_after_degraded: Ratio,
    /// The mean pause before asking again.
    pub pause: Duration,
    /// How often somebody asks again at most.
    pub most_again: u32,
    /// How likely somebody who was told something wrong says that it did not help.
    pub complains: Ratio,
    /// Relative sizes of the tiers.
    pub tiers: Vec<(Tier, f64)>,
}

/// People who come.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// What they are called in reports.
    pub name: Arc<str>,
    /// How many people there are to come.
    pub users: u32,
    /// How many networks (/24 of IPv4) they come from; `None` where nobody tells their addresses.
    pub networks: Option<u32>,
    /// Whether it is machines. What becomes of their questions is counted apart: nobody is harmed by it.
    pub abuse: bool,
    /// Whether they come at even intervals and take turns, instead of each by chance.
    pub clockwork: bool,
    /// How likely somebody who got an answer asks something else, after a pause to read it.
    pub goes_on: Ratio,
    /// What they ask, with the share of each.
    pub asks: Vec<(Arc<Template>, f64)>,
    /// How many want a stream.
    pub streams: Ratio,
    /// When they come.
    pub arrivals: Arrivals,
}

/// When people come.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// Now and then, at a rate that runs straight from corner to corner (moment, questions a second) and is zero outside.
    Flow(Vec<(Offset, f64)>),
    /// Everybody once, within a short time.
    Crowd {
        /// The first possible moment.
        at: Offset,
        /// How long until the last.
        within: Duration,
        /// `true`: half of them come in the first quarter of the time. `false`: evenly.
        rush: bool,
    },
}

/// One thing that happens to the world.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When.
    pub at: Offset,
    /// What.
    pub what: What,
}

/// What happens to the world.
#[derive(Clone, Debug)]
pub enum What {
    /// A model changes its ways.
    Model {
        /// Which.
        model: ModelName,
        /// How it differs from its usual self from now on.
        now: Condition,
    },
    /// Something else is true from now on.
    Fact {
        /// Of which topic.
        topic: String,
        /// What.
        says: String,
    },
    /// The embedding model is exchanged.
    Embedder {
        /// How far its vectors are pulled towards one direction, beside a length of 1; 0 for a sound model.
        collapse: f64,
    },
    /// Prices turn.
    Prices {
        /// What each title costs from now on. Unit: yen.
        to: Vec<(Arc<str>, u32)>,
        /// The `detail-type` under which the catalogue tells of it; `None`: it says nothing.
        told_as: Option<String>,
    },
    /// Somebody teaches the mapping of one `detail-type` another one, and has what waits tried again.
    Mapping {
        /// The one it knows.
        of: String,
        /// The one it learns.
        learns: String,
    },
    /// The application sends another system prompt.
    Prompt(String),
    /// An operator puts a version of a prompt in force by hand, without waiting for the window.
    Deploys {
        /// Which prompt.
        prompt: String,
        /// Which version.
        version: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Something happens to the store.
    Store(StoreTurn),
    /// The resolver of a zone changes its ways.
    Resolver {
        /// Which zone.
        zone: Arc<str>,
        /// How it differs from its usual self from now on.
        now: Resolving,
    },
    /// The models' endpoint is at another address from now on, and nobody answers at the old one.
    EndpointMoves,
    /// The guardrail service is given other filters.
    Guardrail(Inspection),
    /// Something is announced: a release, a deployment.
    Event {
        /// What kind.
        kind: String,
        /// What it concerns.
        subject: String,
    },
}

/// What counts as harm to users.
#[derive(Clone, Copy, Debug)]
pub struct Harm {
    /// A request that takes longer is harmed, beside those that end in an error, a wrong or a degraded answer.
    pub slower_than: Duration,
    /// The share of harmed requests (of those that ended in the last 10 s) from which users as a whole are harmed.
    pub share: Ratio,
}

/// Where the prompts of a drill's world stand.
pub const PROMPTS: &str = "prompts/drill.yaml";

/// The topic of a title's price.
pub fn price_of(title: &str) -> String {
    format!("price of {title}")
}

impl What {
    /// In a sentence, for the timeline.
    pub fn words(&self) -> String {
        match self {
            Self::Model { model, now } => format!("{model} {}", now.words()),
            Self::Fact { says, .. } => format!("from now on it is true that: {says}"),
            Self::Embedder { collapse } if *collapse > 0.0 => {
                format!(
                    "a new embedding model is in use; it pulls every question {collapse} towards the same direction"
                )
            }
            Self::Embedder { .. } => "the embedding model is sound again".into(),
            Self::Prices { to, told_as: Some(kind) } => {
                format!("the prices of {} titles turn; the catalogue tells of it as `{kind}`", to.len())
            }
            Self::Prices { to, told_as: None } => {
                format!("the prices of {} titles turn, and nobody tells of it", to.len())
            }
            Self::Mapping { of, learns } => {
                format!("somebody adds `{learns}` to the mapping of `{of}` and replays the dead letters")
            }
            Self::Deploys { prompt, version, by, reason } => {
                format!("{by} deploys {version} of the prompt `{prompt}` by hand: {reason}")
            }
            Self::Prompt(_) => "the application sends a new system prompt".into(),
            Self::Store(turn) => format!("the store {}", turn.words()),
            Self::Resolver { zone, now } => network::resolver_words(zone, now),
            Self::EndpointMoves => "the models' endpoint moves to another address".into(),
            Self::Guardrail(inspection) => format!(
                "the guardrail has {} filters of {} ms each",
                inspection.filters,
                inspection.per_filter.as_millis()
            ),
            Self::Event { kind, subject } => format!("{kind}: {subject}"),
        }
    }
}

impl Plan {
    /// Every drill below `drills/`.
    ///
    /// # Errors
    /// All mistakes of all files.
    pub fn all(files: &Files) -> Result<Vec<Self>, Problems> {
        validate::all(files.below("drills/"))
    }

    /// The drills of one file's text.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn read(path: &str, text: &str) -> Result<Vec<Self>, Problems> {
        let file = crate::config::files::File { path: path.into(), text: text.into() };
        validate::all(std::iter::once(&file))
    }

    /// Whether machines come, too.
    pub fn has_abuse(&self) -> bool {
        self.traffic.iter().any(|traffic| traffic.abuse)
    }

    /// The wall time of the start.
    pub fn starts_at(&self) -> Timestamp {
        self.start.to_utc().into()
    }

    /// The moment of the first break: the first crowd, or change that is not an announcement. Times of the grade are measured from here.
    pub fn breaks_at(&self) -> Offset {
        let crowds = self.traffic.iter().filter_map(|traffic| match traffic.arrivals {
            Arrivals::Crowd { at, .. } => Some(at),
            Arrivals::Flow(_) => None,
        });
        let breaks = |it: &&Happening| !matches!(it.what, What::Event { .. }) && it.at >= Offset(0);
        let changes = self.world.iter().filter(breaks).map(|it| it.at);
        crowds.chain(changes).min().unwrap_or_default()
    }

    /// What the runs should have shown and did not.
    pub fn disappointments(&self, with: Option<&Grade>, without: Option<&Grade>) -> Vec<String> {
        let failed = |expectation: &Expectation| {
            let found = expectation.check(with, without)?.err()?;
            Some(format!("expected {expectation}, but {found}"))
        };
        self.expect.iter().filter_map(failed).collect()
    }
}
