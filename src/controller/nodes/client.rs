//! Asks one engine node over its API, each call within a deadline.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use serde::Serialize;

use crate::{
    ids::NodeId,
    knob::board::Document,
    outbound::{Outbound, Response},
    telemetry::wire::Snapshot,
};

/// How long a node may take to tell its measurements. Unit: seconds.
const MEASUREMENTS_WITHIN: Duration = Duration::from_secs(2);
/// How long a node may take to do something.
const DONE_WITHIN: Duration = Duration::from_secs(5);

/// One engine node. Clones share connections.
#[derive(Clone)]
pub struct NodeClient {
    name: NodeId,
    url: String,
    token: Option<String>,
    outbound: Outbound,
}

/// Why a node did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It said no; asking again will not help.
    #[error("{node} refused: {why}")]
    Refused {
        /// Which node.
        node: NodeId,
        /// What it said.
        why: String,
    },
    /// No answer, or it is overloaded: it may or may not have happened.
    #[error("{node} did not answer: {why}")]
    Unsure {
        /// Which node.
        node: NodeId,
        /// What is known.
        why: String,
    },
}

impl NodeClient {
    /// A node at `url` (`http://10.0.0.5:8080`), with its operator's token.
    pub fn new(name: NodeId, url: &str, token: Option<String>, outbound: Outbound) -> Self {
        Self { name, url: url.trim_end_matches('/').to_owned(), token, outbound }
    }

    /// Its name.
    pub fn name(&self) -> &NodeId {
        &self.name
    }

    /// Where it is asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything it measured, as it stands.
    ///
    /// # Errors
    /// [`NodeError`]; also when what came is no snapshot.
    pub async fn measurements(&self) -> Result<Snapshot, NodeError> {
        let answer = self.call("GET", "/api/v1/measurements", Bytes::new(), MEASUREMENTS_WITHIN).await?;
        Snapshot::from_bytes(&answer.body).map_err(|why| self.refused(why.to_string()))
    }

    /// Tells it a knob document; its own afterwards.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn take_over(&self, document: &Document) -> Result<Document, NodeError> {
        let answer = self.post("/api/v1/knobs/document", document).await?;
        serde_json::from_slice(&answer.body).map_err(|why| self.refused(format!("not a knob document: {why}")))
    }

    /// Makes it do something that is said in JSON.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn post(&self, path: &str, wish: &impl Serialize) -> Result<Response, NodeError> {
        let body = serde_json::to_vec(wish).map_err(|why| self.refused(why.to_string()))?;
        self.call("POST", path, body.into(), DONE_WITHIN).await
    }

    async fn call(&self, method: &str, path: &str, body: Bytes, within: Duration) -> Result<Response, NodeError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let request = request.map_err(|why| self.refused(why.to_string()))?;
        let answer = self.outbound.send(request, within).await.map_err(|why| self.unsure(why.to_string()))?;
        match answer.status.as_u16() {
            200..=299 => Ok(answer),
            401 | 403 => Err(self.refused("it does not accept this token; set the node's `token:`".into())),
            status @ (429 | 500..) => Err(self.unsure(format!("HTTP {status}"))),
            status => Err(self.refused(format!("HTTP {status}: {}", said(&answer.body)))),
        }
    }

    fn refused(&self, why: String) -> NodeError {
        NodeError::Refused { node: self.name.clone(), why }
    }

    fn unsure(&self, why: String) -> NodeError {
        NodeError::Unsure { node: self.name.clone(), why }
    }

    #[cfg(test)]
    pub(super) fn to_nowhere(name: &str) -> Self {
        Self::new(name.into(), "http://127.0.0.1:1/", None, Outbound::new().expect("certificates"))
    }
}

impl std::fmt::Debug for NodeClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeClient").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// The message of an error in JSON, or the start of what came.
fn said(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = json.as_ref().and_then(|json| json["error"]["message"].as_str());
    message.map_or_else(|| String::from_utf8_lossy(body).chars().take(200).collect(), str::to_owned)
}
