//! Making connections: TCP with keepalive, TLS with the operator's own authority or the machine's, the login. Everything
//! within one deadline, and what fails says what to do.

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
    io::tcp::socket2::{SockRef, TcpKeepalive},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use super::{DEADLINE, options::Tls};
use crate::{resolve::Resolver, store::StoreError};

/// When an idle connection is first asked whether it still stands, how often then, and for how long sent bytes may go
/// without a sign of having arrived.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const UNHEARD: Duration = Duration::from_secs(5);
/// Calls that may wait to be sent on one connection.
const PIPELINE: usize = 4_096;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

impl Address {
    /// For messages about servers that nobody named.
    pub(super) fn nowhere() -> Self {
        Self { host: "nowhere".into(), port: 0 }
    }

    /// Reads `host:port`; without a host it is that of `from`.
    pub(super) fn read(text: &str, from: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { from.host.clone() } else { host.trim_matches(['[', ']']).into() };
        Some(Self { host, port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What an address in the configuration says.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) login: RedisConnectionInfo,
    pub(super) is_tls: bool,
}

impl Target {
    /// Reads `redis[s]://[user:password@]host:port[/db]`.
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        let is_tls = url.starts_with("rediss://");
        let plain = url.replacen("rediss://", "redis://", 1);
        let wrong = |why: &dyn fmt::Display| StoreError::Refused(format!("not the address of a Redis: {why}"));
        let info = plain.as_str().into_connection_info().map_err(|why| wrong(&why))?;
        let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(wrong(&"write redis://host:port, or rediss://host:port for TLS"));
        };
        // RESP3 carries pushes and answers on one connection.
        let login = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { address: Address { host: host.as_str().into(), port: *port }, login, is_tls })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLine {
    #[error("{address} cannot be reached: {why}")]
    Network { address: Address, why: io::Error },
    #[error("{address} did not answer within {DEADLINE:?}")]
    Late { address: Address },
    #[error(
        "no TLS with {address}: {why}. Its certificate must name `{}` and come from an authority that is trusted here; \
         `tls: {{ ca: FILE }}` names your own",
        address.host
    )]
    Tls { address: Address, why: String },
    #[error("{address} refuses the login: {why}. Check the user and the password in the configuration")]
    Login { address: Address, why: RedisError },
    #[error("{address}: {why}")]
    Unfit { address: Address, why: String },
}

/// Makes connections with one login.
pub(super) struct Dialer {
    login: RedisConnectionInfo,
    tls: Option<TlsConnector>,
    resolver: Resolver,
}

impl Dialer {
    /// # Errors
    /// The certificates cannot be read.
    pub(super) fn new(login: RedisConnectionInfo, tls: Option<&Tls>, resolver: Resolver) -> Result<Self, StoreError> {
        let tls = tls.map(connector).transpose().map_err(StoreError::Refused)?;
        Ok(Self { login, tls, resolver })
    }

    pub(super) fn user(&self) -> &str {
        self.login.username().unwrap_or("default")
    }

    /// A connection whose pushes go to `on_push`.
    pub(super) async fn dial(
        &self,
        to: &Address,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, NoLine> {
        let late = |_| NoLine::Late { address: to.clone() };
        timeout(DEADLINE, self.connect(to, on_push)).await.map_err(late)?
    }

    async fn connect(
        &self,
        to: &Address,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, NoLine> {
        let network = |why| NoLine::Network { address: to.clone(), why };
        let stream = self.resolver.connect(&to.host, to.port).await.map_err(network)?;
        keep_alive(&stream).map_err(network)?;
        let Some(tls) = &self.tls else { return self.log_in(stream, to, on_push).await };
        let failed = |why: String| NoLine::Tls { address: to.clone(), why };
        let name = ServerName::try_from(to.host.to_string()).map_err(|why| failed(why.to_string()))?;
        let stream = tls.connect(name, stream).await.map_err(|why| failed(why.to_string()))?;
        self.log_in(stream, to, on_push).await
    }

    async fn log_in<S>(
        &self,
        stream: S,
        to: &Address,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, NoLine>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(DEADLINE))
            .set_pipeline_buffer_size(PIPELINE)
            .set_push_sender(move |push| {
                on_push(push);
                Ok::<_, redis::aio::SendError>(())
            });
        let login = |why| NoLine::Login { address: to.clone(), why };
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.login, stream, config).await.map_err(login)?;
        #[expect(clippy::disallowed_methods, reason = "it ends with the last handle of the connection")]
        tokio::spawn(driver);
        Ok(connection)
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY))?;
    socket.set_tcp_user_timeout(Some(UNHEARD))
}

/// Trusts the operator's authority alone when there is one, else the machine's.
fn connector(tls: &Tls) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(ca) => certificates(ca)?
            .into_iter()
            .try_for_each(|certificate| roots.add(certificate))
            .map_err(|why| format!("`{}` holds no certificate authority: {why}", ca.display()))?,
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err("no certificate authority is trusted; name one with `tls: { ca: FILE }`".into());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
    let builder = builder.with_root_certificates(roots);
    let config = match &tls.client {
        Some((certificate, key)) => {
            let own = PrivateKeyDer::from_pem_file(key).map_err(|why| format!("`{}`: {why}", key.display()))?;
            builder.with_client_auth_cert(certificates(certificate)?, own).map_err(|why| why.to_string())?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: &dyn fmt::Display| format!("`{}` cannot be read as certificates in PEM: {why}", file.display());
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|why| wrong(&why))?.collect();
    let all = all.map_err(|why| wrong(&why))?;
    if all.is_empty() { Err(wrong(&"there is none in it")) } else { Ok(all) }
}
