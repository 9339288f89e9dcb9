//! `GET /v1/chat/ws`: a conversation over one WebSocket. Tokens as they come, and afterwards what an answer over HTTP has no
//! way to say: that it is revised, how things stand, and that a question which got no real answer can be asked now.
//!
//! `handshake` decides who may open one, `message` is what is said in both directions, `connection` is one of them from
//! its first word to its last, `ask` one question on it, `hub` what all of them hear. Everything is bounded: connections,
//! questions under way, words not yet sent, the time a reader may take to read them.

mod ask;
mod connection;
mod handshake;
mod hub;
mod message;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tracing::debug;

pub use self::hub::{Hub, Revision};
use self::{connection::Connection, handshake::Opening};
use super::{
    openai::{chat::Chat, error::ApiError},
    payload::Payload,
};
use crate::{
    tasks::Tasks,
    telemetry::{
        catalogue,
        metric::{Counter, Gauge},
        registry::Registry,
    },
};

/// The path.
pub const PATH: &str = "/v1/chat/ws";

/// What is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Connections of this node at once.
    pub connections: usize,
    /// Questions of one connection under way at once.
    pub questions: usize,
    /// Messages a second that one connection may send, and how many at once above that; a connection that goes on is closed.
    pub messages: (f64, f64),
    /// The longest message from a client. Unit: bytes.
    pub message: usize,
    /// How often a silent client is asked whether it is still there; one that stays silent for as long again is cut.
    pub ping: Duration,
    /// How long a client may take to read what is sent.
    pub slow: Duration,
    /// Pages that may open one, by origin; empty for those of the same host only. Clients that are no browsers send none.
    pub origins: Vec<String>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 5_000,
            questions: 4,
            messages: (5.0, 20.0),
            message: 256 << 10,
            ping: Duration::from_secs(20),
            slow: Duration::from_secs(10),
            origins: Vec::new(),
        }
    }
}

/// Why a connection ended, as metrics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client said so, or went.
    Client,
    /// It does not read what it is sent.
    Slow,
    /// It does not answer.
    Silent,
    /// It sends too much.
    Flood,
    /// It does not speak the protocol.
    Garbled,
    /// This node stops.
    Stopping,
}

impl End {
    const ALL: [Self; 6] = [Self::Client, Self::Slow, Self::Silent, Self::Flood, Self::Garbled, Self::Stopping];

    fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Flood => "flood",
            Self::Garbled => "garbled",
            Self::Stopping => "stopping",
        }
    }
}

/// The endpoint.
pub struct Sockets {
    chat: Arc<Chat>,
    bounds: Bounds,
    hub: Arc<Hub>,
    open: Arc<AtomicUsize>,
    tasks: Tasks,
    meters: Arc<Meters>,
}

struct Meters {
    open: Arc<Gauge>,
    refused: Arc<Counter>,
    ended: [Arc<Counter>; End::ALL.len()],
    questions: Arc<Counter>,
}

impl Sockets {
    /// None open yet. Their tasks run in a group of their own, so that [`Sockets::close`] can wait for them.
    pub fn new(chat: Arc<Chat>, bounds: Bounds, hub: Arc<Hub>, registry: &Registry) -> Self {
        let meters = Meters {
            open: registry.gauge(&catalogue::SOCKETS, &[]),
            refused: registry.counter(&catalogue::SOCKETS_REFUSED, &[]),
            ended: End::ALL.map(|end| registry.counter(&catalogue::SOCKETS_ENDED, &[end.label()])),
            questions: registry.counter(&catalogue::SOCKET_QUESTIONS, &[]),
        };
        meters.open.set(0.0);
        Self { chat, bounds, hub, open: Arc::default(), tasks: Tasks::default(), meters: Arc::new(meters) }
    }

    /// Opens one, or says why not, in OpenAI's form.
    pub fn answer(&self, request: Request<Incoming>) -> Response<Payload> {
        self.open(request).unwrap_or_else(|error| self.chat.refuse(&error))
    }

    /// No more questions are taken; those under way are finished, at most within `drain`. How many had to be cut.
    pub async fn close(&self, drain: Duration) -> usize {
        self.tasks.shut_down(drain).await
    }

    fn open(&self, mut request: Request<Incoming>) -> Result<Response<Payload>, ApiError> {
        let opening = Opening::read(&request, &self.bounds.origins)?;
        let caller = self.chat.caller_by(opening.key.as_deref(), &request)?;
        let place = Place::take(self).ok_or_else(|| {
            self.meters.refused.inc();
            ApiError::too_many_sockets()
        })?;
        let upgrade = hyper::upgrade::on(&mut request);
        let (chat, hub, bounds, stopping) =
            (self.chat.clone(), self.hub.clone(), self.bounds.clone(), self.tasks.stopping());
        let config = connection::config(&bounds);
        self.tasks.spawn(async move {
            let io = match upgrade.await {
                Ok(upgraded) => TokioIo::new(upgraded),
                Err(error) => return debug!(%error, "A connection was not upgraded."),
            };
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            let end = Connection::new(chat, hub, bounds, caller, place.meters.clone()).run(socket, stopping).await;
            place.ended(end);
        });
        Ok(switching(&opening))
    }
}

fn switching(opening: &Opening) -> Response<Payload> {
    let mut response = Response::new(Payload::from(bytes::Bytes::new()));
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&opening.accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if opening.speaks_ours {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(handshake::PROTOCOL));
    }
    response
}

/// One of the places for connections; free again when dropped.
struct Place {
    open: Arc<AtomicUsize>,
    meters: Arc<Meters>,
}

impl Place {
    fn take(sockets: &Sockets) -> Option<Self> {
        use std::sync::atomic::Ordering::Relaxed;
        let most = sockets.bounds.connections;
        let taken = sockets.open.fetch_update(Relaxed, Relaxed, |open| (open < most).then_some(open + 1));
        taken.is_ok().then(|| {
            sockets.meters.open.shift(1.0);
            Self { open: sockets.open.clone(), meters: sockets.meters.clone() }
        })
    }

    fn ended(self, end: End) {
        if let Some(counter) = End::ALL.iter().position(|known| *known == end).and_then(|at| self.meters.ended.get(at))
        {
            counter.inc();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.meters.open.shift(-1.0);
    }
}
