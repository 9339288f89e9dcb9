//! Warming: the questions that a release will bring are asked before it, by one node for the fleet, slowly, and not at all
//! while the models have trouble.
//!
//! Questions go the ordinary way, so that what is kept is what a reader would have got. A release that was warmed is noted in
//! the store; a node that dies half-way is followed by another, which skips what is warm.

mod calm;
pub mod plan;
pub mod start;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::{calm::Calm, plan::Plan};
use super::{
    answer::Engine,
    asked::{Asked, Caller, Hints, Tier},
    source::Source,
};
use crate::{
    dice::Dice,
    ids::TenantId,
    knob::value::Value,
    store::{
        Store, StoreError,
        claim::Claim,
        keeping::release::{self, Release},
    },
    telemetry::{catalogue, metric::Counter, registry::Registry},
};

/// Reads a request of the application's wire format.
pub type Read = Arc<dyn Fn(Bytes, Caller, Hints) -> Result<Asked, String> + Send + Sync>;

/// How often it is looked whether a release is due.
const LOOK: Duration = Duration::from_secs(3);
/// How long the fleet is without a warmer after one died.
const LASTS: Duration = Duration::from_secs(60);
/// How long warming pauses when the models have trouble.
const PAUSE: Duration = Duration::from_secs(5);
/// Warmed releases remembered.
const MOST: usize = 1_000;
/// The releases that are warm.
const DOCUMENT: &str = "cache/warmed";

/// Warms one node's share of the fleet.
pub struct Warmer {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    plan: Plan,
    read: Read,
    calm: Calm,
    results: [Arc<Counter>; 3],
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// A model was asked.
    Asked,
    /// It was warm.
    Warm,
    /// It could not be asked.
    Failed,
}

impl Warmer {
    /// A warmer; [`run`](Self::run) makes it work.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<dyn Store>,
        plan: Plan,
        read: Read,
        registry: &Arc<Registry>,
    ) -> Arc<Self> {
        let results = ["asked", "warm", "failed"].map(|result| registry.counter(&catalogue::WARMED, &[result]));
        let calm = Calm::new(registry.clone());
        Arc::new(Self { engine, store, plan, read, calm, results })
    }

    /// Works for ever.
    pub async fn run(self: Arc<Self>) {
        let claim = Claim::new("cache-warmer", format!("{:016x}", Dice::fair().bits()));
        loop {
            sleep(LOOK).await;
            if let Err(error) = self.look(&claim).await {
                tracing::debug!(%error, "Nothing can be warmed now; the next look tries again.");
            }
        }
    }

    async fn look(&self, claim: &Claim) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        let announced = release::announced(&*self.store, now).await?;
        let known = self.plan.releases.iter().cloned().chain(announced);
        let due: Vec<_> = known.filter(|release| release.is_due(self.plan.before, now)).collect();
        if due.is_empty() || !claim.hold(&*self.store, now, LASTS).await? {
            return Ok(());
        }
        let (_, done) = self.done().await?;
        for release in due.iter().filter(|release| !done.contains(release)) {
            if self.warm(release, claim).await? {
                self.note(release).await?;
            }
        }
        Ok(())
    }

    /// Asks everything about a release; whether it came to its end.
    async fn warm(&self, release: &Release, claim: &Claim) -> Result<bool, StoreError> {
        let questions: Vec<_> = self.plan.questions(release).collect();
        info!(%release, questions = questions.len(), "Warming the cache for a release.");
        let mut ended = [0_u64; 3];
        for question in &questions {
            for tenant in &self.plan.tenants {
                let now = self.engine.clock.now();
                if release.is_past(now)
                    || !claim.hold(&*self.store, now, LASTS).await?
                    || !self.wait_for_calm(release).await
                {
                    warn!(%release, asked = ended[0], "Warming for a release ends before its end.");
                    return Ok(release.is_past(now));
                }
                let asking = self.ask(question, tenant, release).await;
                ended[asking as usize] += 1;
                self.results[asking as usize].inc();
                if asking != Asking::Warm {
                    sleep(self.pace()).await;
                }
            }
        }
        info!(%release, asked = ended[0], warm = ended[1], failed = ended[2], "The cache is warm for a release.");
        Ok(true)
    }

    /// Waits while the models have trouble; `false` when the release is past meanwhile.
    async fn wait_for_calm(&self, release: &Release) -> bool {
        while self.pace().is_zero() || !self.calm.is_calm(&self.engine) {
            sleep(PAUSE).await;
            if release.is_past(self.engine.clock.now()) {
                return false;
            }
        }
        true
    }

    async fn ask(&self, question: &str, tenant: &TenantId, release: &Release) -> Asking {
        let caller = Caller { tenant: tenant.clone(), user: None, tier: Tier::Anonymous, address: None };
        let hints = Hints { no_cache: true, ..Hints::default() };
        let body = self.plan.request(question);
        let asked = match (self.read)(body, caller, hints) {
            Ok(asked) => asked,
            Err(why) => {
                warn!(why, "A question of policies/warming.yaml cannot be asked: its `request` is no request.");
                return Asking::Failed;
            }
        };
        let understood = self.engine.understanding.load().question(asked.clone());
        if self.engine.recall.is_warm(&understood, release.at).await {
            return Asking::Warm;
        }
        let Ok(answer) = self.engine.answer(asked).await else { return Asking::Failed };
        let whole = timeout(self.engine.deadline, answer.log.whole()).await;
        match answer.provenance().source {
            Source::Primary | Source::Secondary if matches!(whole, Ok(Ok(_))) => Asking::Asked,
            // What stands in for a model's answer is not kept.
            _ => Asking::Failed,
        }
    }

    /// The time between two questions; zero when nothing is to be asked at all.
    fn pace(&self) -> Duration {
        match self.engine.board.get("warming.rate").map(|setting| setting.value) {
            Some(Value::Count(rate @ 1..)) => Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX),
            _ => Duration::ZERO,
        }
    }

    async fn done(&self) -> Result<(u64, Vec<Release>), StoreError> {
        let Some(found) = self.store.document(DOCUMENT).await? else { return Ok((0, Vec::new())) };
        Ok((found.version, serde_json::from_slice(&found.content).unwrap_or_default()))
    }

    async fn note(&self, release: &Release) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        let (version, mut done) = self.done().await?;
        done.retain(|release| !release.is_past(now));
        done.truncate(MOST);
        done.push(release.clone());
        let content = serde_json::to_vec(&done).unwrap_or_default();
        // Somebody else wrote it: at worst it is looked at again and found warm.
        self.store.write_document(DOCUMENT, version, &content).await.map(drop)
    }
}
