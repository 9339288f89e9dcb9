//! Which server holds which shard. One server, or the one that sentinels name, holds them all; a cluster says it itself,
//! when it is asked, and by redirecting calls.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use redis::Value;
use tokio::time::timeout;
use tracing::info;

use super::{
    Node,
    dial::{Address, NoLine},
    keys::{Keys, SHARDS, Shard},
    place::Place,
    pool::Wait,
    server::{Question, Role, Server},
    slots::SLOTS,
};

/// How often a cluster is asked although nothing seems to have changed, and while a part of it is away.
const QUIET: Duration = Duration::from_secs(10);
const ANXIOUS: Duration = Duration::from_millis(200);
/// Servers of a cluster that are used; more are an error of the configuration, not a cluster.
const MOST_SERVERS: usize = 256;

/// Which server holds which shard.
#[derive(Default)]
pub(super) struct Map {
    /// Masters, in the order of the first shard that they hold.
    masters: Vec<Arc<Server>>,
    /// The place of each shard's master in `masters`.
    of: Vec<Option<usize>>,
    /// The replicas of each master.
    replicas: Vec<Vec<Arc<Server>>>,
}

impl Map {
    /// One master, and perhaps a replica, for everything.
    pub(super) fn of_one(master: Arc<Server>, replica: Option<Arc<Server>>) -> Self {
        Self { masters: vec![master], of: vec![Some(0); SHARDS], replicas: vec![replica.into_iter().collect()] }
    }

    pub(super) fn masters(&self) -> &[Arc<Server>] {
        &self.masters
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.masters.iter().chain(self.replicas.iter().flatten())
    }

    /// The master that holds a shard; `None` while the cluster lacks one, or is not known yet.
    pub(super) fn master(&self, shard: Shard) -> Option<&Arc<Server>> {
        self.masters.get((*self.of.get(shard.index())?)?)
    }

    /// A replica of a shard's master that answers.
    pub(super) fn replica(&self, shard: Shard) -> Option<&Arc<Server>> {
        self.replicas.get((*self.of.get(shard.index())?)?)?.iter().find(|replica| replica.is_up())
    }

    /// A master by its address.
    pub(super) fn at(&self, address: &Address) -> Option<&Arc<Server>> {
        self.masters.iter().find(|server| server.fixed() == Some(address))
    }

    /// Whether every shard can be asked for.
    pub(super) fn is_up(&self) -> bool {
        !self.masters.is_empty() && self.of.iter().all(Option::is_some) && self.masters.iter().all(|m| m.is_up())
    }

    fn known(&self, address: &Address, role: Role) -> Option<Arc<Server>> {
        let mut among = match role {
            Role::Master => self.masters.iter().collect::<Vec<_>>(),
            Role::Replica => self.replicas.iter().flatten().collect(),
        };
        among.retain(|server| server.fixed() == Some(address));
        among.first().map(|server| (*server).clone())
    }
}

/// A part of a cluster's slots and who holds it, the master first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    from: u16,
    to: u16,
    servers: Vec<Address>,
}

/// Keeps the map of a cluster true, for ever.
pub(super) async fn follow(node: Arc<Node>, seeds: Vec<Address>) {
    loop {
        match ask(&node, &seeds).await {
            Ok(parts) => adopt(&node, &parts),
            Err(why) => node.in_trouble(format!("the cluster does not say which server holds what: {why}")),
        }
        let pause = if node.map.load().is_up() { QUIET } else { ANXIOUS };
        let _ = timeout(pause, node.lacks.notified()).await;
        // Many calls may ring at once.
        tokio::time::sleep(node.dice.between(ANXIOUS / 4, ANXIOUS / 2)).await;
    }
}

