//! Answers from the cache: exact, then semantic; kept, expired, jittered, invalidated.
//!
//! A question is looked up by its key first, in this process (`near`) and then in the store, which is the truth. Only
//! then, if it stands alone, questions that may mean the same are looked for (`search`): same partition (scope, context,
//! intent, titles), similar enough, and past every gate, because no threshold alone is safe. Writing happens behind the
//! answer's back (`write`), and what other nodes do is followed (`follow`).
//!
//! The cache is an optimisation: a store or an embedder that is slow or away makes a miss, never an error.

pub mod calibrate;
mod compact;
pub mod compare;
pub mod embed;
pub mod estimate;
pub mod evaluate;
pub mod explain;
pub mod feedback;
mod follow;
pub mod hit;
mod hits;
pub mod index;
mod judge;
pub mod labels;
pub mod learned;
pub mod live;
mod meters;
mod near;
pub mod proportion;
mod recent;
pub mod same;
mod search;
pub mod settings;
pub mod tighten;
mod unkept;
pub mod write;

pub use self::judge::{Judging, Known};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod truth_tests;

use std::sync::Arc;

use arc_swap::Guard;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use self::{
    embed::{Embedder, measured::Measured},
    estimate::Estimates,
    feedback::{Answers, Given, Judged, Pairing},
    hit::{Age, Hit},
    hits::Hits,
    index::Index,
    labels::{Labels, Pair},
    learned::Learned,
    live::Live,
    meters::{Looked, Meters, Signal},
    near::Near,
    settings::Settings,
    unkept::Lately,
    write::Job,
};
use super::{
    sale,
    source::Source,
    understand::{InForce, Understanding, question::Question},
};
use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    digest::Digest,
    knob::board::Board,
    store::{Entry, Store, StoreError, Tag},
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// What recall works with.
pub struct Parts {
    /// Where answers are kept.
    pub store: Arc<dyn Store>,
    /// What questions mean.
    pub understanding: InForce,
    /// How frames become vectors.
    pub embedder: Arc<dyn Embedder>,
    /// The knobs `ttl.…` and `threshold.…`.
    pub board: Arc<Board>,
    /// Where it counts.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Clock,
    /// Chance, for jitter.
    pub dice: Arc<Dice>,
    /// When prices turn.
    pub calendar: sale::InForce,
}

/// The cache as the engine sees it.
pub struct Recall {
    store: Arc<dyn Store>,
    understanding: InForce,
    embedder: Arc<dyn Embedder>,
    clock: Clock,
    dice: Arc<Dice>,
    settings: Settings,
    near: Near,
    index: Index,
    live: Live,
    calendar: sale::InForce,
    meters: Meters,
    answers: Answers,
    labels: Labels,
    learned: Learned,
    estimates: Estimates,
    board: Arc<Board>,
    registry: Arc<Registry>,
    /// Told when everything kept must be read again.
    behind: Arc<Notify>,
    hits: Hits,
    unkept: Lately,
    jobs: mpsc::Sender<Job>,
}

impl Recall {
    /// A cache with its background work: the writer, the follower of the store's changes and of the knobs.
    pub fn start(parts: Parts, settings: Settings, tasks: &Tasks) -> Arc<Self> {
        let Parts { store, understanding, embedder, board, registry, clock, dice, calendar } = parts;
        let embedder: Arc<dyn Embedder> = Arc::new(Measured::new(embedder, &registry));
        let (jobs, waiting) = mpsc::channel(settings.queue.max(1));
        let recall = Arc::new(Self {
            near: Near::new(settings.near),
            index: Index::new(embedder.dimensions(), settings.index),
            live: Live::new(&understanding.load(), &board),
            meters: Meters::new(&understanding.load(), &registry),
            answers: Answers::default(),
            labels: Labels::default(),
            learned: Learned::default(),
            estimates: Estimates::default(),
            board,
            registry,
            behind: Arc::default(),
            hits: Hits::default(),
            unkept: Lately::default(),
            store,
            understanding,
            embedder,
            clock,
            dice,
            calendar,
            settings,
            jobs,
        });
        tasks.spawn(recall.clone().write(waiting, tasks.stopping()));
        tasks.spawn(recall.clone().tell_hits(tasks.stopping()));
        follow::start(&recall, tasks);
        let (live, document) = (recall.clone(), recall.board.subscribe());
        tasks.spawn_until_stopped(async move { live.live.follow(document, live.understanding.clone()).await });
        tasks.spawn_until_stopped(recall.clone().tighten_in_time());
        recall
    }

