//! Puts the fleet of a run together, from the operator's files and the drill's world.

use std::sync::{Arc, Mutex};

use super::{
    House, MODEL, Meters, SimulatedModel, Watch, balancer::Balancer, embedder::Drifting, guardrail::Inspector,
    line::Reached, network::Network, shelves::Shelves, store::WorldStore,
};
use crate::{
    api::{keys::Keys, openai::chat::Chat},
    app::{node, settings::Settings, shop::Shop},
    config::{files::Files, problem::Problems},
    controller::sense::eyes::Inbox,
    dice::Dice,
    drill::{fleet::Setting, offset::Offset, plan},
    engine::{
        model::{
            Model,
            cascade::ConfiguredModel,
            configured::ModelSettings,
            simulated::{Simulated, Simulation, profile::Profile},
        },
        price::checker::{self, Checker},
        prompt::deployer::Deployer,
        recall::embed::hashed::Hashed,
    },
    events::{
        dead_letters::{self, DeadLetters},
        intake::{self, Intake},
        replay,
    },
    knob::{board::Board, catalogue::EngineDefaults},
    resolve::{Resolver, memory::Terms},
    store::{
        Store,
        embedded::{Embedded, Limits},
    },
    telemetry::registry::Registry,
};

/// Builds a fleet.
///
/// # Errors
/// What is wrong with the files.
pub(super) fn house(setting: Setting<'_>, files: &Files) -> Result<House, String> {
    let Setting { plan, seed, controlled, clock, tasks } = setting;
    let mut problems = Problems::default();
    let with_prompts = plan.prompts.as_ref().map(|text| files.with(plan::PROMPTS, text));
    let files = with_prompts.as_ref().unwrap_or(files);
    let shop = Shop::load(files, &mut problems);
    let shop =
        problems.or(shop).map_err(|problems| problems.to_string())?.ok_or("there are no intents in policies/")?;
    let mut settings = Settings::default();
    if let Some((rate, burst)) = plan.limits {
        (settings.limits.rate, settings.limits.burst) = (rate, burst);
    }
    let dice = Arc::new(Dice::seeded(seed));
    let limits = Limits { bytes: plan.store.holds.unwrap_or(Limits::default().bytes), ..Limits::default() };
    let registries: Vec<_> = (0..plan.nodes).map(|_| Arc::new(Registry::default())).collect();
    let inner = Embedded::in_memory(limits, clock);
    let world_store = WorldStore::new(inner, plan.store.pace, &registries, clock, dice.clone());
    let store: Arc<dyn Store> = world_store.clone();
    let embedder = Drifting::new(Hashed::new(shop.understanding.lexicon().clone()));
    let guardrail = plan.guardrail.as_ref().map(|it| Arc::new(Inspector::new(it.usual, &it.catches)));
    let knobs: Vec<_> = plan.models.iter().map(|model| settings_of(model).defaults()).collect();
    let defaults =
        EngineDefaults { rate: settings.limits.rate, burst: settings.limits.burst, ..EngineDefaults::default() };
    let board = Arc::new(Board::new(shop.knobs(&defaults, &knobs)));
    let knows = plan.facts.known(Offset(-Offset::after(plan.warm_up).0));
    let simulation = |model: &plan::SimulatedModel| {
        let profile = Profile { knows: knows.clone(), ..model.usual.clone() };
        let simulation = Arc::new(Simulation::new(profile, dice.clone()));
        SimulatedModel::new(model.name.clone(), model.usual.clone(), simulation)
    };
    let models: Vec<_> = plan.models.iter().map(simulation).collect();
    let network = Network::new(dice.clone(), clock);
    let lane = |(model, it): (&plan::SimulatedModel, &SimulatedModel), resolver: Option<&Resolver>| {
        let simulated: Arc<dyn Model> = Arc::new(Simulated::new(model.name.to_string(), it.simulation.clone(), clock));
        let simulated = match resolver {
            Some(resolver) => Arc::new(Reached::new(simulated, resolver.clone(), network.clone(), clock)),
            None => simulated,
        };
        ConfiguredModel {
            pool: model.pool,
            prices: model.prices,
            ..ConfiguredModel::new(model.name.clone(), simulated)
        }
    };
    let resolver = |node: usize, registry: &Registry| {
        let zone = plan.zones.get(node % plan.zones.len().max(1))?;
        let resolver = Resolver::new(network.resolver_of(zone), Terms::default(), zone, clock, registry);
        tasks.spawn_until_stopped(resolver.clone().keep_fresh());
        Some(resolver)
    };
    let start = |(node, registry): (usize, &Arc<Registry>)| {
        let resolver = resolver(node, registry);
        let parts = node::Parts {
            shop: shop.clone(),
            models: plan.models.iter().zip(&models).map(|it| lane(it, resolver.as_ref())).collect(),
            store: store.clone(),
            board: board.clone(),
            embedder: embedder.clone(),
            registry: registry.clone(),
            clock,
            dice: dice.clone(),
            admission: settings.limits.admitted(false),
            deadline: settings.deadline,
            guardrail: guardrail.clone().map(|guardrail| guardrail as _),
            trail: None,
            upkeep: plan.looks,
            resolver,
        };
        let engine = node::start(parts, tasks);
        Chat {
            engine,
            keys: Keys::new(Vec::new()),
            models: vec![MODEL.into()],
            largest: settings.limits.body,
            embedder: None,
            embeddings: None,
        }
    };
    let nodes: Vec<_> = registries.iter().enumerate().map(start).collect();
    let names: Vec<_> = plan.models.iter().map(|model| model.name.clone()).collect();
    if let Some(asking) = shop.catalogue.as_ref().filter(|_| !plan.sells.is_empty()) {
        for (node, registry) in nodes.iter().zip(&registries) {
            let facts = plan.facts.clone();
            let catalogue = Arc::new(Shelves { facts, check: asking.check, clock, start: plan.starts_at() });
            let parts = checker::Parts {
                store: store.clone(),
                understanding: node.engine.understanding.clone(),
                catalogue,
                dice: dice.clone(),
                registry: registry.clone(),
            };
            Checker::new(parts).start(tasks);
        }
    }
    let inbox = Inbox::default();
    let first = nodes.first().zip(registries.first()).ok_or("a fleet without nodes answers nobody")?;
    let deployer = Deployer::new(first.0.engine.clone(), store.clone(), first.1.clone());
    let letters = DeadLetters::in_memory(dead_letters::Limits::default()).map_err(|error| error.to_string())?;
    let intake = Intake::new(intake::Parts {
        mappings: shop.mappings.clone(),
        understanding: shop.understanding.clone(),
        store: store.clone(),
        recall: Some(first.0.engine.recall.clone()),
        out_of_reach: None,
        inbox: controlled.then(|| inbox.clone()),
        letters,
        registry: first.1.clone(),
        clock,
        dice: dice.clone(),
    });
    let intake = Arc::new(intake.map_err(|error| error.to_string())?);
    if !plan.sells.is_empty() {
        tasks.spawn_until_stopped(replay::run(intake.clone()));
    }
    let watch = controlled.then(|| Watch::begin(files, &registries, &board, &store, inbox, clock)).transpose()?;
    let balancer = Balancer::new(nodes.iter().map(|node: &Chat| node.engine.readiness.clone()));
    Ok(House {
        plan: plan.clone(),
        nodes,
        meters: Meters::new(&registries, &names),
        balancer,
        network,
        models,
        store: world_store,
        embedder,
        guardrail,
        forbidden: Mutex::default(),
        board,
        watch,
        intake,
        deployer,
        files: files.clone(),
        tasks: tasks.clone(),
        system: Mutex::new(plan.system.clone()),
        clock,
        notes: Mutex::default(),
    })
}

/// A model as the configuration would have it.
fn settings_of(model: &plan::SimulatedModel) -> ModelSettings {
    ModelSettings { pool: model.pool, ..ModelSettings::simulated(&model.name) }
}
