//! One look over real sockets: name, connection, handshake, each within its deadline.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use super::{
    Endpoint,
    finding::{Finding, Parts},
};
use crate::{
    clock::Timestamp,
    resolve::{Resolver, lookup::Trouble},
    units::TimeSpan,
};

/// How long a connection, and after it a handshake, may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Makes connections that are closed again.
pub(super) struct Reach(Option<TlsConnector>);

impl Reach {
    /// # Errors
    /// TLS is to be spoken and cannot be.
    pub(super) fn new(tls: bool) -> Result<Self, String> {
        Ok(Self(tls.then(connector).transpose()?))
    }

    pub(super) async fn look(&self, endpoint: &Endpoint, resolver: &Resolver, at: Timestamp) -> Finding {
        let mut parts = resolve(endpoint, resolver).await;
        let addresses: Vec<_> = parts.addresses.iter().map(|it| SocketAddr::new(*it, endpoint.port)).collect();
        if !addresses.is_empty() {
            let (connected, stream) = timed("a connection", TcpStream::connect(&*addresses)).await;
            parts.connected = Some(connected);
            if let (Some(stream), true, Some(tls)) = (stream, endpoint.tls, &self.0) {
                parts.shaken = Some(shake(tls, endpoint, stream).await);
            }
        }
        Finding::of(endpoint, parts, at)
    }
}

/// Asks the resolver itself; where it has no answer, the last good one is where the connection goes.
async fn resolve(endpoint: &Endpoint, resolver: &Resolver) -> Parts {
    match resolver.look_up(&endpoint.host).await {
        Ok((found, took)) => Parts { resolved: Some(Ok(took)), addresses: found.to_vec(), ..Parts::default() },
        Err(none) => {
            let known = resolver.resolve(&endpoint.host).await;
            let addresses = known.map(|found| found.to_vec()).unwrap_or_default();
            let fell_back = none.trouble == Trouble::Public;
            Parts { resolved: Some(Err(none.to_string())), fell_back, addresses, ..Parts::default() }
        }
    }
}

async fn shake(tls: &TlsConnector, endpoint: &Endpoint, stream: TcpStream) -> Result<Duration, String> {
    let host = endpoint.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|why| why.to_string())?;
    timed("a TLS handshake", tls.connect(name, stream)).await.0
}

/// How long something took, or why it did not work; and what came of it.
async fn timed<T, E: std::fmt::Display>(
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> (Result<Duration, String>, Option<T>) {
    let began = Instant::now();
    match timeout(DEADLINE, work).await {
        Ok(Ok(done)) => (Ok(began.elapsed()), Some(done)),
        Ok(Err(why)) => (Err(format!("{what} failed: {why}")), None),
        Err(_) => (Err(format!("{what} took longer than {}", TimeSpan(DEADLINE))), None),
    }
}

fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the machine trusts no certificate authority: install ca-certificates".into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