    /// What is known of questions at this moment.
    pub fn understanding(&self) -> Guard<Arc<Understanding>> {
        self.understanding.load()
    }

    /// After a reload put something else in force: thresholds, times and series follow, and everything kept is read again,
    /// because words may decide otherwise now.
    pub fn renew(&self) {
        let understanding = self.understanding.load();
        self.live.renew(&understanding, &self.board);
        self.meters.renew(&understanding, &self.registry);
        self.behind.notify_one();
    }

    /// The answer to a question, if it is kept: exact, else semantic. Counted as a look-up.
    pub async fn look_up(&self, question: &Question) -> Option<Hit> {
        if question.asked.hints.no_cache || !question.is_shareable() {
            self.meters.looked(&question.intent, Looked::Bypass);
            return None;
        }
        let hit = match self.exact(question).await {
            Some(hit) => Some(hit),
            None => self.semantic(question).await,
        };
        let how = hit.as_ref().map_or(Looked::Miss, |hit| match hit.similarity {
            None => Looked::Exact,
            Some(_) => Looked::Semantic,
        });
        self.meters.looked(&question.intent, how);
        hit.inspect(|hit| self.hits.count(&hit.entry.key))
    }

    /// The fresh answer to the same question, from this process alone. Never waits.
    pub fn near(&self, question: &Question) -> Option<Hit> {
        let now = self.clock.now();
        let (entry, is_due) = self.near.get(&question.key, now)?;
        if is_due {
            let _ = self.jobs.try_send(Job::Recheck(question.key));
        }
        (now < entry.fresh_until && question.is_shareable()).then(|| Hit::new(entry, None, &question.intent, now))
    }

    /// The fresh answer to the same question.
    pub async fn exact(&self, question: &Question) -> Option<Hit> {
        match self.near(question) {
            Some(hit) => Some(hit),
            None => self.same(question, Age::Fresh).await,
        }
    }

    /// The fresh answer to a question that means the same.
    pub async fn semantic(&self, question: &Question) -> Option<Hit> {
        let hit = self.search(question, Age::Fresh).await?;
        self.check(question, &hit);
        Some(hit)
    }

    /// The kept answer to the question, or one that means the same, within the intent's longest staleness: for when no
    /// model answers. Comes with the intent's disclaimer when it has expired.
    pub async fn stale(&self, question: &Question) -> Option<Hit> {
        let hit = match self.same(question, Age::Stale).await {
            Some(hit) => Some(hit),
            None => self.search(question, Age::Stale).await,
        };
        hit.inspect(|hit| self.hits.count(&hit.entry.key))
    }

    /// Notes an answer that was given, so that feedback can name it. `id` is the request's trace id.
    pub fn note(&self, id: impl Into<Arc<str>>, question: &Question, source: Source, hit: Option<&Hit>) {
        let matched = hit.and_then(|hit| {
            let pairing = Pairing { question: question.key, entry: hit.entry.key };
            Some((pairing, pair(question, hit)?))
        });
        self.answers.note(id.into(), Given { source, intent: question.intent.index, matched });
    }

    /// What a reader says of an answer. "Unhelpful" about a semantic one counts as a false positive, and the pair is
    /// never served again; about any other it counts against its source.
    pub fn feedback(&self, id: &str, helpful: bool) -> Judged {
        let Some(given) = self.answers.take(id) else { return Judged::Unknown };
        self.meters.judged(given.source, helpful);
        let Some((pairing, pair)) = given.matched else { return Judged::Counted(given.source) };
        self.learned.observe(&pairing.entry, pair.similarity.as_f64(), helpful);
        self.labels.add(pair, Signal::Feedback, helpful, self.clock.now());
        if helpful {
            return Judged::Counted(given.source);
        }
        self.meters.false_positive(given.intent, Signal::Feedback);
        self.answers.bar(pairing);
        Judged::Barred
    }

