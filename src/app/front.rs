//! What a process answers, by path.

use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use tower_service::Service as _;

use crate::api::{
    admin::Desk,
    anthropic, bedrock, body,
    openai::{
        chat::{Chat, refuse},
        error::ApiError,
    },
    origin::{self, OriginApi},
    payload::Payload,
    server::Service,
    socket::{self, Sockets},
    status::{self, StatusApi},
};

/// The largest body of a request that is not an application's question, and of a delivery of events: a batch of DynamoDB
/// Streams has 6 MB. Unit: bytes.
const LARGEST_WISH: u64 = 2 << 20;
const LARGEST_DELIVERY: u64 = 8 << 20;

/// Sends each request where it belongs: applications' on the shortest path, everything else through the admin router.
pub(super) struct Front {
    /// Absent from a controller on its own.
    pub(super) chat: Option<Arc<Chat>>,
    pub(super) sockets: Option<Sockets>,
    pub(super) origins: Option<OriginApi>,
    pub(super) status: Option<StatusApi>,
    pub(super) admin: axum::Router,
    pub(super) desk: Arc<Desk>,
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
