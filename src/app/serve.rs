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

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing::{info, warn};

pub use super::loaded::StartError;
use super::{
    answering::{self, Ground, follow_files},
    banner::Banner,
    endpoints,
    front::Front,
    incoming,
    loaded::Loaded,
    settings::Settings,
    storage,
    watch::{self, Surroundings},
    zone,
};
use crate::{
    api::{
        admin::{self, Desk},
        keys::Keys,
        openai::chat::Chat,
        origin::OriginApi,
        server,
        socket::{Hub, Sockets},
        status::StatusApi,
    },
    clock::Clock,
    controller::sense::{eyes::Inbox, process},
    dice::Dice,
    endpoints::Probes,
    engine::warm,
    knob::{self, board::Board},
    tasks::Tasks,
    telemetry::registry::Registry,
};

/// How long the last writes and tasks may take once the requests are answered.
const FLUSH: Duration = Duration::from_secs(5);

/// How long a node that starts reads the fleet's hottest entries before it says that it is ready.
const TAKE_OVER: Duration = Duration::from_secs(10);

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

/// Starts everything but the listener, from the ground up.
async fn start(settings: Settings, loaded: Loaded, tasks: &Tasks) -> Result<Arc<Front>, StartError> {
    let Loaded { shop, book, knobs } = loaded;
    let (clock, dice) = (Clock::following(), Arc::new(Dice::fair()));
    tasks.spawn_until_stopped(clock.follow());
    let (registry, life) = (Arc::new(Registry::default()), dice.bits());
    let resolver = zone::resolver(&settings, clock, &registry, tasks).await;
    let (store, redis) = storage::open(&settings, &resolver, clock, &dice, &registry, tasks).await?;
    let board = Arc::new(Board::new(knobs));
    knob::shared::share(board.clone(), store.clone(), tasks).await;
    tasks.spawn_until_stopped(process::keep_looking(registry.clone(), clock));
    let (held, known) = (store.clone(), resolver.clone());
    let ground = Ground { clock, dice, registry: registry.clone(), resolver: known, store: held, board: board.clone() };
    let mut answering = None;
    if settings.role.answers() {
        answering = Some(answering::start(&settings, shop.clone(), &ground, tasks).await?);
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

async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