    /// How many kept questions can be found by meaning.
    pub fn indexed(&self) -> usize {
        self.index.len()
    }

    /// Forgets in this process what has one of these tags, before the store's word of it comes round.
    pub fn void(&self, tags: &[Tag]) {
        self.near.drop_tagged(tags);
    }

    /// Forgets an entry in this process, so that no answer under way brings it back; the store is told by the caller.
    pub fn forget(&self, key: &Digest) {
        self.near.drop_entry(key);
        self.index.remove(key);
    }

    /// Takes an entry out of the cache, here and in the store: it may not be given to anybody.
    pub async fn remove(&self, key: &Digest) {
        self.forget(key);
        let removed = timeout(self.settings.store_deadline, self.store.remove(&[*key])).await;
        if !matches!(removed, Ok(Ok(_))) {
            tracing::warn!(%key, "An answer that may not be given could not be removed from the store; it is looked at again.");
        }
    }

    /// Pairs of questions with a verdict.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The automated check: an answer to a question about other titles is counted as wrong.
    fn check(&self, question: &Question, hit: &Hit) {
        if hit.entry.entities == question.entities {
            return;
        }
        self.meters.false_positive(question.intent.index, Signal::EntityMismatch);
        if let Some(pair) = pair(question, hit) {
            self.labels.add(pair, Signal::EntityMismatch, false, self.clock.now());
        }
    }

    /// Whether the same question is kept and stays fresh beyond `until`.
    pub async fn is_warm(&self, question: &Question, until: Timestamp) -> bool {
        let stored = timeout(self.settings.store_deadline, self.store.get(&question.key)).await;
        stored.is_ok_and(|stored| stored.is_ok_and(|entry| entry.is_some_and(|entry| entry.fresh_until > until)))
    }

    /// Holds an entry of the store in this process before anybody asks for it; whether it was there.
    pub async fn hold(&self, key: Digest) -> bool {
        matches!(self.fetch(&key).await, Ok(Some(_)))
    }

    /// The answer to the same question from the store, or from this process when the store is away.
    async fn same(&self, question: &Question, age: Age) -> Option<Hit> {
        if !question.is_shareable() {
            return None;
        }
        let entry = self.fetch(&question.key).await.ok().flatten()?;
        let now = self.clock.now();
        let fits = age.admits(&question.intent, entry.fresh_until, entry.keep_until, now);
        fits.then(|| Hit::new(entry, None, &question.intent, now))
    }

    /// An entry, fresh or not: from the near cache while that holds it fresh, else from the store within the deadline.
    async fn fetch(&self, key: &Digest) -> Result<Option<Arc<Entry>>, StoreError> {
        let (now, mark) = (self.clock.now(), self.near.mark());
        let held = self.near.get(key, now).map(|(entry, _)| entry);
        if let Some(entry) = held.as_ref().filter(|entry| now < entry.fresh_until) {
            return Ok(Some(entry.clone()));
        }
        let deadline = self.settings.store_deadline;
        let stored = timeout(deadline, self.store.get(key)).await.unwrap_or(Err(StoreError::Timeout(deadline)));
        match stored {
            Ok(Some(entry)) => {
                self.near.keep(entry.clone(), mark, now);
                Ok(Some(entry))
            }
            Ok(None) => Ok(None),
            Err(_) if held.is_some() => Ok(held),
            Err(error) => Err(error),
        }
    }
}

/// The two questions of a semantic hit; `None` for an exact one.
fn pair(question: &Question, hit: &Hit) -> Option<Pair> {
    Some(Pair {
        intent: question.intent.id.clone(),
        asked: question.asked.text.as_str().into(),
        asked_entities: question.entities.clone(),
        cached: hit.entry.question.as_str().into(),
        cached_entities: hit.entry.entities.clone(),
        similarity: hit.similarity?,
    })
}
