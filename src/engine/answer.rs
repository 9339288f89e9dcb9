//! One request from question to answer.
//!
//! [`Engine::answer`] is the whole way, readable top to bottom: admit, understand, recall, coalesce, ask the models. What
//! takes long runs in a task of its own (`Engine::lead`), detached from the client that asked first, and writes into an
//! [`AnswerLog`] that everybody reads.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tracing::debug;

use super::{
    admit::{Admission, Limited},
    answer_log::{AnswerLog, LogWriter},
    asked::Asked,
    coalesce::{Cleared, Coalesce, LeadTurn, Turn},
    completion,
    crowd::Crowd,
    degrade::{Messages, SPLIT, reception::Reception},
    dialect::Lost,
    exposure::{Given, Trail},
    guard::{
        Guard,
        over::Over,
        plan::Plan,
        revise::{Reader, Watch},
    },
    guarded::vet::Vetted,
    measure::Measures,
    model::cascade::Cascade,
    price::PRICE_TAG,
    prompt::{Prompts, UnknownPrompt, library::Library},
    readiness::Readiness,
    recall::{Recall, hit::Hit},
    repeated::Repeated,
    sale::{self, Calendar},
    shadow::Shadow,
    source::{Origin, Source},
    understand::{InForce, Understanding, question::Question},
};
use crate::{
    clock::Clock,
    dice::Dice,
    digest::Digest,
    knob::{board::Board, value::Value},
    store::{Entry, Shape},
    tasks::Tasks,
    units::Ratio,
};

/// Everything that one node needs to answer.
pub struct Engine {
    /// Intents, titles, and how to tell what a question is about.
    pub understanding: InForce,
    /// Rate limits.
    pub admission: Arc<Admission>,
    /// Who asks: people, or few who pretend to be many.
    pub crowd: Crowd,
    /// The cache.
    pub recall: Arc<Recall>,
    /// Single flight.
    pub coalesce: Coalesce,
    /// Whether questions should come to this node.
    pub readiness: Arc<Readiness>,
    /// The models, in the order they are asked.
    pub cascade: Cascade,
    /// What to say when no model answers.
    pub messages: ArcSwap<Messages>,
    /// What may be said.
    pub guard: Arc<Guard>,
    /// What verifies cached answers.
    pub shadow: Shadow,
    /// Degraded answers given a moment ago.
    pub repeated: Repeated,
    /// How users take them.
    pub reception: Reception,
    /// What is measured on the way.
    pub measures: Arc<Measures>,
    /// What goes in front of conversations, and what the provider's cache makes of it.
    pub prompts: Arc<Prompts>,
    /// When prices turn.
    pub calendar: sale::InForce,
    /// Who was served what; `None` where nobody asks (drills).
    pub trail: Option<Trail>,
    /// The knobs.
    pub board: Arc<Board>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub dice: Arc<Dice>,
    /// Where leaders run.
    pub tasks: Tasks,
    /// How long a follower waits for its leader before somebody else leads.
    pub patience: Duration,
    /// How long a request may take over all attempts and fallbacks.
    pub deadline: Duration,
}

/// An answer, complete or coming in, and where it is from.
#[derive(Debug)]
pub struct Answer {
    /// The answer's chunks.
    pub log: AnswerLog,
    /// What was asked, understood.
    pub question: Arc<Question>,
    /// Identifies this answer, for feedback and traces.
    pub id: String,
    /// Where it is from, as far as it is known before the first chunk.
    from: From,
    /// The knob document's version it was given under.
    pub knobs: u64,
    trail: Option<Trail>,
}

#[derive(Clone, Debug)]
enum From {
    Cache { source: Source, model: Arc<str>, similarity: Option<Ratio>, age: Duration, quotes_price: bool },
    Leader,
    Follower,
}

