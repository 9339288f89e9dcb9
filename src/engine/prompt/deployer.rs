//! Deploys prompts: waits for the window, takes everything that waits at once, warms the models, turns the knobs, watches.
//!
//! One node of the fleet does it. While a version is watched its knob has a deadline, kept by every engine: when the node
//! dies that watches, the version before comes back by itself. Deployments stand in a document that all nodes share.

mod ledger;
mod watch;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    Prompts,
    deploy::{Deployment, MINUTE, Part, State, Warmed, Why, not_warmed, objection, pending},
    library::{Library, Version},
};
use crate::{
    clock::Timestamp,
    dice::Dice,
    engine::{answer::Engine, asked::Asked},
    ids::{KnobName, ModelName},
    knob::{board::Change, value::Value},
    store::{Store, StoreError, claim::Claim},
    telemetry::{catalogue, registry::Registry},
    units::Usd,
};

/// How often it is looked whether the window is open.
const LOOK: Duration = Duration::from_secs(20);
/// How long the fleet is without a deployer after one died.
const LASTS: Duration = Duration::from_secs(60);
/// How often a version that is watched is looked at.
const WATCH: Duration = Duration::from_secs(5);
/// How long beyond the time to recover a watched version lasts without a word.
const GRACE: Duration = MINUTE;
/// The longest that warming may take, all in all, and one of its requests.
const WARMING: Duration = Duration::from_secs(90);
const DEADLINE: Duration = Duration::from_secs(20);
/// How far back a model must have read from its cache to be judged by it.
const LATELY: Duration = Duration::from_secs(600);

/// Deploys prompts on one node.
#[derive(Clone)]
pub struct Deployer {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
}

/// A wish to deploy.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Which prompts, and to which version; `None` for the wanted one. Empty: everything that waits.
    pub prompts: Vec<(String, Option<String>)>,
    /// Now, whether the window is open or not.
    pub now: bool,
    /// Nobody takes it back by himself.
    pub keep: bool,
    /// Who wishes it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why nothing is deployed. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotDeployed {
    /// The wish cannot be fulfilled.
    #[error("{0}")]
    Refused(String),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
    /// The store does not answer.
    #[error("the shared store does not answer, so nobody can tell what else is being deployed: {0}. Try again")]
    Store(#[from] StoreError),
}

impl Deployer {
    /// A deployer on this engine.
    pub fn new(engine: Arc<Engine>, store: Arc<dyn Store>, registry: Arc<Registry>) -> Self {
        Self { engine, store, registry }
    }

    /// Works for ever; asleep while there are no prompts.
    pub async fn run(self) {
        let claim = Claim::new("prompt-deployer", format!("{:016x}", Dice::fair().bits()));
        let mut libraries = self.prompts().follow();
        loop {
            if libraries.borrow_and_update().prompts.is_empty() {
                if libraries.changed().await.is_err() {
                    return;
                }
                continue;
            }
            sleep(LOOK).await;
            match self.look(&claim).await {
                Ok(()) => {}
                Err(NotDeployed::Refused(why)) => warn!("Prompts are not deployed: {why}"),
                Err(why) => tracing::debug!(%why, "Prompts are not deployed now; the next look tries again."),
            }
        }
    }

    async fn look(&self, claim: &Claim) -> Result<(), NotDeployed> {
        let (library, now) = (self.prompts().library(), self.now());
        let window = library.terms.window;
        if !window.is_open(now) {
            return Ok(());
        }
        let (_, past) = self.past().await?;
        let parts = pending(&library, &self.prompts().all_in_force(), &past);
        let opened = window.opened(now);
        // All changes of a day in one: what comes later waits for the next window.
        let has_been = past.iter().any(|it| it.why == Why::Window && it.at >= opened);
        if parts.is_empty() || has_been || !claim.hold(&*self.store, now, LASTS).await? {
            return Ok(());
        }
        let reason = format!("the window {window} is open");
        let wish = Wish { by: "window".into(), reason, ..Wish::default() };
        self.carry_out(parts, &wish, Why::Window).await.map(drop)
    }

