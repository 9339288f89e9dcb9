//! A process that answers: the engine, what it stands on, and what stands around it.

use std::sync::Arc;

use super::{
    loaded::{StartError, engine_defaults},
    node,
    reload::{self, Reload},
    services::{self, Services},
    settings::{Settings, embedder::EmbedderSettings, embeddings},
    shop::Shop,
};
use crate::{
    api::{
        admin::Exposure,
        openai::{embeddings::upstream::EmbeddingModels, request},
    },
    clock::Clock,
    dice::Dice,
    engine::{
        answer::Engine,
        chronicle,
        exposure::{Kept, Trail},
        model::simulated::Simulation,
        origin::Origins,
        recall::embed::Embedder,
        upkeep,
        warm::{self, Warmer},
    },
    events::intake::Intake,
    ids::ModelName,
    knob::board::Board,
    resolve::Resolver,
    store::Store,
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// What every part of a process stands on.
pub(super) struct Ground {
    pub(super) clock: Clock,
    pub(super) dice: Arc<Dice>,
    pub(super) registry: Arc<Registry>,
    pub(super) resolver: Resolver,
    pub(super) store: Arc<dyn Store>,
    pub(super) board: Arc<Board>,
}

/// A process that answers.
pub(super) struct Answering {
    pub(super) engine: Arc<Engine>,
    /// The simulated models, by name, to be broken and mended.
    pub(super) simulated: Vec<(ModelName, Arc<Simulation>)>,
    pub(super) origins: Origins,
    pub(super) exposure: Exposure,
    /// The embedding model, if there is one.
    pub(super) embedder: Option<Arc<dyn Embedder>>,
    /// Those of services behind us.
    pub(super) embeddings: Option<EmbeddingModels>,
}

/// Starts the engine and what stands around it.
///
/// # Errors
/// When a model, the embedder, the guardrail, a service or a file cannot be had.
pub(super) async fn start(
    settings: &Settings,
    shop: Shop,
    ground: &Ground,
    tasks: &Tasks,
) -> Result<Answering, StartError> {
    let (mut models, mut simulated) = (Vec::new(), Vec::new());
    for model in settings.models.clone() {
        let built = model.build(&ground.dice, &ground.resolver, ground.clock).await.map_err(StartError::Machine)?;
        simulated.extend(built.simulation.map(|simulation| (built.model.name.clone(), simulation)));
        models.push(built.model);
    }
    let words = shop.understanding.lexicon().clone();
    let embedder = settings.embedder.clone().build(words, &ground.resolver).await.map_err(StartError::Machine)?;
    let asked_directly = (!matches!(settings.embedder, EmbedderSettings::Hashed)).then(|| embedder.clone());
    let file = settings.state.join("exposure.sqlite");
    let trail = Trail::start(&file, Kept::default(), ground.clock, &ground.registry, tasks);
    let trail = trail.map_err(|error| StartError::Machine(error.to_string()))?;
    let guardrail = match settings.guardrail.clone() {
        Some(guardrail) => Some(guardrail.build(&ground.resolver).await.map_err(StartError::Machine)?),
        None => None,
    };
    let (named, dice) = (&settings.embeddings, ground.dice.clone());
    let embeddings = embeddings::build(named, &ground.resolver, &ground.registry, ground.clock, dice);
    let embeddings = embeddings.map_err(StartError::Machine)?;
    let limits = &settings.limits;
    let parts = node::Parts {
        models,
        store: ground.store.clone(),
        board: ground.board.clone(),
        embedder,
        registry: ground.registry.clone(),
        clock: ground.clock,
        dice: ground.dice.clone(),
        admission: limits.admitted(settings.redis.is_some()),
        deadline: settings.deadline,
        guardrail,
        trail: Some(trail),
        upkeep: upkeep::EVERY,
        resolver: Some(ground.resolver.clone()),
        shop: shop.clone(),
    };
    let engine = node::start(parts, tasks);
    let outages = settings.state.join("outages.json");
    chronicle::recall(&engine, &outages);
    tasks.spawn_until_stopped(chronicle::keep(engine.clone(), outages));
    let warmer =
        Warmer::new(engine.clone(), ground.store.clone(), shop.warming.clone(), reader(settings), &ground.registry);
    tasks.spawn_until_stopped(warmer.run());
    let around = services::Around {
        shop: &shop,
        engine: &engine,
        store: ground.store.clone(),
        registry: ground.registry.clone(),
        resolver: &ground.resolver,
    };
    let Services { origins, catalogue } = services::start(settings, around, tasks)?;
    let exposure = Exposure { file, catalogue, understanding: engine.understanding.clone() };
    Ok(Answering { engine, simulated, origins, exposure, embedder: asked_directly, embeddings })
}

/// Takes changed files of the operator over while the engine runs.
pub(super) fn follow_files(
    settings: &Settings,
    shop: Shop,
    engine: Arc<Engine>,
    intake: Arc<Intake>,
    ground: &Ground,
    tasks: &Tasks,
) {
    let Some(folder) = settings.files.clone() else {
        tasks.spawn_until_stopped(reload::no_files());
        return;
    };
    let (board, clock) = (ground.board.clone(), ground.clock);
    let models = settings.models.iter().map(|model| model.defaults()).collect();
    let reload = Reload { folder, shop, engine, intake, board, defaults: engine_defaults(settings), models, clock };
    tasks.spawn_until_stopped(reload.run(&ground.registry));
}

/// Reads what is asked ahead of a release, as the listener would.
fn reader(settings: &Settings) -> warm::Read {
    let known = settings.known_names();
    Arc::new(move |body, caller, hints| request::read(body, caller, hints, &known).map_err(|error| error.message))
}