/// Where an answer came from, for headers and metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The source.
    pub source: Source,
    /// The model that wrote it, now or when it was stored.
    pub model: Option<Arc<str>>,
    /// How alike the stored question is, for semantic answers.
    pub similarity: Option<Ratio>,
    /// How old a stored answer is.
    pub age: Option<Duration>,
    /// What was lost between two wire formats.
    pub lost: Lost,
}

/// Why a request gets no answer at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Over a limit.
    Limited(Limited),
    /// Only a cached answer was wanted, and there is none.
    NotCached,
    /// It names a prompt that is not there, or not for its tenant.
    UnknownPrompt(String),
}

impl std::convert::From<UnknownPrompt> for Refusal {
    fn from(unknown: UnknownPrompt) -> Self {
        Self::UnknownPrompt(unknown.name)
    }
}

impl Answer {
    /// Where it came from. A model's answer knows only once its first chunk is in: wait for [`AnswerLog::shape`] first.
    pub fn provenance(&self) -> Provenance {
        let written = || self.log.origin().unwrap_or(Origin::of(Source::Primary, None));
        match &self.from {
            From::Cache { source, model, similarity, age, .. } => Provenance {
                source: *source,
                model: Some(model.clone()),
                similarity: *similarity,
                age: Some(*age),
                lost: Lost::default(),
            },
            From::Leader => Provenance::from(written()),
            From::Follower => match written() {
                origin @ Origin { source: Source::Primary | Source::Secondary, .. } => {
                    Provenance { source: Source::Coalesced, ..Provenance::from(origin) }
                }
                origin => Provenance::from(origin),
            },
        }
    }

    /// To be called once by whoever sends the answer, when its provenance is known: an answer that was kept and is stale,
    /// or may quote a price, leaves a note in the exposure trail, and one that is still being checked is revised if need be.
    /// Never waits.
    pub fn given(&self) {
        let watch = self.log.watched();
        if self.trail.is_none() && watch.is_none() {
            return;
        }
        let Provenance { source, age, .. } = self.provenance();
        let age = age.unwrap_or_default();
        if let Some(watch) = watch {
            let (id, question) = (self.id.as_str().into(), self.question.clone());
            watch.given_to(Reader { id, question, source, age });
        }
        let quotes = self.question.intent.carries_price || matches!(self.from, From::Cache { quotes_price: true, .. });
        let matters = match source {
            Source::Stale => true,
            Source::Exact | Source::Semantic => quotes,
            _ => false,
        };
        if let Some(trail) = self.trail.as_ref().filter(|_| matters) {
            trail.note(&Given { id: &self.id, question: &self.question, source, age, log: &self.log });
        }
    }
}

impl std::convert::From<Origin> for Provenance {
    fn from(origin: Origin) -> Self {
        Self { source: origin.source, model: origin.model, similarity: None, age: origin.age, lost: origin.lost }
    }
}

impl Engine {
    /// Answers one request. Comes back when the answer is there or has been asked for; its chunks follow in the log.
    ///
    /// # Errors
    /// [`Refusal`], when the request is over a limit or may not ask a model. Dropping the future leaves whatever others
    /// wait for running.
    pub async fn answer(self: &Arc<Self>, asked: Asked) -> Result<Answer, Refusal> {
        self.measures.requests.inc();
        let started = Instant::now();
        self.crowd.note(&asked.caller, &asked.text);
        self.admission.admit(&asked.caller, asked.hints.within).await.map_err(Refusal::Limited)?;
        let asked = self.prompted(asked)?;
        let question = Arc::new(self.understanding.load().question(asked));
        self.reception.asks(&question);
        if let Some(log) = self.refused(&question).await {
            return Ok(self.hand_out(question, log, From::Leader));
        }
        if let Some(hit) = self.recall.look_up(&question).await
            && let Vetted::Fine(watch) = self.vet(&question, &hit).await
        {
            return Ok(self.recalled(question, hit, watch));
        }
        if question.asked.hints.only_if_cached {
            return Err(Refusal::NotCached);
        }
        if let Some(log) = self.repeated.answer_to(&question) {
            self.measures.repeated.inc();
            return Ok(self.hand_out(question, log, From::Follower));
        }
        let deadline = started + self.deadline;
        let (log, from) = self.take(self.coalesce.join(self.flight(&question)), &question, deadline);
        Ok(self.hand_out(question, log, from))
    }