    /// Deploys what is wished; comes back once it is in force and watched.
    ///
    /// # Errors
    /// [`NotDeployed`].
    pub async fn deploy(&self, wish: Wish) -> Result<Deployment, NotDeployed> {
        let (library, now) = (self.prompts().library(), self.now());
        let window = library.terms.window;
        if !wish.now && !window.is_open(now) {
            let opens = window.opens(now).map_or_else(|| "never".to_owned(), |at| at.to_string());
            return Err(NotDeployed::NotNow(format!(
                "prompts are deployed at {window}, next at {opens}; what is wanted goes then by itself. `--now` with a \
                 `--reason` does not wait"
            )));
        }
        if wish.reason.trim().is_empty() {
            return Err(NotDeployed::Refused("say why: a deployment by hand needs a reason".into()));
        }
        let (_, past) = self.past().await?;
        let parts = match wish.prompts.is_empty() {
            true => pending(&library, &self.prompts().all_in_force(), &past),
            false => self.named(&library, &wish)?,
        };
        if parts.is_empty() {
            return Err(NotDeployed::Refused("nothing waits to be deployed: every wanted version is in force".into()));
        }
        let why = if window.is_open(now) { Why::Window } else { Why::Override };
        self.carry_out(parts, &wish, why).await
    }

    fn named(&self, library: &Library, wish: &Wish) -> Result<Vec<Part>, NotDeployed> {
        let part = |(name, version): &(String, Option<String>)| {
            let unknown =
                || NotDeployed::Refused(format!("no prompt is called `{name}`; `banto prompts status` lists them"));
            let prompt = library.get(name).ok_or_else(unknown)?;
            let to = version.clone().unwrap_or_else(|| prompt.wanted.to_string());
            if to != super::library::OFF && prompt.version(&to).is_none() {
                return Err(NotDeployed::Refused(format!("`{name}` has no version `{to}`")));
            }
            let from = self.prompts().in_force(prompt);
            Ok((from != to).then(|| Part { prompt: name.clone(), from, to }))
        };
        wish.prompts.iter().filter_map(|named| part(named).transpose()).collect()
    }

    async fn carry_out(&self, parts: Vec<Part>, wish: &Wish, why: Why) -> Result<Deployment, NotDeployed> {
        let (library, now) = (self.prompts().library(), self.now());
        let mut deployment = Deployment {
            id: now.0.to_string(),
            at: now,
            by: wish.by.clone(),
            reason: wish.reason.clone(),
            why,
            parts,
            warmed: Vec::new(),
            state: State::Warming,
            hit_rate: None,
            note: "the models are being warmed".into(),
            until: now + WARMING + GRACE,
        };
        self.begin(&deployment).await?;
        let insists = wish.now;
        if let Some(what) = certain_findings(&library, &deployment.parts).filter(|_| !insists) {
            return self.refuse(deployment, what).await;
        }
        let reads = self.models_that_read(now);
        deployment.warmed = self.warm(&library, &deployment.parts).await;
        if let Some(what) = not_warmed(&deployment.warmed).filter(|_| !insists) {
            self.forget(&deployment).await;
            return Err(NotDeployed::NotNow(what));
        }
        if let Some(what) = objection(&deployment.warmed, &reads).filter(|_| !insists) {
            return self.refuse(deployment, what).await;
        }
        let now = self.now();
        deployment.until = now + library.terms.within + GRACE;
        let author = if wish.keep { format!("operator:{}", wish.by) } else { deployment.author() };
        for part in &deployment.parts {
            self.turn(part, &part.to, &author, &wish.reason, (!wish.keep).then_some(deployment.until));
        }
        (deployment.state, deployment.note) = match wish.keep {
            true => (State::Kept, format!("{} keeps it whatever the provider's cache says", wish.by)),
            false => (State::Watched, "in force; its hit rate is watched".into()),
        };
        self.count(State::Watched);
        info!(id = deployment.id, by = deployment.by, parts = ?deployment.parts, "Prompts are deployed.");
        self.note(&deployment).await;
        if !wish.keep {
            let judged = judged(&reads, &deployment.warmed);
            // Whoever is stopped while he watches has set a deadline.
            self.engine.tasks.spawn_until_stopped(self.clone().watch(deployment.clone(), judged, now));
        }
        Ok(deployment)
    }

    async fn refuse(&self, mut deployment: Deployment, what: String) -> Result<Deployment, NotDeployed> {
        deployment.state = State::Refused;
        deployment.note = format!("{what}. `banto prompts deploy --now` with a reason puts it in force all the same");
        self.count(State::Refused);
        self.note(&deployment).await;
        Err(NotDeployed::Refused(deployment.note))
    }

