//! From one model to the next: who is asked, how often, and when it is enough.
//!
//! Every request has one budget of attempts and one deadline over all models. A model whose breaker is open or whose pool
//! is full is passed over. Nothing falls back once the first chunk of an answer is out: half an answer of one model
//! cannot be finished by another.

mod aside;
mod situation;

use std::{
    iter,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::{debug, info, warn};

use super::{
    Deadlines, Model,
    breaker::machine::Settings,
    codes::{Codes, Seen},
    course::Course,
    failure::{Class, Failure},
    lane::{Errand, Lane, Purpose},
    outages::{Outage, Outages, Turn},
    pool::Dimensions,
    prices::Prices,
    retry::{Backoff, Refused, RetryBudget, Standing},
    usage::Usage,
};
use crate::{
    clock::Clock,
    dice::Dice,
    engine::{
        answer_log::LogWriter,
        asked::Asked,
        prompt::{Prompts, Sent, alive::KeepAlive, least},
        source::Source,
    },
    ids::ModelName,
    knob::board::{Board, Document},
    store::Store,
    telemetry::{catalogue, metric::Counter, registry::Registry},
    units::Usd,
};

pub use self::{
    aside::{Aside, NotAside, Probed},
    situation::{Health, Situation},
};

/// Attempts that one request may send, over all models.
const MOST_SENDS: u32 = 4;

/// One model and how it is to be treated.
#[derive(Clone)]
pub struct ConfiguredModel {
    /// Its name in knobs, metrics and logs.
    pub name: ModelName,
    /// What answers.
    pub kind: Arc<dyn Model>,
    /// Its pool.
    pub pool: Dimensions,
    /// Its breaker.
    pub breaker: Settings,
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// What it costs.
    pub prices: Prices,
    /// How its provider's prompt cache is treated.
    pub prompt_cache: PromptCache,
}

/// How a provider's prompt cache is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCache {
    /// The shortest prefix that it keeps. Unit: tokens.
    pub least: u64,
    /// When prefixes are kept alive; `None` never.
    pub keep_alive: Option<KeepAlive>,
}

impl Default for PromptCache {
    fn default() -> Self {
        Self { least: least::USUAL, keep_alive: None }
    }
}

impl ConfiguredModel {
    /// A model that is treated as usual and costs nothing.
    pub fn new(name: impl Into<ModelName>, kind: Arc<dyn Model>) -> Self {
        Self {
            name: name.into(),
            kind,
            pool: Dimensions::default(),
            breaker: Settings::default(),
            deadlines: Deadlines::default(),
            prices: Prices::default(),
            prompt_cache: PromptCache::default(),
        }
    }
}

/// An answer that is completely written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Who gave it.
    pub model: ModelName,
    /// Whether that is the first model of the configuration.
    pub is_primary: bool,
    /// Attempts that were sent for it, this one included.
    pub attempts: u32,
    /// Its tokens; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// What it cost by the configured prices; nothing without usage.
    pub cost: Usd,
}

/// The models of one node in their order.
pub struct Cascade {
    lanes: Vec<Lane>,
    names: Vec<ModelName>,
    prompt_caches: Vec<PromptCache>,
    prompts: Option<Arc<Prompts>>,
    board: Arc<Board>,
    knobs: watch::Receiver<Arc<Document>>,
    course: ArcSwap<Course>,
    budget: RetryBudget,
    refused: Vec<Arc<Counter>>,
    outages: Mutex<Outages>,
    /// When a model last throttled or failed, in milliseconds; long ago at first.
    troubled_at: AtomicI64,
    codes: Codes,
    dice: Arc<Dice>,
    clock: Clock,
}

impl Cascade {
    /// A cascade over these models; the first is the primary. It follows the board's knobs from request to request.
    pub fn new(
        models: Vec<ConfiguredModel>,
        metrics: &Registry,
        board: Arc<Board>,
        store: Arc<dyn Store>,
        dice: Arc<Dice>,
        clock: Clock,
    ) -> Self {
        let sources = iter::once(Source::Primary).chain(iter::repeat(Source::Secondary));
        let prompt_caches = models.iter().map(|model| model.prompt_cache).collect();
        let lane = |(model, source)| Lane::new(model, source, metrics, store.clone(), dice.clone(), clock);
        let lanes: Vec<_> = models.into_iter().zip(sources).map(lane).collect();
        let names: Vec<_> = lanes.iter().map(|lane| lane.name.clone()).collect();
        let knobs = board.subscribe();
        let course = ArcSwap::from_pointee(Course::read(&board, knobs.borrow().version, &names));
        let refused = |reason: &Refused| metrics.counter(&catalogue::RETRIES_REFUSED, &[reason.label()]);
        let cascade = Self {
            budget: RetryBudget::new(store, clock),
            refused: Refused::ALL.iter().map(refused).collect(),
            outages: Mutex::default(),
            troubled_at: AtomicI64::new(i64::MIN / 2),
            codes: Codes::default(),
            lanes,
            names,
            prompt_caches,
            prompts: None,
            board,
            knobs,
            course,
            dice,
            clock,
        };
        cascade.resize_pools();
        cascade
    }

