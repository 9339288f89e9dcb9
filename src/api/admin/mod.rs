//! Everything that is not an application's request: health, metrics, feedback, events, knobs, incidents.
//!
//! Health, readiness and status are open; the rest needs the operator's token, except on loopback when none is configured,
//! and deliveries of SNS, which have a signature instead.

pub mod cache;
mod crowd;
mod dead_letters;
mod endpoints;
mod error;
mod events;
pub mod exposure;
mod feedback;
mod health;
mod invalidate;
mod knobs;
mod measurements;
mod messages;
mod nodes;
mod prompts;
mod revisions;
mod simulated;
mod watch;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};

pub use self::{error::AdminError, simulated::Wish};
pub use self::{exposure::Exposure, watch::Watch};
use super::{keys::bearer, socket::Hub};
use crate::{
    clock::Clock,
    digest::Digest,
    endpoints::Probes,
    engine::{answer::Engine, model::simulated::Simulation},
    events::{intake::Intake, sns::Gate, sweep::Sweeps},
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
    /// Who was served what; `None` for a controller on its own.
    pub exposure: Option<Exposure>,
    /// Where events from outside go.
    pub intake: Arc<Intake>,
    /// Who verifies those of SNS.
    pub gate: Gate,
    /// What open WebSockets are told; `None` for a controller on its own.
    pub hub: Option<Arc<Hub>>,
    /// What is made void by pattern.
    pub sweeps: Arc<Sweeps>,
    /// What looks at the endpoints that this process connects to.
    pub probes: Arc<Probes>,
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
        .route("/api/v1/knobs", get(knobs::list))
        .route("/api/v1/knobs/history", get(knobs::history))
        .route("/api/v1/knobs/document", post(knobs::take_over))
        .route("/api/v1/measurements", get(measurements::tell))
        .route("/api/v1/nodes", get(nodes::list))
        .route("/api/v1/knobs/{name}", get(knobs::show).post(knobs::set))
        .route("/api/v1/simulated/{model}", get(simulated::show).post(simulated::set))
        .route("/api/v1/endpoints", get(endpoints::list))
        .route("/api/v1/crowd", get(crowd::judged))
        .route("/api/v1/prompts", get(prompts::status))
        .route("/api/v1/prompts/deploy", post(prompts::deploy))
        .route("/api/v1/messages/rates", get(messages::rates))
        .route("/api/v1/revisions", get(revisions::list).post(revisions::revise))
        .route("/api/v1/labels", get(feedback::labels))
        .route("/api/v1/recall", get(feedback::known))
        .route("/api/v1/exposure", get(exposure::served))
        .route("/api/v1/prices", get(exposure::prices))
        .route("/api/v1/invalidate", post(invalidate::invalidate))
        .route("/api/v1/invalidate/{id}", get(invalidate::progress))
        .route("/api/v1/events/dead-letters", get(dead_letters::list))
        .route("/api/v1/events/dead-letters/{id}", delete(dead_letters::remove))
        .route("/api/v1/events/dead-letters/{id}/replay", post(dead_letters::replay))
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
        .route("/v1/events", post(events::receive).layer(DefaultBodyLimit::disable()))
        .merge(guarded)
        .layer(middleware::map_response(error::in_json))
        .fallback(|request: Request| async move { AdminError::unknown_path(request.method(), request.uri().path()) })
        .with_state(desk)
}

/// Lets the operator's token pass.
async fn guard(State(desk): Shared, request: Request, next: Next) -> Response {
    match may_pass(&desk, bearer(request.headers())) {
        true => next.run(request).await,
        false => AdminError::no_token().into_response(),
    }
}

/// Whether this token is the operator's. Compared by digest, so that the time it takes tells nothing.
fn may_pass(desk: &Desk, given: Option<&str>) -> bool {
    let digest = |token: &str| Digest::of([token.as_bytes()]);
    match &desk.token {
        None => true,
        Some(token) => given.is_some_and(|given| digest(given) == digest(token)),
    }
}
