//! Everything that is not an application's request: health, metrics, feedback, events, knobs, incidents.
//!
//! Health, readiness and status are open; the rest needs the operator's token, except on loopback when none is configured.

pub mod cache;
mod error;
mod events;
mod feedback;
mod health;
mod knobs;
mod measurements;
mod nodes;
mod simulated;
mod watch;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

pub use self::watch::Watch;
pub use self::{error::AdminError, simulated::Wish};
use super::keys::bearer;
use crate::{
    clock::Clock,
    controller::sense::eyes::Inbox,
    digest::Digest,
    engine::{answer::Engine, model::simulated::Simulation},
    ids::ModelName,
    knob::board::Board,
    store::Store,
    telemetry::registry::Registry,
};

/// What the admin router works on.
pub struct Desk {
    /// The engine of this process; `None` for a controller on its own.
    pub engine: Option<Arc<Engine>>,
    /// The knobs.
    pub board: Arc<Board>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// This node's metrics.
    pub registry: Arc<Registry>,
    /// The simulated models, which can be broken and mended.
    pub simulated: Vec<(ModelName, Arc<Simulation>)>,
    /// The controller's side: incidents, alarms, approvals, the hold switch. `None` without a controller.
    pub watch: Option<Arc<dyn Watch>>,
    /// Where events from outside go.
    pub events: Inbox,
    /// The time.
    pub clock: Clock,
    /// Whether requests are served.
    pub ready: AtomicBool,
    /// A number that no other life of this process has.
    pub life: u64,
    /// The operator's token; `None` only on loopback.
    pub token: Option<String>,
}

/// What handlers share.
pub type Shared = State<Arc<Desk>>;

/// The routes.
pub fn router(desk: Arc<Desk>) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(health::metrics))
        .route("/v1/events", post(events::receive))
        .route("/api/v1/knobs", get(knobs::list))
        .route("/api/v1/knobs/history", get(knobs::history))
        .route("/api/v1/knobs/document", post(knobs::take_over))
        .route("/api/v1/measurements", get(measurements::tell))
        .route("/api/v1/nodes", get(nodes::list))
        .route("/api/v1/knobs/{name}", get(knobs::show).post(knobs::set))
        .route("/api/v1/simulated/{model}", get(simulated::show).post(simulated::set))
        .route("/api/v1/invalidate", post(events::invalidate))
        .route("/api/v1/labels", get(feedback::labels))
        .route("/api/v1/recall", get(feedback::known))
        .route("/api/v1/incidents", get(watch::incidents))
        .route("/api/v1/alarms", get(watch::alarms))
        .route("/api/v1/decisions", get(watch::decisions))
        .route("/api/v1/hold", get(watch::held).post(watch::hold))
        .route("/api/v1/approvals/{id}", post(watch::approve))
        .route("/api/v1/policies/{policy}/unlock", post(watch::unlock))
        .merge(cache::routes())
        .layer(middleware::from_fn_with_state(desk.clone(), guard));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/v1/feedback", post(feedback::receive))
        .merge(guarded)
        .layer(middleware::map_response(error::in_json))
        .fallback(|request: Request| async move { AdminError::unknown_path(request.method(), request.uri().path()) })
        .with_state(desk)
}

/// Lets the operator's token pass. Compared by digest, so that the time it takes tells nothing.
async fn guard(State(desk): Shared, request: Request, next: Next) -> Response {
    let digest = |token: &str| Digest::of([token.as_bytes()]);
    let allowed = match &desk.token {
        None => true,
        Some(token) => bearer(request.headers()).is_some_and(|given| digest(given) == digest(token)),
    };
    if allowed { next.run(request).await } else { AdminError::no_token().into_response() }
}
