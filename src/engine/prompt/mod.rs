//! Prompts and the provider's prompt cache.
//!
//! A provider keeps the beginning of a prompt, and a single byte that changes in it costs the whole. So prompts are files
//! ([`mod@file`]) in named versions; which one is in force says a knob of each, so that all nodes turn at once; [`deployer`]
//! turns it in a window, warmed ahead and watched afterwards. What applications bring themselves is measured all the same
//! ([`labels`], [`recent`]), compared ([`changing`]) and, where it is wished, kept alive ([`alive`]).
//!
//! A request for which no prompt is configured passes as it came.

pub mod alive;
pub mod changing;
pub mod deploy;
pub mod deployer;
pub mod difference;
pub mod file;
pub mod labels;
pub mod least;
pub mod library;
pub mod lint;
pub mod prefix;
mod put;
pub mod recent;
pub mod status;
pub mod window;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use self::{
    alive::{Alive, KeepAlive},
    changing::{Changes, Changing},
    labels::{Labels, NONE},
    library::{Library, Prompt, Version},
    prefix::Prefix,
    recent::{Count, Recent},
};
use super::{
    asked::{Asked, Caller, Hints, Tier},
    model::usage::Usage,
};
use crate::{
    clock::{Clock, Timestamp},
    digest::Digest,
    ids::{IntentId, ModelName},
    knob::{board::Board, value::Value},
    telemetry::{
        catalogue,
        metric::{Counter, Distribution},
        registry::Registry,
    },
};

/// The prompts of one node, and what it has seen of the provider's cache.
#[derive(Debug)]
pub struct Prompts {
    library: watch::Sender<Arc<Library>>,
    board: Arc<Board>,
    registry: Arc<Registry>,
    clock: Clock,
    seen: Mutex<Seen>,
    kept_alive: Vec<ModelName>,
}

#[derive(Debug, Default)]
struct Seen {
    labels: Labels,
    series: BTreeMap<(ModelName, Arc<str>), Series>,
    alive: BTreeMap<ModelName, Alive>,
    /// What applications last brought themselves beside each prompt.
    own: BTreeMap<Arc<str>, Prefix>,
    changing: Changing,
}

/// What is measured of one model and version.
#[derive(Debug)]
struct Series {
    recent: Recent,
    calls: Arc<Counter>,
    hits: Arc<Counter>,
    read: Arc<Counter>,
    written: Arc<Counter>,
    tokens: Arc<Counter>,
    first_token: Arc<Distribution>,
}

/// What goes to a model in front of a conversation.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The version, for metrics.
    pub label: Arc<str>,
    prefix: Option<Arc<Prefix>>,
}

/// A request names a prompt that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPrompt {
    /// Which.
    pub name: String,
}

impl Prompts {
    /// A node that has seen nothing yet.
    pub fn new(
        library: Arc<Library>,
        board: Arc<Board>,
        registry: Arc<Registry>,
        clock: Clock,
        kept_alive: Vec<ModelName>,
    ) -> Self {
        Self { library: watch::Sender::new(library), board, registry, clock, seen: Mutex::default(), kept_alive }
    }

    /// The prompts there are.
    pub fn library(&self) -> Arc<Library> {
        self.library.borrow().clone()
    }

    /// The prompts there are, and every later set.
    pub fn follow(&self) -> watch::Receiver<Arc<Library>> {
        self.library.subscribe()
    }

    /// Changed files take the place of what was in force.
    pub fn renew(&self, library: Arc<Library>) {
        self.library.send_replace(library);
    }

    /// The name of the version in force; [`library::OFF`] for none.
    pub fn in_force(&self, prompt: &Prompt) -> String {
        match self.board.get(&prompt.knob()).map(|setting| setting.value) {
            Some(Value::Choice(version)) => version,
            _ => library::OFF.to_owned(),
        }
    }

    /// Every prompt's knob and the version in force.
    pub fn all_in_force(&self) -> BTreeMap<String, String> {
        self.library().prompts.iter().map(|prompt| (prompt.knob(), self.in_force(prompt))).collect()
    }

    /// The request with its prompt in front; the same request when none is for it. `intent` is asked only where a prompt is
    /// for some intents.
    ///
    /// # Errors
    /// The request names a prompt that is not there, or not for its tenant.
    pub fn put_in_front(&self, asked: Asked, intent: impl Fn(&Asked) -> IntentId) -> Result<Asked, UnknownPrompt> {
        let library = self.library();
        let tenant = &asked.caller.tenant;
        let prompt = match &asked.hints.prompt {
            Some(name) => {
                let named = library.get(name).filter(|prompt| prompt.is_for(tenant));
                Some(named.ok_or_else(|| UnknownPrompt { name: name.clone() })?)
            }
            None if library.prompts.is_empty() => None,
            None => library.chosen(tenant, || intent(&asked)),
        };
        let Some(prompt) = prompt else { return Ok(asked) };
        let in_force = self.in_force(prompt);
        let Some(version) = prompt.version(&in_force) else {
            if in_force != library::OFF {
                self.registry.counter(&catalogue::PROMPTS_NOT_PUT, &[]).inc();
            }
            return Ok(asked);
        };
        match put::in_front(&asked, version, prompt.cache_point) {
            Some(with) => {
                let own = Prefix::of(&asked).filter(Prefix::is_bounded);
                let own = own.unwrap_or_else(|| Prefix::empty(asked.dialect));
                self.seen().own.insert(prompt.name.clone(), own);
                Ok(with)
            }
            None => {
                self.registry.counter(&catalogue::PROMPTS_NOT_PUT, &[]).inc();
                Ok(asked)
            }
        }
    }

