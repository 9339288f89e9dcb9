//! `banto serve`: what the role asks for in one process, from start to stop.
//!
//! It starts from the ground up (store, engine, listener, controller) and stops from the top down: no new plans, no new
//! connections, requests under way answered, writes flushed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tower_service::Service as _;
use tracing::{info, warn};

use super::{
    banner::Banner,
    endpoints, incoming, node,
    reload::{self, Reload},
    services::{self, Services},
    settings::{Settings, embedder::EmbedderSettings, embeddings},
    shop::Shop,
    watch::{self, Surroundings},
    zone,
};
use crate::{
    api::{
        admin::{self, Desk, Exposure},
        anthropic, bedrock, body,
        keys::Keys,
        openai::{
            chat::{Chat, refuse},
            embeddings::upstream::EmbeddingModels,
            error::ApiError,
            request,
        },
        origin::{self, OriginApi},
        payload::Payload,
        server::{self, Service},
        socket::{self, Hub, Sockets},
        status::{self, StatusApi},
    },
    clock::Clock,
    config::{files::Files, problem::Problems},
    controller::{
        rulebook::Rulebook,
        sense::{eyes::Inbox, process},
    },
    dice::Dice,
    endpoints::Probes,
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
    knob::{
        self,
        board::Board,
        catalogue::{Catalogue, EngineDefaults},
    },
    resolve::Resolver,
    store::{Store, embedded, measured::Measured, redis},
    tasks::Tasks,
    telemetry::registry::Registry,
    units::Bytes,
};

/// How long the last writes and tasks may take once the requests are answered.
const FLUSH: Duration = Duration::from_secs(5);

/// The largest body of a request that is not an application's question, and of a delivery of events: a batch of DynamoDB
/// Streams has 6 MB. Unit: bytes.
const LARGEST_WISH: u64 = 2 << 20;
const LARGEST_DELIVERY: u64 = 8 << 20;

