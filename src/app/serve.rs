//! `banto serve`: everything in one process, from start to stop.
//!
//! It starts from the ground up (store, engine, listener, controller) and stops from the top down: no new plans, no new
//! connections, requests under way answered, writes flushed.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering::Relaxed},
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
    node::{self, Admitted},
    settings::Settings,
    shop::Shop,
};
use crate::{
    api::{
        admin::{self, Desk},
        keys::Keys,
        openai::{
            chat::{Chat, refuse},
            error::ApiError,
        },
        payload::Payload,
        server::{self, Service},
    },
    clock::Clock,
    config::{files::Files, problem::Problems},
    dice::Dice,
    engine::{admit::Limit, recall::embed::hashed::Hashed},
    knob::{board::Board, catalogue::EngineDefaults},
    store::{
        Store,
        embedded::{Embedded, Limits},
    },
    tasks::Tasks,
    telemetry::registry::Registry,
    units::Bytes,
};

/// How long the last writes and tasks may take once the requests are answered.
const FLUSH: Duration = Duration::from_secs(5);

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
    let files = read_files(&settings)?;
    let mut problems = Problems::default();
    let shop = Shop::load(&files, &mut problems);
    let shop = problems.or(shop)?.ok_or_else(|| StartError::Machine("there are no intents in policies/".into()))?;
    let tasks = Tasks::default();
    let clock = Clock::system();
    let running = Running::start(settings, &shop, clock, &tasks).await?;
    running.until_stopped(tasks).await;
    Ok(())
}

fn read_files(settings: &Settings) -> Result<Files, StartError> {
    let Some(folder) = &settings.files else { return Ok(Files::shipped()) };
    let unreadable = |error| StartError::Machine(format!("{}: {error}", folder.display()));
    Files::read(folder).map_err(unreadable)
}

/// A process that serves.
struct Running {
    listener: TcpListener,
    front: Arc<Front>,
    drain: Duration,
}

impl Running {
    async fn start(settings: Settings, shop: &Shop, clock: Clock, tasks: &Tasks) -> Result<Self, StartError> {
        let listener = listen(settings.listen).await?;
        let dice = Arc::new(Dice::fair());
        let registry = Arc::new(Registry::default());
        let store = open_store(&settings, clock, tasks)?;
        let knobs: Vec<_> = settings.models.iter().map(|model| model.defaults()).collect();
        let limits = &settings.limits;
        let defaults = EngineDefaults { rate: limits.rate, burst: limits.burst, ..EngineDefaults::default() };
        let board = Arc::new(Board::new(shop.knobs(&defaults, &knobs)));
        let names: Vec<_> = settings.models.iter().map(|model| model.name.to_string()).collect();
        let (mut models, mut simulated) = (Vec::new(), Vec::new());
        for model in settings.models {
            let built = model.build(&dice, clock).await.map_err(StartError::Machine)?;
            simulated.extend(built.simulation.map(|simulation| (built.model.name.clone(), simulation)));
            models.push(built.model);
        }
        let parts = node::Parts {
            shop: shop.clone(),
            models,
            store: store.clone(),
            board: board.clone(),
            embedder: Arc::new(Hashed::new(shop.understanding.lexicon().clone())),
            registry: registry.clone(),
            clock,
            dice,
            admission: Admitted {
                all: Limit { rate: limits.rate as f64, burst: limits.burst as f64 },
                per_user: limits.per_user.map(|(rate, burst)| Limit { rate, burst }),
                queue: limits.queue,
            },
            deadline: settings.deadline,
        };
        let engine = node::start(parts, tasks);
        let desk = Arc::new(Desk {
            engine: Some(engine.clone()),
            board,
            store,
            registry,
            simulated,
            watch: None,
            events: Arc::new(Mutex::default()),
            clock,
            ready: AtomicBool::new(true),
            token: settings.token,
        });
        let models = ["banto".to_owned()].into_iter().chain(names).chain(settings.aliases).collect();
        let chat = Chat { engine, keys: Keys::new(settings.keys), models, largest: limits.body };
        let front = Arc::new(Front { chat, admin: admin::router(desk.clone()), desk });
        Ok(Self { listener, front, drain: settings.drain })
    }

    /// Serves until a signal; then requests under way are answered, and what is left to write is written.
    async fn until_stopped(self, tasks: Tasks) {
        let (desk, drain, connections) = (self.front.desk.clone(), self.drain, Tasks::default());
        connections.spawn(server::serve(self.listener, self.front, connections.clone(), drain));
        stop_signal().await;
        info!("Stopping: requests under way are answered first.");
        desk.ready.store(false, Relaxed);
        let cut = connections.shut_down(drain + Duration::from_secs(1)).await;
        let left = tasks.shut_down(FLUSH).await;
        if cut + left > 0 {
            warn!(cut, left, "Some connections or background tasks did not end in time.");
        }
    }
}

async fn listen(at: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(at).await.map_err(|error| {
        StartError::Machine(format!(
            "cannot listen on {at}: {error}. Is another Banto running? `listen:` names another address"
        ))
    })
}

fn open_store(settings: &Settings, clock: Clock, tasks: &Tasks) -> Result<Arc<dyn Store>, StartError> {
    let limits = Limits { bytes: Bytes(settings.limits.cache), entries: settings.limits.entries, ..Limits::default() };
    let path = settings.state.join("cache.sqlite");
    std::fs::create_dir_all(&settings.state).map_err(|error| {
        StartError::Machine(format!(
            "cannot create {}: {error}. `state:` names another folder",
            settings.state.display()
        ))
    })?;
    let opened = Embedded::open(&path, limits, clock, tasks);
    opened.map(|store| Arc::new(store) as _).map_err(|error| StartError::Machine(error.to_string()))
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
    chat: Chat,
    admin: axum::Router,
    desk: Arc<Desk>,
}

impl Service for Front {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Payload> {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::POST, "/v1/chat/completions") => self.chat.answer(request).await,
            (method, "/v1/chat/completions") => refuse(&ApiError::wrong_method(method, path)),
            (&Method::GET, "/v1/models") => self.chat.list(),
            (&Method::GET, _) if path.starts_with("/v1/models/") => self.chat.show(&path["/v1/models/".len()..]),
            _ => match self.admin.clone().call(request).await {
                Ok(response) => response.map(Payload::Routed),
                Err(never) => match never {},
            },
        }
    }
}
