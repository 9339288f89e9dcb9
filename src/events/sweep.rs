//! Making void what fits a pattern: `*` over the tags or the questions of all entries.
//!
//! A scan in the background, a page at a time, with a bound on what it may remove; nothing is asked of the store at once that
//! grows with its size. Tags that fit are invalidated, so that fills under way are void too; entries whose question fits are
//! removed, and looked for once more when every fill that was under way has ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::glob;
use crate::{
    clock::{Clock, Timestamp},
    engine::understand::normalise::normalise,
    store::{Entry, Store, Tag},
    tasks::Tasks,
};

/// Entries looked at with one call, and the pause after it: a sweep takes a small share of the store's time.
const PAGE: usize = 256;
const PAUSE: Duration = Duration::from_millis(5);
/// How long one sweep may take.
const LONGEST: Duration = Duration::from_secs(600);
/// Sweeps under way, and those remembered.
const AT_ONCE: usize = 4;
const REMEMBERED: usize = 100;
/// What one sweep may make void, unless it says less.
const MOST: u64 = 50_000;

/// What a pattern is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The tags: `title:dragon ball*`.
    #[default]
    Tags,
    /// The questions as they were asked: `*box set*`.
    Questions,
}

/// What to make void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The pattern; `*` stands for anything.
    pub pattern: String,
    /// What it is held against.
    #[serde(default)]
    pub over: Over,
    /// At most so many tags or entries.
    #[serde(default = "most")]
    pub most: u64,
    /// Must be said when the pattern fits everything.
    #[serde(default)]
    pub everything: bool,
}

fn most() -> u64 {
    MOST
}

/// How far a sweep is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Its number.
    pub id: u64,
    /// What it makes void.
    pub plan: Plan,
    /// Since when.
    pub began: Timestamp,
    /// Entries looked at.
    pub looked: u64,
    /// Tags invalidated or entries removed.
    pub voided: u64,
    /// How it stands.
    pub state: State,
    /// What went wrong, or is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It looks.
    Running,
    /// It looked at everything; it looks once more when fills under way have ended.
    Settling,
    /// It is over.
    Done,
    /// It was broken off; what it did stands.
    Failed,
}

/// Sweeps, under way and over.
pub struct Sweeps {
    store: Arc<dyn Store>,
    clock: Clock,
    /// How long a fill may be under way.
    fills: Duration,
    tasks: Tasks,
    all: Mutex<BTreeMap<u64, Progress>>,
}

impl Plan {
    /// The plan in the form that things are kept in.
    ///
    /// # Errors
    /// For people: an empty pattern, or one that fits everything and does not say so.
    pub fn checked(mut self) -> Result<Self, String> {
        self.pattern = match (self.over, self.pattern.split_once(':')) {
            (Over::Tags, Some((kind, name))) => format!("{}:{}", normalise(kind), folded(name)),
            _ => folded(&self.pattern),
        };
        if self.pattern.is_empty() {
            return Err("the pattern is empty: say what to make void, such as `title:dragon ball*`".into());
        }
        if glob::fits_everything(&self.pattern) && !self.everything {
            return Err(format!(
                "`{}` fits everything. If that is what you want, say `\"everything\": true`: every question is asked anew then",
                self.pattern
            ));
        }
        if self.most == 0 {
            return Err("`most: 0` makes nothing void".into());
        }
        Ok(self)
    }
}

/// One spelling, stars kept.
fn folded(pattern: &str) -> String {
    let trailing = pattern.trim_end().ends_with('*');
    let folded = normalise(pattern);
    // A star may stand for the very end: closing punctuation before it was not at the end.
    if trailing && !folded.ends_with('*') { format!("{folded}*") } else { folded }
}

