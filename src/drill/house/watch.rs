//! The controller of a run: the shipped alarms, trees and policies, a journal in memory, and nothing but the engines' own
//! measurements to see by.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    clock::{Clock, Timestamp},
    config::{files::Files, problem::Problems},
    controller::{
        act::{
            Hands,
            cache::{Cleaning, Invalidating, Warming},
            journal::Journal,
            knobs::Knobs,
            prompts::RollingBack,
        },
        alarm::AlarmState,
        decide::Limits,
        event::Event,
        incident::Incident,
        query::Series,
        reconcile::{Controller, Parts, Senses},
        rulebook::Rulebook,
        sense::{eyes::Inbox, fleet::EngineSource, history::History},
    },
    drill::{offset::Offset, story::AlarmTurn},
    ids::AlarmName,
    knob::board::Board,
    store::{Store, Tag},
    telemetry::registry::Registry,
};

/// More incidents than a drill can have.
const MOST_INCIDENTS: usize = 10_000;

/// For so long after an alarm has turned, a drill that looks seldom looks each second.
const BUSY_FOR: Duration = Duration::from_secs(15 * 60);

/// A controller and what it sees.
pub(super) struct Watch {
    controller: Controller,
    eyes: tokio::sync::Mutex<Eyes>,
    history: Arc<History>,
    alarms: Mutex<Turned>,
}

/// How alarms turned.
#[derive(Default)]
struct Turned {
    /// By time.
    all: Vec<(Timestamp, AlarmName, AlarmState)>,
    /// How each stands.
    now: BTreeMap<AlarmName, AlarmState>,
}

impl Watch {
    /// Puts a controller together beside these engines.
    ///
    /// # Errors
    /// What is wrong with the shipped files, or with the journal.
    pub(super) fn begin(
        files: &Files,
        registries: &[Arc<Registry>],
        board: &Arc<Board>,
        store: &Arc<dyn Store>,
        inbox: Inbox,
        clock: Clock,
    ) -> Result<Self, String> {
        let mut problems = Problems::default();
        let book = Rulebook::load(files, &board.catalogue(), &mut problems);
        let Rulebook { rules, trees, policies } = problems.or(book).map_err(|problems| problems.to_string())?;
        let journal = Arc::new(Journal::in_memory().map_err(|error| error.to_string())?);
        let hands = Hands::default()
            .with("knob", Arc::new(Knobs::new(board.clone(), clock)))
            .with("clean_up", Arc::new(Cleaning::new(store.clone(), board.clone(), clock)))
            .with("warm", Arc::new(Warming::new(store.clone(), clock)))
            .with("roll_back", Arc::new(RollingBack::new(board.clone(), clock)))
            .with("invalidate", Arc::new(Invalidating::new(store.clone(), Arc::new(|tag| vec![Tag(tag.into())]))));
        let own = Registry::default();
        let limits = Limits::default();
        let (board, roster) = (board.clone(), Arc::default());
        let parts = Parts { rules, trees, policies, limits, board, hands, roster, lease: None, journal, clock };
        let controller = Controller::new(parts, &own).map_err(|error| error.to_string())?;
        let history = Arc::new(History::new(&own));
        let mut source = EngineSource::default();
        for (number, registry) in registries.iter().enumerate() {
            source.watch(format!("node-{number:02}").into(), registry.clone());
        }
        let eyes = tokio::sync::Mutex::new(Eyes { source, inbox, history: history.clone() });
        Ok(Self { controller, eyes, history, alarms: Mutex::default() })
    }

    /// Something was announced.
    pub(super) fn hear(&self, event: Event) {
        self.history.note(event);
    }

    /// One turn of the loop.
    pub(super) async fn tick(&self, now: Timestamp) {
        self.controller.tick(&mut *self.eyes.lock().await, now).await;
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        for judged in self.controller.overview().alarms {
            if alarms.now.get(&judged.alarm).copied().unwrap_or_default() != judged.state {
                alarms.now.insert(judged.alarm.clone(), judged.state);
                alarms.all.push((now, judged.alarm, judged.state));
            }
        }
    }

    /// Whether an alarm has turned lately.
    pub(super) fn is_busy(&self, now: Timestamp) -> bool {
        let alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        alarms.all.last().is_some_and(|(at, ..)| now.since(*at) < BUSY_FOR)
    }

    /// The incidents so far, oldest first.
    pub(super) fn incidents(&self) -> Vec<Incident> {
        let mut incidents = self.controller.incidents(MOST_INCIDENTS).unwrap_or_default();
        incidents.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        incidents
    }

    /// How the alarms turned, by time, apart from those that were never on.
    pub(super) fn turns(&self, start: Timestamp) -> Vec<AlarmTurn> {
        let alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = |(at, alarm, to): &(Timestamp, AlarmName, AlarmState)| AlarmTurn {
            at: Offset::between(start, *at),
            alarm: alarm.to_string(),
            to: *to,
        };
        alarms.all.iter().map(turn).collect()
    }
}

/// What the controller sees by.
struct Eyes {
    source: EngineSource,
    inbox: Inbox,
    history: Arc<History>,
}

#[async_trait]
impl Senses for Eyes {
    async fn look(&mut self, now: Timestamp) {
        self.source.look(&self.history, now);
        let events = std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        events.into_iter().for_each(|event| self.history.note(event));
    }

    fn series(&self) -> &(dyn Series + Send + Sync) {
        &*self.history
    }

    fn events(&self, since: Timestamp) -> Vec<Event> {
        self.history.events_since(since)
    }
}
