//! Which Redis, how it is reached, and how much of it.

use std::{path::PathBuf, time::Duration};

use redis::ProtocolVersion;

use super::dial::{Dialer, Target};
use crate::{
    resolve::Resolver,
    store::{StoreError, embedded},
    units::Bytes,
};

/// Which Redis, and how much of it.
#[derive(Clone)]
pub struct Options {
    /// Where it is.
    pub servers: Servers,
    /// User and password for every server, over those in an address; the user may be missing.
    pub login: Option<(Option<String>, String)>,
    /// Certificates; needed only for what the machine does not trust by itself. Whether TLS is spoken at all is said by the
    /// address (`rediss://`).
    pub tls: Tls,
    /// Begins every key; nodes that share answers share it. Letters, digits, `_`, `-`, `.`.
    pub prefix: String,
    /// Connections to each server.
    pub connections: Connections,
    /// Whether entries are read from replicas first. A replica is a little behind: a new answer may be asked for once more
    /// of the master, and an entry removed by its key may be read for as long as the replica lags. Never an invalidated one.
    pub from_replicas: bool,
    /// Entries; at the cap new ones are refused.
    pub entries: u64,
    /// Bytes of one entry; a larger one is refused.
    pub largest: Bytes,
    /// How long nothing may be heard before a server is in doubt: the most a request loses while that is noticed.
    pub silence: Duration,
    /// Who knows the addresses of its servers.
    pub resolver: Resolver,
}

/// Where Redis is. Addresses may hold passwords, so they are never shown.
#[derive(Clone)]
pub enum Servers {
    /// One server, or an endpoint that follows a failover by its name.
    One {
        /// `redis[s]://[user:password@]host:port[/db]`.
        url: String,
        /// An endpoint of its replicas, if there is one.
        reader: Option<String>,
    },
    /// Sentinels that know who the master is.
    Sentinels {
        /// Their addresses, with their own login if they need one.
        urls: Vec<String>,
        /// The master's name.
        master: String,
    },
    /// A cluster.
    Cluster {
        /// Some of its nodes; the others are learnt from them.
        urls: Vec<String>,
    },
}

/// Certificates.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The only authority that is trusted, in PEM; `None` for the machine's.
    pub ca: Option<PathBuf>,
    /// This node's certificate and key, where the server asks for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// How many connections a node has to each server, beside the one on which it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Always open.
    pub warm: usize,
    /// At most, while many calls are under way.
    pub most: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { warm: 10, most: 50 }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Options {
    /// The usual options for one server.
    pub fn at(url: impl Into<String>) -> Self {
        Self { servers: Servers::One { url: url.into(), reader: None }, ..Self::default() }
    }

    /// Host, port and whether TLS is spoken, of every address of the configuration that can be read. Where the operator has an
    /// authority of his own, TLS is left to the store, which trusts it.
    pub fn places(&self) -> Vec<(String, u16, bool)> {
        let reader = match &self.servers {
            Servers::One { reader: Some(reader), .. } => Target::read(reader).ok(),
            _ => None,
        };
        let plain = self.tls.ca.is_none() && self.tls.client.is_none();
        let all = self.targets().unwrap_or_default().into_iter().chain(reader);
        all.map(|it| (it.address.host.to_string(), it.address.port, it.is_tls && plain)).collect()
    }

    /// The addresses of the configuration.
    pub(super) fn targets(&self) -> Result<Vec<Target>, StoreError> {
        match &self.servers {
            Servers::One { url, .. } => Ok(vec![Target::read(url)?]),
            Servers::Sentinels { urls, .. } | Servers::Cluster { urls } => {
                urls.iter().map(|url| Target::read(url)).collect()
            }
        }
    }

    /// Who dials the servers that hold entries. Sentinels' own login is not theirs.
    pub(super) fn dialer(&self, first: &Target) -> Result<Dialer, StoreError> {
        let mut login = match &self.servers {
            Servers::Sentinels { .. } => redis::RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3),
            Servers::One { .. } | Servers::Cluster { .. } => first.login.clone(),
        };
        if let Some((user, password)) = &self.login {
            login = login.set_password(password);
            login = user.iter().fold(login, |login, user| login.set_username(user));
        }
        Dialer::new(login, first.is_tls.then_some(&self.tls), self.resolver.clone())
    }

    pub(super) fn sentinel_dialer(&self, first: &Target) -> Result<Dialer, StoreError> {
        Dialer::new(first.login.clone(), first.is_tls.then_some(&self.tls), self.resolver.clone())
    }
}

impl Default for Options {
    fn default() -> Self {
        let limits = embedded::Limits::default();
        Self {
            servers: Servers::One { url: "redis://127.0.0.1:6379".into(), reader: None },
            login: None,
            tls: Tls::default(),
            prefix: "banto".into(),
            connections: Connections::default(),
            from_replicas: false,
            entries: limits.entries,
            largest: limits.largest,
            // A timer may be 2 ms late: together within the 10 ms that a request may lose.
            silence: Duration::from_millis(8),
            resolver: Resolver::system(),
        }
    }
}