impl Sweeps {
    /// Sweeps over this store, where a fill may be under way for `fills`.
    pub fn new(store: Arc<dyn Store>, clock: Clock, fills: Duration, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self { store, clock, fills, tasks, all: Mutex::default() })
    }

    /// Begins a sweep in the background.
    ///
    /// # Errors
    /// For people: too many are under way.
    pub fn begin(self: &Arc<Self>, plan: Plan) -> Result<Progress, String> {
        let mut all = self.all();
        let running = all.values().filter(|sweep| sweep.state == State::Running).count();
        if running >= AT_ONCE {
            return Err(format!("{running} sweeps are under way already; begin this one when one of them is over"));
        }
        let id = all.last_key_value().map_or(1, |(id, _)| id + 1);
        let progress =
            Progress { id, plan, began: self.clock.now(), looked: 0, voided: 0, state: State::Running, why: None };
        all.insert(id, progress.clone());
        if all.len() > REMEMBERED {
            all.pop_first();
        }
        drop(all);
        self.tasks.spawn_until_stopped(self.clone().work(id, progress.plan.clone()));
        Ok(progress)
    }

    /// How far a sweep is.
    pub fn progress(&self, id: u64) -> Option<Progress> {
        self.all().get(&id).cloned()
    }

    async fn work(self: Arc<Self>, id: u64, plan: Plan) {
        let mut done = tokio::time::timeout(LONGEST, self.pass(id, &plan)).await;
        if matches!(done, Ok(Ok(()))) && plan.over == Over::Questions {
            self.update(id, |sweep| sweep.state = State::Settling);
            tokio::time::sleep(self.fills).await;
            done = tokio::time::timeout(LONGEST, self.pass(id, &plan)).await;
        }
        let why = match done {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some(format!("it took longer than {} s", LONGEST.as_secs())),
        };
        let state = if why.is_some() { State::Failed } else { State::Done };
        self.update(id, |sweep| (sweep.state, sweep.why) = (state, why));
        if let Some(sweep) = self.progress(id) {
            tracing::info!(
                pattern = plan.pattern,
                voided = sweep.voided,
                looked = sweep.looked,
                why = sweep.why,
                "Sweep over."
            );
        }
    }

    /// Looks at every entry once.
    async fn pass(&self, id: u64, plan: &Plan) -> Result<(), String> {
        let (mut cursor, mut voided) = (None, BTreeSet::new());
        loop {
            let (entries, next) = self.store.page(cursor, PAGE).await.map_err(|error| error.to_string())?;
            let so_far = self.progress(id).map_or(0, |sweep| sweep.voided);
            let room = plan.most.saturating_sub(so_far);
            let n = match plan.over {
                Over::Tags => self.tags(plan, &entries, &mut voided, room).await?,
                Over::Questions => self.questions(plan, &entries, room).await?,
            };
            self.update(id, |sweep| {
                sweep.looked += entries.len() as u64;
                sweep.voided += n;
            });
            if so_far + n >= plan.most {
                return Err(format!(
                    "{} were made void, which is the most it may; begin another for the rest",
                    plan.most
                ));
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn tags(
        &self,
        plan: &Plan,
        entries: &[Arc<Entry>],
        voided: &mut BTreeSet<Tag>,
        room: u64,
    ) -> Result<u64, String> {
        let tags = entries.iter().flat_map(|entry| &entry.tags).map(|(tag, _)| tag);
        let fitting: BTreeSet<_> = tags.filter(|tag| glob::fits(&plan.pattern, &tag.0)).cloned().collect();
        let fresh: Vec<_> =
            fitting.difference(voided).take(usize::try_from(room).unwrap_or(usize::MAX)).cloned().collect();
        if !fresh.is_empty() {
            self.store.invalidate(&fresh).await.map_err(|error| error.to_string())?;
        }
        voided.extend(fresh.iter().cloned());
        Ok(fresh.len() as u64)
    }

    async fn questions(&self, plan: &Plan, entries: &[Arc<Entry>], room: u64) -> Result<u64, String> {
        let fitting = entries.iter().filter(|entry| glob::fits(&plan.pattern, &normalise(&entry.question)));
        let keys: Vec<_> = fitting.take(usize::try_from(room).unwrap_or(usize::MAX)).map(|entry| entry.key).collect();
        if !keys.is_empty() {
            self.store.remove(&keys).await.map_err(|error| error.to_string())?;
        }
        Ok(keys.len() as u64)
    }

    fn update(&self, id: u64, change: impl FnOnce(&mut Progress)) {
        if let Some(sweep) = self.all().get_mut(&id) {
            change(sweep);
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Progress>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