    /// The same, telling these prompts what became of each prefix.
    #[must_use]
    pub fn telling(self, prompts: Arc<Prompts>) -> Self {
        Self { prompts: Some(prompts), ..self }
    }

    /// How each model's prompt cache is treated.
    pub fn prompt_caches(&self) -> impl Iterator<Item = (&ModelName, &PromptCache)> {
        self.names.iter().zip(&self.prompt_caches)
    }

    /// Asks until a model has answered completely, and writes the answer down; the caller seals or fails the writer. Safe
    /// to drop at any await: the attempt under way is given up and its places come free.
    ///
    /// # Errors
    /// The most telling failure. [`Class::Invalid`]: the request is wrong, no model can answer it. When the writer has
    /// begun, the answer broke off in the middle.
    pub async fn fill(&self, asked: &Asked, writer: &mut LogWriter, deadline: Instant) -> Result<Filled, Failure> {
        self.follow_knobs();
        let course = self.course.load_full();
        let order = course.order(&self.dice);
        if order.is_empty() {
            return Err(Failure::new(Class::NotSent, course.why_nobody()).coded("no_model_allowed"));
        }
        let sent = self.prompts.as_ref().map(|prompts| prompts.sends(asked));
        let mut errand = Errand { asked, writer, deadline, sends: 0, purpose: Purpose::Answer, first_token: None };
        let filled = self.go_down(&course, order, &mut errand).await;
        let answered = match &filled {
            Ok(filled) => {
                self.tell(filled, sent.as_ref(), errand.first_token);
                true
            }
            Err(failure) if failure.class == Class::Invalid => return filled,
            Err(_) => false,
        };
        let turn = self.outages.lock().unwrap_or_else(PoisonError::into_inner).record(answered, self.clock.now());
        match (turn, &filled) {
            (Some(Turn::Began), Err(failure)) => {
                warn!(%failure, "No model answers; what is kept or prepared is said until one does.");
            }
            (Some(Turn::Ended(after)), _) => info!(?after, "Models answer again."),
            _ => {}
        }
        filled
    }

    /// How many tokens the prompt of a question has, by the first model in the order of the day that counts.
    ///
    /// # Errors
    /// The most telling failure. Safe to drop.
    pub async fn count(&self, asked: &Asked, within: Duration) -> Result<u64, Failure> {
        self.follow_knobs();
        let (course, deadline) = (self.course.load_full(), Instant::now() + within);
        let mut told: Option<Failure> = None;
        for &at in course.order(&self.dice) {
            match self.lanes[at].count(asked, deadline).await {
                Ok(tokens) => return Ok(tokens),
                Err(failure) if !failure.class.may_pass() && !failure.is_untranslatable() => return Err(failure),
                Err(failure) => told = Some(told.map_or(failure.clone(), |told| more_telling(Some(told), failure))),
            }
        }
        Err(told.unwrap_or_else(|| Failure::new(Class::NotSent, course.why_nobody()).coded("no_model_allowed")))
    }

    /// Takes over changed knobs and brings the breakers' gauges up to date. Every request does the former; a node that
    /// gets none does both from time to time.
    pub fn keep_up(&self) {
        self.follow_knobs();
        self.lanes.iter().for_each(|lane| lane.breaker.show());
    }

    /// When no model answered: what an estimated recovery is made of.
    pub fn outages(&self) -> Outages {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what a former life of this node knew of past outages.
    pub fn remember_outages(&self, past: impl IntoIterator<Item = Outage>) {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).remember(past);
    }

    /// The error codes that models have sent.
    pub fn codes(&self) -> Vec<Seen> {
        self.codes.list()
    }

    /// The models, the primary first.
    pub fn models(&self) -> &[ModelName] {
        &self.names
    }

    fn tell(&self, filled: &Filled, sent: Option<&Sent>, first_token: Option<Duration>) {
        if let Some((prompts, sent)) = self.prompts.as_ref().zip(sent) {
            prompts.answered(&filled.model, sent, filled.usage, first_token);
        }
    }

