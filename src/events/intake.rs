//! Takes deliveries in: each event is read, applied once, counted, and kept when it could not be applied.
//!
//! What an invalidation does is the same however often and in whatever order it is done, so a replay does no harm; that an
//! event came before is remembered to count rightly. Nobody is told that an event is taken before it is applied, or on
//! this node's disk.

mod again;
mod releases;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use again::Which;
use arc_swap::ArcSwap;
use serde::Serialize;
use tracing::{info, warn};

use super::{
    dead_letters::{DeadLetters, DeadLettersError, Letter},
    envelope::{self, Arrived, Carried, Shape},
    mapping::{Mappings, Reading},
    meters::Meters,
    plain,
    seen::{Known, Seen},
};
use crate::{
    clock::{Clock, Timestamp},
    controller::{event::Event, sense::eyes::Inbox},
    dice::Dice,
    engine::{recall::Recall, understand::Understanding},
    store::{Store, StoreError, Tag},
    telemetry::{catalogue, registry::Registry},
};

/// How long one invalidation may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many events wait for the controller; more are refused, so that none is lost unseen.
const WAITING: usize = 10_000;
/// A sender's clock may be this much ahead before it is worth a word.
const AHEAD: Duration = Duration::from_secs(5);
/// The pause before an event is tried again: doubling from the first to the longest, shortened by chance.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// By HTTP, with the operator's token.
    Http,
    /// By HTTP, signed by SNS.
    Sns,
    /// From a queue.
    Sqs,
}

impl Channel {
    pub(super) const ALL: [Self; 3] = [Self::Http, Self::Sns, Self::Sqs];

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What it makes void is void, and the controller was told.
    Applied,
    /// It means nothing here.
    Ignored,
    /// It was applied before.
    Duplicate,
    /// It could not be applied, and waits in the dead-letter store.
    Kept,
    /// It could not be applied, and its carrier has it still.
    Failed,
}

/// What became of an event, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The event's identity.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The mappings that matched.
    pub mappings: Vec<Arc<str>>,
    /// What became void.
    pub tags: Vec<Tag>,
    /// Why, or what else is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why a delivery was not taken; its sender has it still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody can make an event of it.
    #[error("{0}")]
    Unreadable(String),
    /// It is for a controller, and none runs here.
    #[error("no controller runs in this process; send events to the one that does")]
    Elsewhere,
    /// It could be neither applied nor kept.
    #[error("{0}")]
    Full(String),
}

/// What to do with an event that cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Keep it here: its carrier forgets it.
    Keep,
    /// Say so: its carrier brings it again.
    Leave,
}

/// What an intake works with.
pub struct Parts {
    /// What events mean.
    pub mappings: Mappings,
    /// One form for all spellings of a tag.
    pub understanding: Arc<Understanding>,
    /// Where entries become void.
    pub store: Arc<dyn Store>,
    /// The cache of this process, which forgets at once; `None` where no engine runs.
    pub recall: Option<Arc<Recall>>,
    /// Why nothing can be made void from here, if so: then what should be is kept.
    pub out_of_reach: Option<&'static str>,
    /// Where the controller of this process hears of things; `None` without one.
    pub inbox: Option<Inbox>,
    /// Where events wait that could not be applied.
    pub letters: DeadLetters,
    /// Where it counts.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub dice: Arc<Dice>,
}

/// What events mean, and one form for all spellings of a tag: replaced together when the operator's files change.
struct Meaning {
    mappings: Mappings,
    understanding: Arc<Understanding>,
}

/// Takes deliveries in.
pub struct Intake {
    meaning: ArcSwap<Meaning>,
    out_of_reach: Option<&'static str>,
    store: Arc<dyn Store>,
    recall: Option<Arc<Recall>>,
    inbox: Option<Inbox>,
    letters: Arc<DeadLetters>,
    registry: Arc<Registry>,
    meters: Meters,
    seen: Mutex<Seen>,
    clock: Clock,
    dice: Arc<Dice>,
}

/// What an event does, tried once.
struct Tried {
    reading: Reading,
    result: Result<Outcome, String>,
    remarks: Vec<String>,
}

impl Intake {
    /// An intake; what a former life could not apply is owed from the start.
    ///
    /// # Errors
    /// When the dead letters cannot be counted.
    pub fn new(parts: Parts) -> Result<Self, DeadLettersError> {
        let Parts { mappings, understanding, store, recall, out_of_reach, inbox, letters, registry, clock, dice } =
            parts;
        let meters = Meters::new(&registry);
        let waiting = letters.count()?;
        meters.owed(waiting);
        meters.letters(waiting);
        let (letters, seen) = (Arc::new(letters), Mutex::default());
        let meaning = ArcSwap::from_pointee(Meaning { mappings, understanding });
        Ok(Self { meaning, out_of_reach, store, recall, inbox, letters, registry, meters, seen, clock, dice })
    }