    /// The small request that a version's first users would send the prefix of.
    pub fn warming(&self, prompt: &Prompt, version: &Version) -> Option<Asked> {
        let own = self.seen().own.get(&prompt.name).cloned().unwrap_or_else(|| Prefix::empty(Default::default()));
        put::in_front(&probe(&own), version, prompt.cache_point)
    }

    /// What a request sends in front of its conversation; noted as seen.
    pub fn sends(&self, asked: &Asked) -> Sent {
        let prefix = Prefix::of(asked);
        let mut seen = self.seen();
        if let Some(prefix) = &prefix
            && seen.changing.note(&asked.caller.tenant, prefix, self.clock.now())
        {
            self.registry.counter(&catalogue::NEW_PREFIXES, &[]).inc();
        }
        let label = match (&asked.prompt, &prefix) {
            (Some(label), _) => label.clone(),
            (None, Some(prefix)) => seen.labels.of(prefix.digest),
            (None, None) => NONE.into(),
        };
        Sent { label, prefix: prefix.filter(Prefix::is_bounded).map(Arc::new) }
    }

    /// A model has answered it.
    pub fn answered(&self, model: &ModelName, sent: &Sent, usage: Option<Usage>, first_token: Option<Duration>) {
        let now = self.clock.now();
        let mut seen = self.seen();
        let series = seen.series.entry((model.clone(), sent.label.clone()));
        let series = series.or_insert_with(|| Series::new(model, &sent.label, &self.registry));
        if let Some(usage) = usage {
            series.note(&usage, now);
        }
        first_token.into_iter().for_each(|span| series.first_token.record_time(span));
        if let Some(prefix) = sent.prefix.as_ref().filter(|_| self.kept_alive.contains(model)) {
            seen.alive.entry(model.clone()).or_default().used(prefix, now);
        }
    }

    /// What came of a model's calls with a version since then; of all versions without one.
    pub fn since(&self, model: &str, label: Option<&str>, then: Timestamp) -> Count {
        let seen = self.seen();
        let of =
            seen.series.iter().filter(|((name, of), _)| *name == *model && label.is_none_or(|label| **of == *label));
        of.fold(Count::default(), |sum, (_, series)| sum.and(series.recent.since(then)))
    }

    /// What came of the calls of each model with each version since then.
    pub fn counts(&self, then: Timestamp) -> Vec<(ModelName, Arc<str>, Count)> {
        let seen = self.seen();
        seen.series.iter().map(|((model, label), it)| (model.clone(), label.clone(), it.recent.since(then))).collect()
    }

    /// The applications whose prefix changes.
    pub fn changes(&self, words: bool) -> Vec<Changes> {
        self.seen().changing.list(words)
    }

    fn due(&self, model: &ModelName, terms: &KeepAlive) -> Vec<Arc<Prefix>> {
        let now = self.clock.now();
        self.seen().alive.get_mut(model).map(|alive| alive.due(terms, now)).unwrap_or_default()
    }

    fn touched(&self, model: &ModelName, digest: Digest, by_us: bool) {
        let now = self.clock.now();
        if let Some(alive) = self.seen().alive.get_mut(model) {
            alive.touched(digest, by_us, now);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series {
    fn new(model: &str, label: &str, registry: &Registry) -> Self {
        let labels = [model, label];
        Self {
            recent: Recent::default(),
            calls: registry.counter(&catalogue::PROMPT_CALLS, &labels),
            hits: registry.counter(&catalogue::PROMPT_HITS, &labels),
            read: registry.counter(&catalogue::PROMPT_READ, &labels),
            written: registry.counter(&catalogue::PROMPT_WRITTEN, &labels),
            tokens: registry.counter(&catalogue::PROMPT_ALL_TOKENS, &labels),
            first_token: registry.distribution(&catalogue::PROMPT_TTFT, &labels),
        }
    }

    fn note(&mut self, usage: &Usage, now: Timestamp) {
        let one = Count::of(usage);
        self.recent.note(usage, now);
        self.calls.add(one.calls);
        self.hits.add(one.hits);
        self.read.add(one.read);
        self.written.add(one.written);
        self.tokens.add(one.prompt);
    }
}

/// The smallest request with a prefix. Nobody's question: it is never kept and never answered from the cache.
fn probe(prefix: &Prefix) -> Asked {
    let (body, model) = prefix.probe();
    Asked {
        dialect: prefix.dialect,
        body,
        model,
        stream: false,
        include_usage: true,
        ask_usage: false,
        caller: Caller { tenant: "banto".into(), user: None, tier: Tier::default(), address: None },
        text: ".".to_owned(),
        context: prefix.digest,
        not_alone: None,
        hints: Hints { no_cache: true, no_store: true, ..Hints::default() },
        prompt: None,
    }
}