/// How long a node that starts reads the fleet's hottest entries before it says that it is ready.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// How long a start waits for Redis; without it the engine serves all the same.
const REDIS_AT_START: Duration = Duration::from_millis(200);

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator's files are wrong.
    #[error("{0}")]
    Files(#[from] Problems),
    /// A folder, a port or a part of the machine is not as needed. The text says what to do.
    #[error("{0}")]
    Machine(String),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start.
pub async fn serve(settings: Settings) -> Result<(), StartError> {
    let loaded = Loaded::read(&settings)?;
    let tasks = Tasks::default();
    let drain = settings.drain;
    let listener = listen(settings.listen).await?;
    let banner = Banner::of(&settings, &loaded);
    let front = start(settings, loaded, &tasks).await?;
    println!("{banner}");
    until_stopped(listener, front, drain, tasks).await;
    Ok(())
}

/// What was read from the operator's files.
pub(super) struct Loaded {
    pub(super) shop: Shop,
    pub(super) book: Rulebook,
    knobs: Catalogue,
}

impl Loaded {
    /// Reads everything, and tells every mistake at once.
    fn read(settings: &Settings) -> Result<Self, StartError> {
        let mut problems = Problems::default();
        let files = read_files(settings, &mut problems)?;
        let Some(shop) = Shop::load(&files, &mut problems) else {
            return Err(problems.or(()).map_or_else(StartError::Files, |()| {
                StartError::Machine("no intents were found in policies/: at least `_other` is needed".into())
            }));
        };
        let engine = engine_defaults(settings);
        let models: Vec<_> = settings.models.iter().map(|model| model.defaults()).collect();
        let knobs = shop.knobs(&engine, &models);
        let mut unfit = Problems::default();
        let book = Rulebook::load(&files, &knobs, &mut unfit);
        match settings.files {
            // The shipped policies are written for two models; those that do not fit this installation are left out.
            None => unfit.sorted().iter().for_each(|problem| warn!(%problem, "A shipped rule is not used here.")),
            Some(_) => problems.extend(unfit),
        }
        Ok(problems.or(Self { shop, book, knobs })?)
    }
}

fn engine_defaults(settings: &Settings) -> EngineDefaults {
    EngineDefaults { rate: settings.limits.rate, burst: settings.limits.burst, ..EngineDefaults::default() }
}

fn read_files(settings: &Settings, problems: &mut Problems) -> Result<Files, StartError> {
    let Some(folder) = &settings.files else { return Ok(Files::shipped()) };
    Files::read(folder, problems).map_err(|error| StartError::Machine(format!("{}: {error}", folder.display())))
}

/// Starts everything but the listener, from the ground up.
async fn start(settings: Settings, loaded: Loaded, tasks: &Tasks) -> Result<Arc<Front>, StartError> {
    let Loaded { shop, book, knobs } = loaded;
    let (clock, dice) = (Clock::following(), Arc::new(Dice::fair()));
    tasks.spawn_until_stopped(clock.follow());
    let (registry, life) = (Arc::new(Registry::default()), dice.bits());
    let resolver = zone::resolver(&settings, clock, &registry, tasks).await;
    let (store, redis) = open_store(&settings, &resolver, clock, &dice, &registry, tasks).await?;
    let board = Arc::new(Board::new(knobs));
    knob::shared::share(board.clone(), store.clone(), tasks).await;
    tasks.spawn_until_stopped(process::keep_looking(registry.clone(), clock));
    let (held, known) = (store.clone(), resolver.clone());
    let ground = Ground { clock, dice, registry: registry.clone(), resolver: known, store: held, board: board.clone() };
    let mut answering = None;
    if settings.role.answers() {
        answering = Some(start_engine(&settings, shop.clone(), &ground, tasks).await?);
    } else {
        tasks.spawn_until_stopped(return_in_time(board.clone(), clock));
    }
    let inbox = Inbox::default();
    let around = incoming::Surroundings {
        mappings: shop.mappings.clone(),
        understanding: shop.understanding.clone(),
        store: store.clone(),
        recall: answering.as_ref().map(|answers| answers.engine.recall.clone()),
        inbox: settings.role.watches().then(|| inbox.clone()),
        registry: registry.clone(),
        resolver: resolver.clone(),
        clock,
        dice: ground.dice.clone(),
    };
    let incoming::Incoming { intake, gate, sweeps } = incoming::start(&settings, around, tasks).await?;
    if let Some(answers) = &answering {
        follow_files(&settings, shop, answers.engine.clone(), intake.clone(), &ground, tasks);
    }
    let mut watch = None;
    if settings.role.watches() {
        let (board, store, registry, inbox) = (board.clone(), store.clone(), registry.clone(), inbox.clone());
        let resolver = resolver.clone();
        let folding = intake.clone();
        let fold = Arc::new(move |tag: &str| folding.tags(tag));
        let around = Surroundings { book, board, store, redis, registry, resolver, inbox, fold, clock, life };
        watch = Some(watch::start(&settings, around, tasks).await?);
    }
    let connected = endpoints::all(&settings, |name| std::env::var(name).ok());
    let probes = Probes::new(connected, settings.endpoints.every, resolver, clock, &registry);
    let probes = Arc::new(probes.map_err(StartError::Machine)?);
    tasks.spawn_until_stopped(probes.clone().run());
    let models = settings.known_names();
    let keys = Keys::new(settings.keys).trusting(settings.clients);
    let (mut chat, mut origins, mut engine, mut simulated, mut exposure) = (None, None, None, Vec::new(), None);
    if let Some(answers) = answering {
        origins = Some(OriginApi { origins: answers.origins, keys: keys.clone() });
        let (asked, embedder) = (answers.engine.clone(), answers.embedder);
        let (largest, embeddings) = (settings.limits.body, answers.embeddings);
        chat = Some(Arc::new(Chat { engine: asked, keys, models, largest, embedder, embeddings }));
        (engine, simulated, exposure) = (Some(answers.engine), answers.simulated, Some(answers.exposure));
    }
    let hub = engine.clone().map(|engine| Arc::new(Hub::new(engine)));
    let mut sockets = None;
    if let (Some(chat), Some(hub)) = (&chat, &hub) {
        tasks.spawn_until_stopped(hub.clone().run());
        tasks.spawn_until_stopped(hub.clone().pass_on());
        sockets = Some(Sockets::new(chat.clone(), settings.sockets, hub.clone(), &registry));
    }
    let desk = Desk {
        hub,
        engine,
        board,
        store,
        registry,
        simulated,
        watch,
        exposure,
        intake,
        gate,
        sweeps,
        probes,
        clock,
        ready: AtomicBool::new(false),
        life,
        token: settings.token,
    };
    let desk = Arc::new(desk);
    tasks.spawn_until_stopped(get_ready(desk.clone()));
    let status = desk.engine.clone().map(|engine| StatusApi { engine });
    Ok(Arc::new(Front { chat, sockets, origins, status, admin: admin::router(desk.clone()), desk }))
}

/// What every part of a process stands on.
struct Ground {
    clock: Clock,
    dice: Arc<Dice>,
    registry: Arc<Registry>,
    resolver: Resolver,
    store: Arc<dyn Store>,
    board: Arc<Board>,
}

/// A process that answers.
struct Answering {
    engine: Arc<Engine>,
    /// The simulated models, by name, to be broken and mended.
    simulated: Vec<(ModelName, Arc<Simulation>)>,
    origins: Origins,
    exposure: Exposure,
    /// The embedding model, if there is one.
    embedder: Option<Arc<dyn Embedder>>,
    /// Those of services behind us.
    embeddings: Option<EmbeddingModels>,
}

async fn start_engine(
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
fn follow_files(
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

/// Where no engine keeps the deadlines of temporary changes, the controller's own board keeps them too.
async fn return_in_time(board: Arc<Board>, clock: Clock) {
    loop {
        board.expire(clock.now());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Says that requests are served once the fleet's hottest entries are held, or it took too long. Requests that come before
/// are answered all the same.
async fn get_ready(desk: Arc<Desk>) {
    if let Some(engine) = &desk.engine {
        warm::start::take_over(engine, &desk.store, TAKE_OVER).await;
    }
    desk.ready.store(true, Relaxed);
}

/// Reads what is asked ahead of a release, as the listener would.
fn reader(settings: &Settings) -> warm::Read {
    let known = settings.known_names();
    Arc::new(move |body, caller, hints| request::read(body, caller, hints, &known).map_err(|error| error.message))
}

/// Serves until a signal; then requests under way are answered, and what is left to write is written.
async fn until_stopped(listener: TcpListener, front: Arc<Front>, drain: Duration, tasks: Tasks) {
    let (desk, connections) = (front.desk.clone(), Tasks::default());
    connections.spawn(server::serve(listener, front.clone(), connections.clone(), drain));
    stop_signal().await;
    info!("Stopping: requests under way are answered first.");
    desk.ready.store(false, Relaxed);
    let sockets = async {
        match &front.sockets {
            Some(sockets) => sockets.close(drain).await,
            None => 0,
        }
    };
    let (cut, cut_sockets) = tokio::join!(connections.shut_down(drain + Duration::from_secs(1)), sockets);
    let cut = cut + cut_sockets;
    let left = tasks.shut_down(FLUSH).await;
    if cut + left > 0 {
        warn!(cut, left, "Some connections or background tasks did not end in time.");
    }
}

async fn listen(at: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(at).await.map_err(|error| {
        StartError::Machine(format!(
            "cannot listen on {at}: {error}. Is another Banto running? `listen:` names another address"
        ))
    })
}

async fn open_store(
    settings: &Settings,
    resolver: &Resolver,
    clock: Clock,
    dice: &Arc<Dice>,
    registry: &Registry,
    tasks: &Tasks,
) -> Result<(Arc<dyn Store>, Option<redis::Redis>), StartError> {
    std::fs::create_dir_all(&settings.state).map_err(|error| {
        StartError::Machine(format!(
            "cannot create {}: {error}. `state:` names another folder",
            settings.state.display()
        ))
    })?;
    let machine = |error: &dyn std::fmt::Display| StartError::Machine(error.to_string());
    if let Some(options) = settings.redis.clone() {
        let options = redis::Options { entries: settings.limits.entries, resolver: resolver.clone(), ..options };
        let store =
            redis::Redis::connect(options, clock, dice.clone(), registry, tasks).map_err(|error| machine(&error))?;
        if !store.connected(REDIS_AT_START).await {
            warn!("Redis does not answer yet; the engine serves without it and goes on trying.");
        }
        return Ok((Arc::new(Measured::new(store.clone(), registry)), Some(store)));
    }
    let limits = embedded::Limits {
        bytes: Bytes(settings.limits.cache),
        entries: settings.limits.entries,
        ..embedded::Limits::default()
    };
    let path = settings.state.join("cache.sqlite");
    let store = embedded::Embedded::open(&path, limits, clock, tasks).map_err(|error| machine(&error))?;
    Ok((Arc::new(Measured::new(store, registry)), None))
}

async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Sends each request where it belongs: applications' on the shortest path, everything else through the admin router.
struct Front {
    /// Absent from a controller on its own.
    chat: Option<Arc<Chat>>,
    sockets: Option<Sockets>,
    origins: Option<OriginApi>,
    status: Option<StatusApi>,
    admin: axum::Router,
    desk: Arc<Desk>,
}

impl Service for Front {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Payload> {
        let path = request.uri().path();
        let questions = ["/v1/chat/completions", "/v1/embeddings"].contains(&path)
            || path == "/v1/models"
            || path.starts_with("/v1/models/");
        let others = path.starts_with(bedrock::PREFIX) || path.starts_with(anthropic::PREFIX);
        match (&self.chat, request.method()) {
            (None, _) if questions || others => refuse(&ApiError::no_engine_here()),
            (Some(chat), &Method::POST) if path == "/v1/chat/completions" => chat.answer(request).await,
            (Some(chat), &Method::POST) if path == "/v1/embeddings" => chat.embed(request).await,
            (Some(_), method) if path == "/v1/chat/completions" || path == "/v1/embeddings" => {
                refuse(&ApiError::wrong_method(method, path))
            }
            (Some(chat), _) if path.starts_with(bedrock::PREFIX) => bedrock::answer(chat, request).await,
            (Some(chat), _) if path.starts_with(anthropic::PREFIX) => anthropic::answer(chat, request).await,
            (Some(chat), &Method::GET) if path == "/v1/models" => chat.list(request.headers()),
            (Some(chat), &Method::GET) if questions => chat.show(&path["/v1/models/".len()..], request.headers()),
            _ if path.starts_with(origin::PREFIX) => match &self.origins {
                Some(origins) => origins.answer(request).await,
                None => refuse(&ApiError::no_engine_here()),
            },
            _ if path == socket::PATH => match &self.sockets {
                Some(sockets) => sockets.answer(request),
                None => refuse(&ApiError::no_engine_here()),
            },
            _ if status::PATHS.contains(&path) => match &self.status {
                Some(status) => status.answer(&request),
                None => refuse(&ApiError::no_engine_here()),
            },
            _ => self.administrate(request).await,
        }
    }
}

impl Front {
    /// Everything that is not an application's question. Its body has the same limits and deadlines: some of it is open to
    /// everybody.
    async fn administrate(&self, request: Request<Incoming>) -> Response<Payload> {
        let (head, body) = request.into_parts();
        let largest = if head.uri.path() == "/v1/events" { LARGEST_DELIVERY } else { LARGEST_WISH };
        let body = match body::read(body, largest).await {
            Ok(body) => body,
            Err(error) => return refuse(&error),
        };
        match self.admin.clone().call(Request::from_parts(head, axum::body::Body::from(body))).await {
            Ok(response) => response.map(Payload::Routed),
            Err(never) => match never {},
        }
    }
}