    /// Takes a delivery in.
    ///
    /// # Errors
    /// [`Refused`]: then its sender should keep it. Of a batch, those before the one that was refused are done.
    pub async fn receive(
        &self,
        text: &str,
        carried: &Carried,
        channel: Channel,
        on_failure: OnFailure,
    ) -> Result<Vec<Verdict>, Refused> {
        let unreadable = |why| {
            self.meters.unreadable();
            Refused::Unreadable(why)
        };
        let arrived = envelope::open(text, carried).map_err(unreadable)?;
        for event in arrived.iter().filter(|event| event.shape == Shape::Plain) {
            let said = plain::event(&event.body, self.clock.now()).map_err(unreadable)?;
            releases::of(&said).map_err(unreadable)?;
            if self.inbox.is_none() && self.read(&event.body).mappings.is_empty() {
                return Err(Refused::Elsewhere);
            }
        }
        let mut verdicts = Vec::with_capacity(arrived.len());
        for event in arrived {
            verdicts.push(self.take(event, channel, on_failure).await?);
        }
        Ok(verdicts)
    }

    /// Makes void by hand what has one of these tags.
    ///
    /// # Errors
    /// The store's; the caller does it again.
    pub async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        self.meters.received(Channel::Http);
        let done = self.void(tags).await;
        match &done {
            Ok(()) => self.meters.applied(Duration::ZERO),
            Err(_) => {
                self.meters.failed();
                self.meters.settled();
            }
        }
        done
    }

    /// A tag in the form the cache knows it by, with what stands for the same.
    pub fn tags(&self, text: &str) -> Vec<Tag> {
        super::mapping::tags(text, &self.meaning.load().understanding, &mut Vec::new())
    }

    /// From now on events mean this.
    pub fn renew(&self, mappings: Mappings, understanding: Arc<Understanding>) {
        self.meaning.store(Arc::new(Meaning { mappings, understanding }));
    }

    fn read(&self, event: &serde_json::Value) -> Reading {
        let meaning = self.meaning.load();
        meaning.mappings.read(event, &meaning.understanding)
    }

    /// What waits to be applied.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn letters(&self, most: usize) -> Result<Vec<Letter>, DeadLettersError> {
        self.on_disk(move |letters| letters.list(most)).await
    }

    async fn take(&self, event: Arrived, channel: Channel, on_failure: OnFailure) -> Result<Verdict, Refused> {
        let id = event.id.clone().unwrap_or_else(|| format!("{:016x}{:016x}", self.dice.bits(), self.dice.bits()));
        match self.seen().comes(&id) {
            Known::New => self.meters.received(channel),
            Known::Open => self.meters.owed(1),
            Known::Done => {
                self.meters.duplicate();
                let why = Some("it was applied before".to_owned());
                return Ok(Verdict { id, outcome: Outcome::Duplicate, mappings: vec![], tags: vec![], why });
            }
        }
        let received = self.clock.now();
        let tried = self.attempt(&event).await;
        let outcome = match &tried.result {
            Ok(outcome) => {
                self.settle(&id, *outcome, event.at.unwrap_or(received));
                self.forget(&id).await;
                *outcome
            }
            Err(_) if on_failure == OnFailure::Leave => {
                self.meters.settled();
                Outcome::Failed
            }
            Err(why) => {
                self.keep(self.letter(&id, &event, channel, received, why)).await?;
                Outcome::Kept
            }
        };
        Ok(tried.verdict(id, outcome))
    }

    /// Does what an event says.
    async fn attempt(&self, event: &Arrived) -> Tried {
        let now = self.clock.now();
        let mut reading = self.read(&event.body);
        let mut remarks = std::mem::take(&mut reading.remarks);
        let mut happened: Vec<_> = reading
            .announced
            .iter()
            .map(|a| Event {
                at: event.at.map_or(now, |at| at.min(now)),
                kind: a.kind.clone(),
                subject: a.subject.clone(),
                details: a.details.clone(),
            })
            .collect();
        let own = (event.shape == Shape::Plain).then(|| plain::event(&event.body, now)).and_then(Result::ok);
        happened.extend(own.clone());
        if let Some(at) = event.at.filter(|at| *at > now + AHEAD) {
            remarks.push(format!("its time {at} is in the future: look at the sender's clock. It counts as now"));
        }
        let result = match (&reading.renamed, reading.mappings.is_empty() && own.is_none()) {
            (Some(renamed), _) => Err(renamed.clone()),
            (None, true) => {
                if let Some((name, what)) = self.meaning.load().mappings.nearest(&event.body) {
                    remarks.push(format!("no mapping matches; for `{name}`, {what}"));
                }
                Ok(Outcome::Ignored)
            }
            (None, false) => self.apply(&reading, happened).await,
        };
        Tried { reading, result, remarks }
    }

    /// First what becomes void, then who hears of it: done again, the first does no harm.
    async fn apply(&self, reading: &Reading, happened: Vec<Event>) -> Result<Outcome, String> {
        if !reading.tags.is_empty() {
            if let Some(why) = self.out_of_reach {
                return Err(why.to_owned());
            }
            self.void(&reading.tags).await.map_err(|error| error.to_string())?;
        }
        if !reading.missing.is_empty() {
            return Err(reading.missing.join("; "));
        }
        let is_idle = reading.tags.is_empty() && happened.is_empty();
        self.announce(&happened).await;
        self.tell(happened)?;
        Ok(if is_idle { Outcome::Ignored } else { Outcome::Applied })
    }

    async fn void(&self, tags: &[Tag]) -> Result<(), StoreError> {
        let done = tokio::time::timeout(DEADLINE, self.store.invalidate(tags)).await;
        if let Some(recall) = &self.recall {
            recall.void(tags);
        }
        done.unwrap_or(Err(StoreError::Timeout(DEADLINE)))
    }

    fn tell(&self, happened: Vec<Event>) -> Result<(), String> {
        let waiting = self.inbox.as_ref().map(|inbox| inbox.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.as_ref().is_some_and(|waiting| waiting.len() + happened.len() > WAITING) {
            return Err("too many events wait for the controller".into());
        }
        for event in &happened {
            if event.kind == "deployment" {
                self.registry.counter(&catalogue::DEPLOYMENTS, &[plain::deployed(&event.subject)]).inc();
            }
            info!(kind = event.kind, subject = event.subject, "Event received.");
        }
        if let Some(mut waiting) = waiting {
            waiting.extend(happened);
        }
        Ok(())
    }

    fn settle(&self, id: &str, outcome: Outcome, happened: Timestamp) {
        self.seen().done(id);
        match outcome {
            Outcome::Ignored => self.meters.ignored(),
            _ => self.meters.applied(self.clock.now().since(happened)),
        }
    }

    fn letter(&self, id: &str, event: &Arrived, channel: Channel, received: Timestamp, why: &str) -> Letter {
        Letter {
            id: id.to_owned(),
            channel: channel.label().to_owned(),
            received,
            at: event.at,
            why: why.to_owned(),
            attempts: 1,
            due: Some(self.next_try(1)),
            shape: Some(event.shape),
            text: event.body.to_string(),
        }
    }

    /// Keeps a text that nobody can read, for people to look at.
    ///
    /// # Errors
    /// [`Refused::Full`] when there is no room; then its carrier keeps it.
    pub async fn keep_unreadable(&self, id: &str, text: &str, channel: Channel, why: &str) -> Result<(), Refused> {
        self.meters.received(channel);
        self.keep(Letter {
            id: id.to_owned(),
            channel: channel.label().to_owned(),
            received: self.clock.now(),
            at: None,
            why: why.to_owned(),
            attempts: 1,
            due: None,
            shape: None,
            text: text.to_owned(),
        })
        .await
    }

    async fn keep(&self, letter: Letter) -> Result<(), Refused> {
        let (id, why) = (letter.id.clone(), letter.why.clone());
        match self.on_disk(move |letters| letters.keep(&letter)).await {
            Ok(is_new) => {
                // One that waited already is owed already.
                if is_new {
                    self.meters.failed()
                } else {
                    self.meters.settled()
                }
                warn!(id, why, "An event could not be applied; it waits in the dead-letter store.");
                self.count_letters().await;
                Ok(())
            }
            Err(error) => {
                self.meters.full();
                self.meters.settled();
                Err(Refused::Full(format!(
                    "the event `{id}` could not be applied ({why}), and could not be kept: {error}"
                )))
            }
        }
    }

    /// What was applied waits no longer.
    async fn forget(&self, id: &str) {
        if self.meters.no_letters() {
            return;
        }
        let id = id.to_owned();
        if let Ok(true) = self.on_disk(move |letters| letters.remove(&id)).await {
            self.meters.settled();
            self.count_letters().await;
        }
    }

    async fn count_letters(&self) {
        if let Ok(waiting) = self.on_disk(DeadLetters::count).await {
            self.meters.letters(waiting);
        }
    }

    fn next_try(&self, attempts: u32) -> Timestamp {
        let pause = LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << attempts.min(16).saturating_sub(1)));
        self.clock.now() + self.dice.between(pause / 2, pause)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DeadLetters) -> Result<T, DeadLettersError> + Send + 'static,
    ) -> Result<T, DeadLettersError> {
        if !self.letters.waits_for_a_disk() {
            return work(&self.letters);
        }
        let letters = self.letters.clone();
        match tokio::task::spawn_blocking(move || work(&letters)).await {
            Ok(done) => done,
            Err(_) => Err(DeadLettersError::Io(rusqlite::Error::InvalidQuery)),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tried {
    fn verdict(self, id: String, outcome: Outcome) -> Verdict {
        let Reading { mappings, tags, .. } = self.reading;
        let why: Vec<_> = self.result.err().into_iter().chain(self.remarks).collect();
        let why = (!why.is_empty()).then(|| why.join("; "));
        Verdict { id, outcome, mappings, tags, why }
    }
}
