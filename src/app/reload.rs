//! The operator's files, read anew while Banto runs: on SIGHUP, and when they change on disk.
//!
//! What `banto check` would say decides: with one mistake in any file nothing changes, and every mistake is logged with its
//! place. Intents, titles, everyday words, messages and guardrails take effect for the questions that come next, thresholds and times
//! through their knobs; alarms, policies and drills when Banto starts again. A change is taken once the files have been
//! still for a moment, so that a half-written file is not read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tracing::{error, info, warn};

use super::shop::Shop;
use crate::{
    clock::Clock,
    config::{files::Files, problem::Problems},
    controller::rulebook::Rulebook,
    engine::answer::Engine,
    events::intake::Intake,
    knob::{
        board::Board,
        catalogue::{EngineDefaults, ModelDefaults},
    },
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What reloading works with.
pub struct Reload {
    /// The folder with the operator's files.
    pub folder: PathBuf,
    /// What is in force.
    pub shop: Shop,
    /// What follows a change.
    pub engine: Arc<Engine>,
    /// And what reads events.
    pub intake: Arc<Intake>,
    /// The knobs.
    pub board: Arc<Board>,
    /// The configured values of knobs that belong to no intent.
    pub defaults: EngineDefaults,
    /// The models, for their knobs.
    pub models: Vec<ModelDefaults>,
    /// The time.
    pub clock: Clock,
}

/// Without a folder of files there is nothing to read anew; a SIGHUP must not end the process all the same.
pub fn no_files() -> impl Future<Output = ()> {
    let hangups = signal(SignalKind::hangup());
    async move {
        let Ok(mut hangups) = hangups else { return };
        while hangups.recv().await.is_some() {
            info!(
                "SIGHUP: the shipped files are in force, there is nothing to read anew. `files:` names a folder of your own."
            );
        }
    }
}

/// Where each file stood: when it was written, and how long it is.
type Stamps = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Reload {
    /// Follows the files until it is dropped. From this call on, not only once the work is polled, a SIGHUP ends nothing.
    pub fn run(self, registry: &Registry) -> impl Future<Output = ()> + use<> {
        let counted = |result| registry.counter(&catalogue::RELOADS, &[result]);
        let (loaded, refused) = (counted("loaded"), counted("refused"));
        let (hangups, known) = (signal(SignalKind::hangup()), stamps(&self.folder));
        async move {
            if let Ok(hangups) = hangups {
                self.follow(hangups, known, &loaded, &refused).await;
            }
        }
    }

    async fn follow(mut self, mut hangups: Signal, mut known: Stamps, loaded: &Counter, refused: &Counter) {
        let mut before = None;
        loop {
            let hangup = tokio::select! {
                _ = hangups.recv() => true,
                () = sleep(EVERY) => false,
            };
            let now = stamps(&self.folder);
            let has_settled = before.as_ref() == Some(&now);
            if hangup || (now != known && has_settled) {
                known = now.clone();
                self = self.reload(loaded, refused).await;
            }
            before = Some(now);
        }
    }

    /// Reads on a thread where it delays no answer; tens of thousands of titles take a while.
    async fn reload(self, loaded: &Counter, refused: &Counter) -> Self {
        let (folder, shop, defaults) = (self.folder.clone(), self.shop.clone(), self.defaults.clone());
        let models = self.models.clone();
        let in_force = self.engine.prompts.all_in_force();
        let read = move || {
            read(&folder, &shop, &defaults, &models).and_then(|shop_now| keeps_promises(&shop, &in_force, shop_now))
        };
        let read = tokio::task::spawn_blocking(read).await;
        match read {
            Ok(Ok(shop)) => {
                loaded.inc();
                self.put_in_force(shop)
            }
            Ok(Err(problems)) => {
                refused.inc();
                problems.iter().for_each(|problem| error!("{problem}"));
                error!("The files in {} were not taken over: what was in force stays so.", self.folder.display());
                self
            }
            Err(error) => {
                refused.inc();
                warn!(%error, "The files were not read.");
                self
            }
        }
    }

    fn put_in_force(mut self, shop: Shop) -> Self {
        let knobs = shop.knobs(&self.defaults, &self.models);
        let turned = self.board.reconfigure(knobs, self.clock.now());
        let Shop { understanding, messages, calendar, guardrails, prompts, .. } = shop.clone();
        self.engine.renew(understanding, messages, calendar, guardrails, prompts);
        self.intake.renew(shop.mappings.clone(), shop.understanding.clone());
        info!(
            intents = shop.understanding.intents().count(),
            titles = shop.understanding.titles().len(),
            knobs = turned.len(),
            "Files were read anew and are in force. Alarms and policies take effect when Banto starts again."
        );
        self.shop = shop;
        self
    }
}

/// Reads everything, as `banto check` does.
fn read(folder: &Path, before: &Shop, engine: &EngineDefaults, models: &[ModelDefaults]) -> Result<Shop, Vec<String>> {
    let mut problems = Problems::default();
    let files = Files::read(folder, &mut problems).map_err(|error| vec![format!("{}: {error}", folder.display())])?;
    let shop = before.renewed(&files, &mut problems);
    if let Some(shop) = &shop {
        Rulebook::load(&files, &shop.knobs(engine, models), &mut problems);
    }
    let said: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
    match shop.filter(|_| said.is_empty()) {
        Some(shop) => Ok(shop),
        None => Err(said),
    }
}

/// The text of a prompt that is in force stays, whatever the files say: a change is a version of its own, and is deployed.
fn keeps_promises(before: &Shop, in_force: &BTreeMap<String, String>, now: Shop) -> Result<Shop, Vec<String>> {
    let broken = before.prompts.broken_promises(&now.prompts, in_force);
    if broken.is_empty() { Ok(now) } else { Err(broken) }
}

/// Where the YAML and JSON files below a folder stand; what cannot be read is left out, and shows once it is read.
fn stamps(root: &Path) -> Stamps {
    let (mut stamps, mut folders) = (Stamps::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json")
                && let Ok(about) = path.metadata()
            {
                stamps.insert(path, (about.modified().ok(), about.len()));
            }
        }
    }
    stamps
}