    async fn go_down(&self, course: &Course, order: &[usize], errand: &mut Errand<'_>) -> Result<Filled, Failure> {
        let mut told: Option<Failure> = None;
        let first = &self.lanes[order[0]];
        for (place, &at) in order.iter().enumerate() {
            if place == 1 && first.breaker.is_open() {
                self.stagger(course, errand).await;
            }
            let lane = &self.lanes[at];
            let failure = match self.ask(lane, course, order.len() - place - 1, errand).await {
                Ok((usage, cost)) => {
                    let (model, attempts) = (lane.name.clone(), errand.sends);
                    return Ok(Filled { model, is_primary: lane.is_primary(), attempts, usage, cost });
                }
                Err(failure) => failure,
            };
            let is_over = errand.writer.has_begun() || errand.sends >= MOST_SENDS || errand.time_left().is_zero();
            let stays_wrong = !failure.class.may_pass() && !failure.is_untranslatable();
            if is_over || stays_wrong {
                return Err(failure);
            }
            told = Some(more_telling(told, failure));
        }
        Err(told.unwrap_or_else(|| Failure::new(Class::NotSent, "there is no model to ask")))
    }

    /// Asks one model, again where that may help, leaving an attempt for each of the `others`.
    async fn ask(
        &self,
        lane: &Lane,
        course: &Course,
        others: usize,
        errand: &mut Errand<'_>,
    ) -> Result<(Option<Usage>, Usd), Failure> {
        let (mut backoff, mut retries) = (Backoff::default(), 0);
        loop {
            let failure = match lane.attempt(errand).await {
                Ok(answer) => {
                    lane.credit.earn();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            self.note(lane, &failure, errand);
            let bears_more = !failure.class.is_throttle() || lane.credit.spend();
            if errand.writer.has_begun() || !failure.class.may_retry() || is_left_alone(lane, &failure, others) {
                return Err(failure);
            }
            let wait = backoff.next(&self.dice).max(failure.retry_after.unwrap_or_default());
            let standing = Standing {
                retries,
                most_retries: course.retries,
                sends_left: MOST_SENDS.saturating_sub(errand.sends).saturating_sub(others as u32),
                wait,
                time_left: errand.time_left(),
                bears_more: bears_more || others == 0,
            };
            if let Err(reason) = self.may_retry(&standing, course).await {
                self.refused[reason as usize].inc();
                return Err(failure);
            }
            sleep(wait).await;
            retries += 1;
            lane.meters.retries.inc();
        }
    }

    async fn may_retry(&self, standing: &Standing, course: &Course) -> Result<(), Refused> {
        standing.judge()?;
        if self.budget.take(course.retries_per_minute).await { Ok(()) } else { Err(Refused::Budget) }
    }

    /// While the first model is down for everybody, everybody would arrive at the next one at once.
    async fn stagger(&self, course: &Course, errand: &Errand<'_>) {
        let wait = self.dice.between(Duration::ZERO, course.stagger);
        sleep(wait.min(errand.time_left())).await;
    }

    fn note(&self, lane: &Lane, failure: &Failure, errand: &Errand<'_>) {
        debug!(model = %lane.name, class = failure.class.label(), code = failure.code.as_deref(),
            detail = &*failure.detail, attempt = errand.sends, "Attempt failed.");
        if failure.class.is_throttle() || failure.class.is_ill_health() {
            self.troubled_at.store(self.clock.now().0, Relaxed);
        }
        if failure.class != Class::NotSent {
            self.codes.count(&lane.name, failure, self.clock.now());
        }
    }

    fn follow_knobs(&self) {
        let version = self.knobs.borrow().version;
        if self.course.load().version != version {
            self.course.store(Arc::new(Course::read(&self.board, version, &self.names)));
            self.resize_pools();
        }
    }

    fn resize_pools(&self) {
        let course = self.course.load();
        for (lane, size) in self.lanes.iter().zip(&course.pools) {
            size.iter().for_each(|size| lane.pool.resize(*size));
        }
    }
}

/// Whether the breaker has just decided about the model. With nobody else to ask, a wait that the provider itself has
/// named may be worth it.
fn is_left_alone(lane: &Lane, failure: &Failure, others: usize) -> bool {
    lane.breaker.is_open() && (others > 0 || failure.retry_after.is_none())
}

/// A failure of a model says more than that of one that was not asked or could not be.
fn more_telling(told: Option<Failure>, failure: Failure) -> Failure {
    let says_little = failure.class == Class::NotSent || failure.is_untranslatable();
    match told {
        Some(told) if says_little => told,
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