/// Asks any server that answers, those already known first.
async fn ask(node: &Node, seeds: &[Address]) -> Result<Vec<Part>, NoLine> {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let map = node.map.load_full();
    for server in map.all().filter(|server| server.is_up()) {
        if let Ok((Ok(answer), from)) = server.ask(node, Question::Plain(&command), false, Wait::Behind).await
            && let Some(parts) = read(&answer, &from)
        {
            return Ok(parts);
        }
    }
    let mut last = NoLine::Unfit { address: Address::nowhere(), why: "no address of the cluster is named".into() };
    let known = map.all().filter_map(|server| server.fixed());
    for seed in seeds.iter().chain(known) {
        let asked = async {
            let mut connection = node.dialer.dial(seed, |_| ()).await?;
            let unfit = |why: String| NoLine::Unfit { address: seed.clone(), why };
            let answer = command.query_async::<Value>(&mut connection).await;
            let answer = answer.map_err(|why| unfit(node.explain_refusal(&why)))?;
            read(&answer, seed).ok_or_else(|| unfit("it says nothing of a cluster that can be understood".into()))
        };
        match asked.await {
            Ok(parts) => return Ok(parts),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Takes over what the cluster says: starts new servers and lets go of those that are no longer there.
fn adopt(node: &Arc<Node>, parts: &[Part]) {
    let old = node.map.load_full();
    let map = build(&old, &node.keys, parts, node.options.from_replicas);
    let before: BTreeSet<_> = old.all().map(Arc::as_ptr).collect();
    let after: BTreeSet<_> = map.all().map(Arc::as_ptr).collect();
    if before == after && old.of == map.of {
        return;
    }
    info!(masters = map.masters.len(), "The cluster's servers and their shares are known.");
    let new: Vec<_> = map.all().filter(|server| !before.contains(&Arc::as_ptr(server))).cloned().collect();
    node.map.store(Arc::new(map));
    new.into_iter().for_each(|server| node.start(server));
    old.all().filter(|server| !after.contains(&Arc::as_ptr(server))).for_each(|server| server.gone.cancel());
    node.show_up();
}

fn build(old: &Map, keys: &Keys, parts: &[Part], with_replicas: bool) -> Map {
    let server = |address: &Address, role| {
        old.known(address, role).unwrap_or_else(|| Server::new(Place::InCluster(address.clone()), role))
    };
    let mut map = Map::default();
    for shard in Shard::all() {
        let slot = keys.slot(shard);
        let part = parts.iter().find(|part| (part.from..=part.to).contains(&slot));
        let Some((part, address)) = part.and_then(|part| Some((part, part.servers.first()?))) else {
            map.of.push(None);
            continue;
        };
        let at = map.masters.iter().position(|master| master.fixed() == Some(address)).unwrap_or_else(|| {
            map.masters.push(server(address, Role::Master));
            let replicas = part.servers.iter().skip(1).filter(|_| with_replicas);
            map.replicas.push(replicas.map(|address| server(address, Role::Replica)).collect());
            map.masters.len() - 1
        });
        map.of.push(Some(at));
    }
    map
}

/// Reads the answer to `CLUSTER SLOTS` of the server at `from`.
fn read(answer: &Value, from: &Address) -> Option<Vec<Part>> {
    let Value::Array(parts) = answer else { return None };
    let parts: Vec<_> = parts.iter().map(|part| read_part(part, from)).collect::<Option<_>>()?;
    (parts.len() <= MOST_SERVERS * 64 && !parts.is_empty()).then_some(parts)
}

fn read_part(part: &Value, from: &Address) -> Option<Part> {
    let Value::Array(fields) = part else { return None };
    let (Value::Int(first), Value::Int(last)) = (fields.first()?, fields.get(1)?) else { return None };
    let servers = fields.iter().skip(2).take(MOST_SERVERS).filter_map(|server| read_server(server, from)).collect();
    let slot = |number: &i64| u16::try_from(*number).ok().filter(|slot| *slot < SLOTS);
    Some(Part { from: slot(first)?, to: slot(last)?, servers })
}

/// A server without a host of its own is where the answer came from.
fn read_server(server: &Value, from: &Address) -> Option<Address> {
    let Value::Array(fields) = server else { return None };
    let host = redis::from_redis_value_ref::<Option<String>>(fields.first()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").map_or_else(|| from.host.clone(), Into::into);
    let Value::Int(port) = fields.get(1)? else { return None };
    Some(Address { host, port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_cluster_says_who_holds_what() {
        let server = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let part =
            |from, to, servers: Vec<Value>| Value::Array([vec![Value::Int(from), Value::Int(to)], servers].concat());
        let answer = Value::Array(vec![
            part(0, 8_191, vec![server(text("10.0.0.1"), 7_000), server(text("10.0.0.2"), 7_001)]),
            part(8_192, 16_383, vec![server(Value::Nil, 7_002)]),
        ]);
        let parts = read(&answer, &address("seed", 1)).expect("an answer");
        assert_eq!(parts[0].servers, [address("10.0.0.1", 7_000), address("10.0.0.2", 7_001)]);
        assert_eq!(parts[1].servers, [address("seed", 7_002)]);
        assert_eq!(read(&Value::Array(vec![part(0, 16_384, vec![])]), &address("seed", 1)), None);

        let map = build(&Map::default(), &Keys::new("banto"), &parts, true);
        let mut held = Shard::all().map(|shard| map.master(shard).and_then(|master| master.fixed().cloned()));
        assert_eq!(held.by_ref().take(16).collect::<BTreeSet<_>>(), BTreeSet::from([Some(address("10.0.0.1", 7_000))]));
        assert_eq!(held.collect::<BTreeSet<_>>(), BTreeSet::from([Some(address("seed", 7_002))]));
        assert_eq!(map.all().count(), 3);
    }

    #[test]
    fn servers_that_stay_are_kept_and_shards_without_one_are_known_as_such() {
        let keys = Keys::new("banto");
        let parts = [Part { from: 0, to: 8_191, servers: vec![address("a", 1)] }];
        let before = build(&Map::default(), &keys, &parts, false);
        let after = build(&before, &keys, &parts, false);
        assert!(Arc::ptr_eq(&before.masters[0], &after.masters[0]));
        assert!(!after.is_up() && after.of.iter().filter(|of| of.is_none()).count() == 16);
    }
}