    /// An answer that has begun, or ended; from then on a reader's verdict on it can be taken. A follower whose leader takes
    /// too long leads itself; of many only one does.
    pub async fn begun(self: &Arc<Self>, mut answer: Answer) -> Answer {
        while matches!(answer.from, From::Follower) {
            if tokio::time::timeout(self.patience, answer.log.shape()).await.is_ok() {
                break;
            }
            let turn = self.coalesce.overdue(answer.question.key, &answer.log);
            (answer.log, answer.from) = self.take(turn, &answer.question, Instant::now() + self.deadline);
        }
        if answer.log.shape().await.is_ok() {
            self.note_given(&answer);
        }
        answer
    }

    /// The request with its prompt in front, where one is configured for it.
    ///
    /// # Errors
    /// It names a prompt that it cannot have.
    pub(super) fn prompted(&self, asked: Asked) -> Result<Asked, UnknownPrompt> {
        let understanding = self.understanding.load();
        self.prompts.put_in_front(asked, |asked| understanding.question(asked.clone()).intent.id.clone())
    }

    /// What a question shares its flight by: its key, or nothing when its answer is for one caller only.
    fn flight(&self, question: &Question) -> Digest {
        if question.is_shareable() && !question.asked.hints.no_cache {
            return question.key;
        }
        Digest::of([&self.dice.bits().to_le_bytes(), &self.dice.bits().to_le_bytes()].map(|bytes| &bytes[..]))
    }

    /// Follows, or leads in a task of its own.
    fn take(self: &Arc<Self>, turn: Turn, question: &Arc<Question>, deadline: Instant) -> (AnswerLog, From) {
        match turn {
            Turn::Follow(log) => (log, From::Follower),
            Turn::Lead(turn) => {
                let log = turn.log();
                self.tasks.spawn(self.clone().lead(turn, question.clone(), deadline));
                (log, From::Leader)
            }
        }
    }

    /// Gets the answer for everybody who waits for it: from a node that was faster, from a model, or from what stands in
    /// for one. Only a model's complete answer is remembered.
    async fn lead(self: Arc<Self>, turn: LeadTurn, question: Arc<Question>, deadline: Instant) {
        let Cleared::Ask(mut turn) = turn.clear(|| self.look_again(&question)).await else { return };
        let over = self.guard.over(&question.intent);
        let fill = self.recall.begin_marked(&question, over.as_ref().map(Over::mark)).await;
        match self.fill(over, &question, &mut turn, deadline).await {
            Ok(told) => {
                let log = turn.log();
                // What another format could not say may be missed: such an answer is for those who wait for it.
                let is_partial = log.origin().is_some_and(|origin| origin.lost.may_change_the_answer());
                let fill = Some(fill).filter(|_| !is_partial);
                turn.land(async { self.keep(&question, fill, told, &log).await }).await;
            }
            Err(failure) if turn.writer().has_begun() || !failure.class.may_pass() => turn.fail(failure).await,
            Err(failure) => {
                debug!(%failure, intent = %question.intent.id, "No model answered; something else stands in.");
                if !self.stand_in(&question, turn.writer()).await {
                    return turn.fail(failure).await;
                }
                self.repeated.note(&question, turn.log());
                turn.land(std::future::ready(())).await;
            }
        }
    }

    /// What another node may have stored since the miss.
    async fn look_again(&self, question: &Question) -> Option<Arc<Entry>> {
        if question.asked.hints.no_cache {
            return None;
        }
        let hit = self.recall.exact(question).await?;
        let vouched = self.guard.over(&question.intent).is_none_or(|over| self.guard.vouches(&over, &hit.entry));
        vouched.then_some(hit.entry)
    }