    /// Sends each model the prefix of each prompt a few times, one after the other: the first writes it, the others read it.
    async fn warm(&self, library: &Library, parts: &[Part]) -> Vec<Warmed> {
        let mut warmed = Vec::new();
        let ends = Instant::now() + WARMING;
        for part in parts {
            let prompt = library.get(&part.prompt);
            let version = prompt.and_then(|prompt| Some((prompt, prompt.version(&part.to)?)));
            let Some(asked) = version.and_then(|(prompt, version)| self.prompts().warming(prompt, version)) else {
                continue;
            };
            for model in self.engine.cascade.models() {
                warmed.push(self.warm_one(model, part, &asked, library.terms.warm_up, ends).await);
            }
        }
        warmed
    }

    async fn warm_one(&self, model: &ModelName, part: &Part, asked: &Asked, requests: u32, ends: Instant) -> Warmed {
        let mut warmed = Warmed {
            model: model.to_string(),
            prompt: part.prompt.clone(),
            requests: 0,
            hits: 0,
            cost_usd: 0.0,
            failed: None,
        };
        let mut cost = Usd::default();
        for _ in 0..requests {
            let by = (Instant::now() + DEADLINE).min(ends);
            match self.engine.cascade.probe(model, asked, by).await {
                Ok(probed) => {
                    warmed.requests += 1;
                    warmed.hits += u32::from(probed.usage.is_some_and(|usage| usage.cache_read > 0));
                    cost = [cost, probed.cost].into_iter().sum();
                }
                Err(why) => {
                    warmed.failed = Some(why.to_string());
                    break;
                }
            }
        }
        self.registry.counter(&catalogue::PROBE_COST, &["deployment"]).add(cost.as_micros().max(0) as u64);
        self.registry.counter(&catalogue::WARM_UPS, &[model]).add(u64::from(warmed.requests));
        warmed.cost_usd = cost.as_f64();
        warmed
    }

    fn models_that_read(&self, now: Timestamp) -> Vec<String> {
        let models = self.engine.cascade.models().iter();
        let reads = models.filter(|model| self.prompts().since(model, None, now - LATELY).hits > 0);
        reads.map(ToString::to_string).collect()
    }

    fn turn(&self, part: &Part, to: &str, author: &str, reason: &str, expires: Option<Timestamp>) {
        let change = Change {
            knob: knob(part),
            to: Value::Choice(to.to_owned()),
            expect: None,
            author: author.to_owned(),
            reason: reason.to_owned(),
            incident: None,
            expires,
        };
        if let Err(refused) = self.engine.board.set(change, self.now()) {
            warn!(%refused, "A prompt's version was not turned.");
        }
    }

    fn count(&self, state: State) {
        self.registry.counter(&catalogue::PROMPT_DEPLOYMENTS, &[state.label()]).inc();
    }

    fn prompts(&self) -> &Prompts {
        &self.engine.prompts
    }

    fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }
}

fn knob(part: &Part) -> KnobName {
    format!("{}{}", super::library::KNOB, part.prompt).into()
}

fn of_part<'a>(library: &'a Library, part: &Part) -> Option<(&'a super::library::Prompt, &'a Version)> {
    let prompt = library.get(&part.prompt)?;
    Some((prompt, prompt.version(&part.to)?))
}

/// What is sure to change from request to request in a text that is to be deployed.
fn certain_findings(library: &Library, parts: &[Part]) -> Option<String> {
    let certain = |part: &Part| {
        let (_, version) = of_part(library, part)?;
        let finding = version.findings().into_iter().find(|finding| finding.kind.is_certain())?;
        Some(format!("{}, line {}: {}", version.label, finding.line, finding.words()))
    };
    parts.iter().find_map(certain)
}

/// The models whose cache can be judged: they read from it lately, or while they were warmed.
fn judged(reads: &[String], warmed: &[Warmed]) -> Vec<String> {
    let mut judged = reads.to_vec();
    for it in warmed.iter().filter(|it| it.hits > 0) {
        if !judged.contains(&it.model) {
            judged.push(it.model.clone());
        }
    }
    judged
}

#[cfg(test)]
mod tests;
