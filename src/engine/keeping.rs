//! Keeping the store worth its memory, for the whole fleet: one node, which holds the claim, audits it every ten minutes and
//! enforces the budgets every six hours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use tracing::{debug, info};

use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    knob::{board::Board, budgets},
    store::{
        Store, StoreError,
        claim::Claim,
        keeping::{
            MOST_REMOVED,
            audit::Audit,
            budgets::Enforcement,
            runs::{self, Run, Why},
        },
    },
    telemetry::{catalogue, registry::Registry},
};

/// How often budgets are enforced.
pub const ENFORCED_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// How often the store is audited.
const AUDITED_EVERY: Duration = Duration::from_secs(600);
/// How often it is looked whether anything is due, and whether the claim is still ours.
const LOOK: Duration = Duration::from_secs(60);
/// How long the fleet is without a keeper after one died.
const LASTS: Duration = Duration::from_secs(180);

/// The budgets as they stand on this board, and when they are enforced next, after these runs.
pub fn enforcement(board: &Board, past: &[Run], now: Timestamp) -> Enforcement {
    let last = past.iter().find(|run| run.why == Why::Budgets).map(|run| run.at);
    let first = last.map_or(Duration::ZERO, |last| ENFORCED_EVERY.saturating_sub(now.since(last)));
    Enforcement { shares: budgets::shares(board), first, every: ENFORCED_EVERY }
}

/// What the keeper works with.
pub struct Keeper {
    /// What it keeps.
    pub store: Arc<dyn Store>,
    /// The knobs `budget.…`.
    pub board: Arc<Board>,
    /// Where it shows what it found.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Clock,
    /// Whether this node holds the claim.
    pub keeps: Arc<AtomicBool>,
}

impl Keeper {
    /// Works for ever.
    pub async fn run(self) {
        // A name that nobody else has; nothing else depends on it, so that a drill stays the same each time.
        let claim = Claim::new("cache-keeper", format!("{:016x}", Dice::fair().bits()));
        let mut audited = None;
        loop {
            let now = self.clock.now();
            let is_ours = claim.hold(&*self.store, now, LASTS).await.unwrap_or(false);
            self.keeps.store(is_ours, Relaxed);
            if !is_ours {
                self.stand_by(&mut audited);
            } else if let Err(error) = self.look(now, &mut audited).await {
                debug!(%error, "The cache could not be looked after; the next look tries again.");
            }
            sleep(LOOK).await;
        }
    }

    async fn look(&self, now: Timestamp, audited: &mut Option<Timestamp>) -> Result<(), StoreError> {
        let enforcement = enforcement(&self.board, &runs::past(&*self.store).await?, now);
        if enforcement.first.is_zero() {
            self.enforce(&enforcement).await?;
        }
        if audited.is_none_or(|last| now.since(last) >= AUDITED_EVERY) {
            self.audit(now, &enforcement).await?;
            *audited = Some(now);
        }
        Ok(())
    }

    /// What another node shows is not ours to show.
    fn stand_by(&self, audited: &mut Option<Timestamp>) {
        if audited.take().is_some() {
            self.registry.gauge(&catalogue::FULL_IN, &[]).set(f64::NAN);
        }
    }

    async fn audit(&self, now: Timestamp, enforcement: &Enforcement) -> Result<(), StoreError> {
        let audit = Audit::of(&*self.store, now, Some(enforcement)).await?;
        let full_in = audit.forecast.full_in.map(|span| span.0.as_secs_f64());
        self.registry.gauge(&catalogue::FULL_IN, &[]).set(full_in.unwrap_or(f64::NAN));
        for of in audit.intents.iter().filter(|of| of.finding.is_some()) {
            info!(intent = %of.intent, finding = of.finding, "An intent keeps its answers longer than they are asked for.");
        }
        Ok(())
    }

    async fn enforce(&self, enforcement: &Enforcement) -> Result<(), StoreError> {
        let removed = enforcement.shares.enforce(&*self.store, MOST_REMOVED).await?;
        self.registry.counter(&catalogue::REMOVED, &["budgets"]).add(removed.entries);
        info!(entries = removed.entries, bytes = removed.bytes, "Memory budgets enforced.");
        let run = Run { at: self.clock.now(), why: Why::Budgets, by: "schedule".into(), removed };
        runs::note(&*self.store, run).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::IntentId,
        knob::catalogue::{Catalogue, EngineDefaults, IntentDefaults},
        store::{
            Entry, Shape,
            embedded::{Embedded, Limits},
        },
        tasks::Tasks,
        units::{Bytes, Ratio, TimeSpan},
    };

    fn board(budget: u32) -> Arc<Board> {
        let intent = IntentDefaults {
            intent: "faq".into(),
            threshold: Ratio::basis_points(9_200),
            ttl: TimeSpan::secs(60),
            budget: Some(Ratio::basis_points(budget)),
        };
        Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[intent], &[])))
    }

    async fn fill(store: &dyn Store, clock: Clock, entries: u32) {
        for n in 0..entries {
            let (key, now) = (crate::digest::Digest::of([&n.to_le_bytes()[..]]), clock.now());
            let end = now + Duration::from_secs(30 * 86_400);
            let entry = Entry {
                key,
                tenant: "shop".into(),
                intent: IntentId::from("faq"),
                entities: vec![],
                question: n.to_string(),
                frame: None,
                shape: Shape::Body,
                chunks: vec![vec![b'x'; 1_000].into()],
                model: "primary".into(),
                stored_at: now,
                fresh_until: end,
                keep_until: end,
                tags: vec![],
            };
            store.put(Arc::new(entry)).await.expect("put");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_nodes_one_enforces_every_six_hours() {
        let clock = Clock::starting_at(Timestamp(1_800_000_000_000));
        let limits = Limits { bytes: Bytes(1 << 20), ..Limits::default() };
        let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(limits, clock));
        let (tasks, registries) = (Tasks::default(), [(); 2].map(|()| Arc::new(Registry::default())));
        for registry in &registries {
            let (board, keeps) = (board(1_000), Arc::default());
            let keeper = Keeper { store: store.clone(), board, registry: registry.clone(), clock, keeps };
            tasks.spawn_until_stopped(keeper.run());
        }
        let enforced = async || runs::past(&*store).await.expect("read").len();
        tokio::time::sleep(LOOK * 2).await;
        assert_eq!(enforced().await, 1);
        fill(&*store, clock, 400).await;
        tokio::time::sleep(ENFORCED_EVERY - LOOK * 5).await;
        assert_eq!(enforced().await, 1, "not before its time");
        tokio::time::sleep(LOOK * 10).await;
        assert_eq!(enforced().await, 2);
        let held: u64 = store.usage().await.expect("usage").bytes.iter().map(|(_, bytes)| bytes).sum();
        assert!(held <= (1 << 20) / 10, "{held}");
        let removed = registries.map(|registry| registry.counter(&catalogue::REMOVED, &["budgets"]).get());
        assert!(removed.contains(&0) && removed.iter().sum::<u64>() > 200, "{removed:?}");
    }
}
