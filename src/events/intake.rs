//! Takes deliveries in: each event is read, applied once, counted, and kept when it could not be applied.
//!
//! What an invalidation does is the same however often and in whatever order it is done, so a replay does no harm; that an
//! event came before is remembered to count rightly. Nobody is told that an event is taken before it is applied, or on
//! this node's disk.

mod again;
mod apply;
mod keep;
mod releases;
mod words;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;

pub use self::{
    again::Which,
    words::{Channel, OnFailure, Outcome, Refused, Verdict},
};
use super::{
    dead_letters::{DeadLetters, DeadLettersError},
    envelope::{self, Arrived, Carried, Shape},
    mapping::{Mappings, Reading},
    meters::Meters,
    plain,
    seen::{Known, Seen},
};
use crate::{
    clock::{Clock, Timestamp},
    controller::sense::eyes::Inbox,
    dice::Dice,
    engine::{recall::Recall, understand::Understanding},
    store::{Store, StoreError, Tag},
    telemetry::registry::Registry,
};

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

    fn settle(&self, id: &str, outcome: Outcome, happened: Timestamp) {
        self.seen().done(id);
        match outcome {
            Outcome::Ignored => self.meters.ignored(),
            _ => self.meters.applied(self.clock.now().since(happened)),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