    /// What is said when no model answers: stale, then fixed, then degraded. `false`: nothing, because the format has no words.
    async fn stand_in(self: &Arc<Self>, question: &Arc<Question>, writer: &mut LogWriter) -> bool {
        let dialect = question.asked.dialect;
        let (origin, shape, chunks) = match self.stale(question).await {
            Some(hit) => {
                let written_by = Origin::of(Source::Stale, Some(hit.entry.model.clone()));
                let origin = Origin { age: Some(hit.age), ..written_by };
                let note = hit.disclaimer.as_deref();
                let chunks = note.map(|note| completion::append(hit.entry.shape, &hit.entry.chunks, note));
                (origin, hit.entry.shape, chunks.unwrap_or_else(|| hit.entry.chunks.clone()))
            }
            None if !dialect.has_words() => return false,
            None => {
                let (source, text) = self.words_for(question);
                let body = completion::say(dialect, &text, &format!("{:016x}", self.dice.bits()), self.clock.now());
                (Origin::of(source, None), Shape::Body, vec![body])
            }
        };
        writer.begin(origin);
        chunks.into_iter().for_each(|chunk| writer.push(shape, chunk));
        true
    }

    fn words_for(&self, question: &Question) -> (Source, String) {
        let messages = self.messages.load();
        if let Some(fixed) = messages.fixed(&question.intent.id, &question.asked.text) {
            return (Source::Static, fixed.to_owned());
        }
        let recovery = self.cascade.outages().estimate(self.clock.now());
        let forced = match self.board.get("degraded.variant").map(|setting| setting.value) {
            Some(Value::Choice(variant)) if variant != SPLIT => Some(variant),
            _ => None,
        };
        let message = messages.degraded(question, recovery, forced.as_deref());
        self.reception.given(question, &message.variant);
        (Source::Degraded, message.text)
    }

    fn recalled(self: &Arc<Self>, question: Arc<Question>, hit: Hit, watch: Option<Arc<Watch>>) -> Answer {
        let log = AnswerLog::sealed(hit.entry.shape, hit.entry.chunks.clone());
        if let Some(watch) = watch {
            log.watch(watch);
        }
        let id = self.new_id();
        self.recall.note(id.as_str(), &question, hit.source, Some(&hit));
        self.shadow(&id, &question, &hit);
        let from = From::Cache {
            source: hit.source,
            model: hit.entry.model.clone(),
            similarity: hit.similarity,
            age: hit.age,
            quotes_price: hit.entry.tags.iter().any(|(tag, _)| &*tag.0 == PRICE_TAG),
        };
        Answer { log, question, id, from, knobs: self.board.version(), trail: self.trail.clone() }
    }

    fn hand_out(&self, question: Arc<Question>, log: AnswerLog, from: From) -> Answer {
        let id = self.new_id();
        Answer { log, question, id, from, knobs: self.board.version(), trail: self.trail.clone() }
    }

    fn note_given(&self, answer: &Answer) {
        if !matches!(answer.from, From::Cache { .. }) {
            self.recall.note(answer.id.as_str(), &answer.question, answer.provenance().source, None);
        }
    }

    /// Puts changed files in force: questions that come now are understood by them.
    pub fn renew(
        &self,
        understanding: Arc<Understanding>,
        messages: Arc<Messages>,
        calendar: Arc<Calendar>,
        guardrails: Arc<Plan>,
        prompts: Arc<Library>,
    ) {
        self.guard.renew(guardrails, &understanding, &self.board);
        understanding.put_in_force(&self.understanding);
        self.prompts.renew(prompts);
        self.messages.store(messages);
        self.calendar.store(calendar);
        self.recall.renew();
    }

    fn new_id(&self) -> String {
        format!("{:016x}{:016x}", self.dice.bits(), self.dice.bits())
    }
}
