//! One engine, put together. `serve` runs one of them, a drill several in one process: the same parts, wired the same way.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use arc_swap::ArcSwap;

use super::shop::Shop;
use crate::{
    clock::Clock,
    dice::Dice,
    engine::{
        admit::{Admission, Admitted},
        answer::Engine,
        coalesce::{Coalesce, Waits},
        crowd::Crowd,
        degrade::reception::Reception,
        exposure::Trail,
        guard::{self, Guard, guardrail::Guardrail},
        keeping::Keeper,
        measure::Measures,
        model::cascade::{Cascade, ConfiguredModel},
        prompt::{Prompts, alive, deployer::Deployer},
        readiness::{Readiness, Watch},
        recall::{self, Recall, embed::Embedder},
        repeated::Repeated,
        sale::{
            self,
            flush::{self, Flush},
        },
        shadow::Shadow,
        understand::InForce,
        upkeep,
    },
    knob::board::Board,
    resolve::{Resolver, zone::UNKNOWN},
    store::Store,
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// What a node is made of.
pub struct Parts {
    /// What the operator's files say.
    pub shop: Shop,
    /// The models, the primary first.
    pub models: Vec<ConfiguredModel>,
    /// Where answers are kept and nodes meet.
    pub store: Arc<dyn Store>,
    /// The knobs.
    pub board: Arc<Board>,
    /// What turns questions into vectors.
    pub embedder: Arc<dyn Embedder>,
    /// The node's metrics.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub dice: Arc<Dice>,
    /// How much is let in.
    pub admission: Admitted,
    /// How long one request may take over all attempts and fallbacks.
    pub deadline: Duration,
    /// The guardrails beyond the operator's own rules.
    pub guardrail: Option<Arc<dyn Guardrail>>,
    /// Who was served what.
    pub trail: Option<Trail>,
    /// How often gauges are brought up to date and temporary changes ended: each second, unless nobody looks so often.
    pub upkeep: Duration,
    /// Who knows addresses, where anything is looked up.
    pub resolver: Option<Resolver>,
}

/// Starts a node: its background work runs in `tasks` until shutdown.
pub fn start(parts: Parts, tasks: &Tasks) -> Arc<Engine> {
    let Parts {
        shop,
        models,
        store,
        board,
        embedder,
        registry,
        clock,
        dice,
        admission,
        deadline,
        guardrail,
        trail,
        upkeep: every,
        resolver,
    } = parts;
    let everything = shop.priced();
    let understanding: InForce = Arc::new(ArcSwap::new(shop.understanding));
    let calendar: sale::InForce = Arc::new(ArcSwap::new(shop.calendar));
    let (on, of) = (store.clone(), registry.clone());
    tasks.spawn_until_stopped(flush::keep(Flush {
        calendar: calendar.clone(),
        everything,
        store: on,
        clock,
        registry: of,
    }));
    let memory = recall::Parts {
        store: store.clone(),
        understanding: understanding.clone(),
        embedder,
        board: board.clone(),
        registry: registry.clone(),
        clock,
        dice: dice.clone(),
        calendar: calendar.clone(),
    };
    let zone = resolver.as_ref().map_or(UNKNOWN, Resolver::zone);
    let readiness = Arc::new(Readiness::new(zone, &registry));
    if let Some(resolver) = resolver {
        let (board, store) = (board.clone(), store.clone());
        tasks.spawn_until_stopped(Watch { readiness: readiness.clone(), resolver, board, store, clock }.run());
    }
    let guard = Arc::new(Guard::new(guard::Parts {
        plan: shop.guardrails,
        service: guardrail,
        understanding: &understanding.load(),
        board: &board,
        registry: &registry,
        trail: trail.clone(),
        clock,
    }));
    tasks.spawn_until_stopped(guard.clone().follow(board.subscribe(), understanding.clone()));
    let waits = Waits::default();
    let kept_alive: Vec<_> =
        models.iter().filter_map(|model| Some((model.name.clone(), model.prompt_cache.keep_alive?))).collect();
    let names = kept_alive.iter().map(|(name, _)| name.clone()).collect();
    let prompts = Arc::new(Prompts::new(shop.prompts, board.clone(), registry.clone(), clock, names));
    let cascade = Cascade::new(models, &registry, board.clone(), store.clone(), dice.clone(), clock);
    let engine = Arc::new(Engine {
        understanding,
        admission: Arc::new(Admission::new(&admission, &registry)),
        crowd: Crowd::new(&registry, &dice),
        recall: Recall::start(memory, recall::settings::Settings::default(), tasks),
        readiness,
        coalesce: Coalesce::new(store.clone(), waits, &registry, tasks),
        cascade: cascade.telling(prompts.clone()),
        prompts,
        messages: ArcSwap::new(shop.messages),
        guard,
        shadow: Shadow::new(&registry),
        repeated: Repeated::default(),
        reception: Reception::new(registry.clone()),
        measures: Arc::new(Measures::new(&registry)),
        calendar,
        trail,
        board,
        clock,
        dice,
        tasks: tasks.clone(),
        patience: waits.patience,
        deadline,
    });
    tasks.spawn_until_stopped(engine.admission.clone().turnstile());
    if admission.shared {
        tasks.spawn_until_stopped(engine.admission.clone().share(store.clone(), engine.dice.clone()));
    }
    let deployer = Deployer::new(engine.clone(), store.clone(), registry.clone());
    tasks.spawn_until_stopped(deployer.run());
    if !kept_alive.is_empty() {
        tasks.spawn_until_stopped(alive::keep(engine.clone(), store.clone(), registry.clone(), kept_alive));
    }
    let keeps = Arc::new(AtomicBool::new(false));
    let keeper = Keeper {
        store: store.clone(),
        board: engine.board.clone(),
        registry: registry.clone(),
        clock,
        keeps: keeps.clone(),
    };
    tasks.spawn_until_stopped(keeper.run());
    tasks.spawn_until_stopped(upkeep::look_after(engine.clone(), store, registry, keeps, every));
    engine
}
