//! One HTTP request to somebody else's service, and its whole answer, within a deadline. Names are looked up by
//! [`resolve`](crate::resolve).

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use crate::resolve::{Connector, Resolver};

/// Answers longer than this are cut off as errors. Unit: bytes.
const MOST_BYTES: usize = 4 << 20;

/// Sends requests over HTTP or HTTPS. Clones share connections.
#[derive(Clone, Debug)]
pub struct Outbound(Client<HttpsConnector<Connector>, Full<Bytes>>);

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Nothing (whole) came back; the request may have had its effect.
#[derive(Debug, thiserror::Error)]
pub enum NoResponse {
    /// The deadline passed.
    #[error("{host} did not answer within {} s", within.as_secs_f64())]
    Late {
        /// Who was asked.
        host: String,
        /// How long was waited.
        within: Duration,
    },
    /// No connection, or it broke.
    #[error("the connection to {host} failed: {why}")]
    Broken {
        /// Who was asked.
        host: String,
        /// The innermost reason.
        why: String,
    },
}

impl Outbound {
    /// A client on the machine's resolver, with a memory of names of its own: for commands and tests.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new() -> io::Result<Self> {
        Self::on(&Resolver::system())
    }

    /// A client that trusts the machine's certificates.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn on(resolver: &Resolver) -> io::Result<Self> {
        let tls = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1();
        let tls = tls.wrap_connector(resolver.connector());
        Ok(Self(Client::builder(TokioExecutor::new()).build(tls)))
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// [`NoResponse`]. Any status is an answer.
    pub async fn send(&self, request: Request<Bytes>, within: Duration) -> Result<Response, NoResponse> {
        self.send_up_to(MOST_BYTES, request, within).await
    }

    /// The same for an answer of at most so many bytes.
    ///
    /// # Errors
    /// [`NoResponse`]. Any status is an answer.
    pub async fn send_up_to(
        &self,
        most: usize,
        request: Request<Bytes>,
        within: Duration,
    ) -> Result<Response, NoResponse> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let whole = async {
            let answer = self.0.request(request.map(Full::new)).await.map_err(|e| innermost(&e))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, most).collect().await.map_err(|e| e.to_string())?;
            Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        match tokio::time::timeout(within, whole).await {
            Ok(answer) => answer.map_err(|why| NoResponse::Broken { host, why }),
            Err(_) => Err(NoResponse::Late { host, within }),
        }
    }
}

/// The last error of the chain says what happened: "connection refused", not "client error (Connect)".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
