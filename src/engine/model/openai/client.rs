//! The HTTP client below: HTTP/1.1, kept-alive connections, TLS where the endpoint wants it.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tower_service::Service;

use crate::{
    engine::model::{
        deadline::Stage,
        failure::{Class, Failure},
    },
    resolve::{Connector, Resolver},
    units::TimeSpan,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A client that keeps its connections.
pub(super) type Client = legacy::Client<Hurried<HttpsConnector<Connector>>, Full<Bytes>>;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// A client that connects within `connect`. The machine's certificates are only read when `tls` needs them.
pub(super) fn build(tls: bool, connect: Duration, resolver: &Resolver) -> Result<Client, String> {
    let https = HttpsConnectorBuilder::new().with_tls_config(config(tls)?).https_or_http().enable_http1();
    let connector = Hurried { inner: https.wrap_connector(resolver.connector()), within: connect };
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
    Ok(builder.build(connector))
}

fn config(tls: bool) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let config = if tls {
        config
            .with_native_roots()
            .map_err(|error| format!("the machine's root certificates cannot be read: {error}"))?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

/// What a request that got no response failed of.
pub(super) fn failure(error: &legacy::Error) -> Failure {
    let chain = || std::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source());
    if let Some(slow) = chain().find_map(|error| error.downcast_ref::<TooSlow>()) {
        return Stage::Connection.overdue(slow.0);
    }
    let story = chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if error.is_connect() {
        return Failure::new(Class::Connect, format!("no connection to the model: {story}")).coded("no_connection");
    }
    Failure::new(Class::Cut, format!("the model closed the connection without a response: {story}"))
        .coded("no_response")
}

/// A connector with a deadline over everything: name, TCP and TLS.
#[derive(Clone)]
pub(super) struct Hurried<C> {
    inner: C,
    within: Duration,
}

/// The connection was not there in time.
#[derive(Debug, thiserror::Error)]
#[error("not connected within {}", TimeSpan(self.0))]
struct TooSlow(Duration);

impl<C> Service<Uri> for Hurried<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, within) = (self.inner.call(uri), self.within);
        Box::pin(async move { tokio::time::timeout(within, connecting).await.map_err(|_| TooSlow(within))? })
    }
}
