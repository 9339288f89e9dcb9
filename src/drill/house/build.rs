//! Puts the fleet of a run together, from the operator's files and the drill's world.

use std::sync::{Arc, Mutex};

use super::{House, MODEL, Meters, SimulatedModel, Watch, embedder::Drifting, store::WorldStore};
use crate::{
    api::{keys::Keys, openai::chat::Chat},
    app::{node, settings::Settings, shop::Shop},
    config::{files::Files, problem::Problems},
    dice::Dice,
    drill::{fleet::Setting, offset::Offset, plan},
    engine::{
        model::{
            cascade::ConfiguredModel,
            configured::ModelSettings,
            simulated::{Simulated, Simulation, profile::Profile},
        },
        recall::embed::hashed::Hashed,
    },
    knob::{board::Board, catalogue::EngineDefaults},
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
    let shop = Shop::load(files, &mut problems);
    let shop =
        problems.or(shop).map_err(|problems| problems.to_string())?.ok_or("there are no intents in policies/")?;
    let settings = Settings::default();
    let dice = Arc::new(Dice::seeded(seed));
    let limits = Limits { bytes: plan.store.holds.unwrap_or(Limits::default().bytes), ..Limits::default() };
    let world_store = WorldStore::new(Embedded::in_memory(limits, clock), plan.store.pace, clock, dice.clone());
    let store: Arc<dyn Store> = world_store.clone();
    let embedder = Drifting::new(Hashed::new(shop.understanding.lexicon().clone()));
    let knobs: Vec<_> = plan.models.iter().map(|model| ModelSettings::simulated(&model.name).defaults()).collect();
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
    let lane = |(model, it): (&plan::SimulatedModel, &SimulatedModel)| {
        let simulated = Arc::new(Simulated::new(model.name.to_string(), it.simulation.clone(), clock));
        ConfiguredModel { prices: model.prices, ..ConfiguredModel::new(model.name.clone(), simulated) }
    };
    let registries: Vec<_> = (0..plan.nodes).map(|_| Arc::new(Registry::default())).collect();
    let start = |registry: &Arc<Registry>| {
        let parts = node::Parts {
            shop: shop.clone(),
            models: plan.models.iter().zip(&models).map(lane).collect(),
            store: store.clone(),
            board: board.clone(),
            embedder: embedder.clone(),
            registry: registry.clone(),
            clock,
            dice: dice.clone(),
            admission: settings.limits.admitted(false),
            deadline: settings.deadline,
            trail: None,
        };
        let engine = node::start(parts, tasks);
        Chat {
            engine,
            keys: Keys::new(Vec::new()),
            models: vec![MODEL.into()],
            largest: settings.limits.body,
            embedder: None,
        }
    };
    let nodes = registries.iter().map(start).collect();
    let names: Vec<_> = plan.models.iter().map(|model| model.name.clone()).collect();
    let watch = controlled.then(|| Watch::begin(files, &registries, &board, &store, clock)).transpose()?;
    Ok(House {
        plan: plan.clone(),
        nodes,
        meters: Meters::new(&registries, &names),
        models,
        store: world_store,
        embedder,
        board,
        watch,
        clock,
        notes: Mutex::default(),
    })
}
