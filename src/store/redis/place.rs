//! Where a server is: said by the configuration, by a cluster, or by sentinels, who are asked before every connection and
//! each second while one stands, because a master that was replaced may go on answering.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;

use super::dial::{Address, Dialer, NoLine};

#[derive(Clone)]
pub(super) enum Place {
    /// By configuration: one server, or a name that follows a failover.
    One(Address),
    /// By a cluster's word.
    InCluster(Address),
    /// The master that sentinels name.
    Named(Arc<Sentinels>),
    /// A replica of that master.
    NamedReplica(Arc<Sentinels>),
}

/// Who knows the master.
pub(super) struct Sentinels {
    pub(super) addresses: Vec<Address>,
    pub(super) master: String,
    /// Their own login.
    pub(super) dialer: Dialer,
}

impl Place {
    pub(super) fn fixed(&self) -> Option<&Address> {
        match self {
            Self::One(address) | Self::InCluster(address) => Some(address),
            Self::Named(_) | Self::NamedReplica(_) => None,
        }
    }

    pub(super) fn is_in_cluster(&self) -> bool {
        matches!(self, Self::InCluster(_))
    }

    /// Where to connect now.
    pub(super) async fn find(&self) -> Result<Address, NoLine> {
        match self {
            Self::One(address) | Self::InCluster(address) => Ok(address.clone()),
            Self::Named(sentinels) => sentinels.ask().await,
            Self::NamedReplica(sentinels) => sentinels.ask_replica().await,
        }
    }

    /// Whether it still is where it was; also when nobody knows.
    pub(super) async fn is_still(&self, address: &Address) -> bool {
        match self {
            Self::Named(sentinels) => sentinels.ask().await.map_or(true, |now| now == *address),
            Self::One(_) | Self::InCluster(_) | Self::NamedReplica(_) => true,
        }
    }
}

impl Sentinels {
    /// What most of those who answer say; the first of them when they disagree evenly.
    async fn ask(&self) -> Result<Address, NoLine> {
        let answers = join_all(self.addresses.iter().map(|sentinel| self.ask_one(sentinel))).await;
        let known: Vec<_> = answers.iter().flatten().collect();
        let votes = |address: &Address| known.iter().filter(|known| **known == address).count();
        let best = known.iter().rev().max_by_key(|address| votes(address)).map(|address| (**address).clone());
        best.ok_or_else(|| {
            answers.into_iter().find_map(Result::err).unwrap_or_else(|| self.unknown("no sentinel is named"))
        })
    }

    async fn ask_one(&self, sentinel: &Address) -> Result<Address, NoLine> {
        let mut connection = self.dialer.dial(sentinel, |_| ()).await?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("get-master-addr-by-name").arg(&self.master);
        let answer = command.query_async::<Option<(String, u16)>>(&mut connection).await;
        match answer {
            Ok(Some((host, port))) => Ok(Address { host: host.into(), port }),
            Ok(None) => Err(self.unknown("no sentinel knows it; check the name in the sentinels' configuration")),
            Err(why) => Err(NoLine::Unfit { address: sentinel.clone(), why: why.to_string() }),
        }
    }

    /// A replica that a sentinel holds for well.
    async fn ask_replica(&self) -> Result<Address, NoLine> {
        for sentinel in &self.addresses {
            let Ok(mut connection) = self.dialer.dial(sentinel, |_| ()).await else { continue };
            let mut command = redis::cmd("SENTINEL");
            command.arg("replicas").arg(&self.master);
            let replicas = command.query_async::<Vec<HashMap<String, String>>>(&mut connection).await;
            let is_well = |replica: &HashMap<String, String>| {
                let flags = replica.get("flags").map(String::as_str).unwrap_or_default();
                flags == "slave" && replica.get("master-link-status").is_some_and(|status| status == "ok")
            };
            let well = replicas.ok().and_then(|replicas| replicas.into_iter().find(is_well));
            let address = well.and_then(|replica| {
                Some(Address { host: replica.get("ip")?.as_str().into(), port: replica.get("port")?.parse().ok()? })
            });
            if let Some(address) = address {
                return Ok(address);
            }
        }
        Err(self.unknown("no sentinel knows a replica that is well"))
    }

    fn unknown(&self, why: &str) -> NoLine {
        let address = self.addresses.first().cloned().unwrap_or_else(Address::nowhere);
        NoLine::Unfit { address, why: format!("the master `{}` is unknown: {why}", self.master) }
    }
}
