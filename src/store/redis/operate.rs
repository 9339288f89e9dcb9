//! What an operator, or a controller in their place, asks of the servers themselves: how they are, and a parameter.

use std::collections::HashMap;

use super::{Node, Redis, pool::Wait, survey::Info};
use crate::store::StoreError;

/// How one master is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// Memory in use. Unit: bytes.
    pub used: u64,
    /// The limit on it. Unit: bytes; `None` without one.
    pub limit: Option<u64>,
    /// Keys removed to make room, since the server started.
    pub evicted: u64,
    /// Reads that found something, and that did not, since the server started; of every user of this Redis.
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
    /// Connected clients.
    pub clients: u64,
    /// How far the slowest replica is behind. Unit: bytes of the stream; `None` without a replica.
    pub lag: Option<u64>,
}

impl Redis {
    /// How every master is.
    ///
    /// # Errors
    /// One of them does not answer: sums over the others would mislead.
    pub async fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        let node = &self.0;
        let masters = node.map.load().masters().len();
        let infos = node.info("all").await;
        if masters == 0 || infos.len() < masters {
            return Err(StoreError::Unreachable(format!("{} of {masters} masters answered", infos.len())));
        }
        Ok(infos.iter().map(Condition::read).collect())
    }

    /// A parameter's value on each master, without repetition.
    ///
    /// # Errors
    /// A master does not answer, refuses, or has no such parameter.
    pub async fn parameter(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        let mut values = Vec::new();
        for mut answer in self.0.ask_masters::<HashMap<String, String>>(&command).await? {
            let missing = || StoreError::Refused(format!("this Redis has no parameter `{name}`"));
            values.push(answer.remove(name).ok_or_else(missing)?);
        }
        values.sort();
        values.dedup();
        Ok(values)
    }

    /// Sets a parameter on each master. Masters that come later, after a failover or a reshaping, have their own.
    ///
    /// # Errors
    /// A master does not answer or refuses; others may have it then.
    pub async fn set_parameter(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        self.0.ask_masters::<String>(&command).await.map(drop)
    }
}

impl Node {
    /// Asks every master, and is content with nothing less than all answers.
    async fn ask_masters<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<Vec<T>, StoreError> {
        let map = self.map.load_full();
        if map.masters().is_empty() {
            return Err(StoreError::Unreachable("no server is known yet".into()));
        }
        let mut answers = Vec::new();
        for server in map.masters() {
            answers.push(self.ask_server(server, command, Wait::Behind).await?);
        }
        Ok(answers)
    }
}

impl Condition {
    fn read(info: &Info) -> Self {
        let number = |name: &str| info.number(name).unwrap_or(0);
        Self {
            used: number("used_memory"),
            limit: info.number("maxmemory").filter(|limit| *limit > 0),
            evicted: number("evicted_keys"),
            hits: number("keyspace_hits"),
            misses: number("keyspace_misses"),
            clients: number("connected_clients"),
            lag: lag(info),
        }
    }
}

/// How far the slowest replica is behind: `slave0:ip=…,port=…,state=online,offset=123,lag=0`.
fn lag(info: &Info) -> Option<u64> {
    let ours = info.number("master_repl_offset")?;
    let offset = |at: usize| {
        let replica = info.field(&format!("slave{at}"))?;
        replica.split(',').find_map(|part| part.strip_prefix("offset=")?.parse::<u64>().ok())
    };
    (0..16).filter_map(offset).map(|theirs| ours.saturating_sub(theirs)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_read_from_what_a_server_says() {
        let text = "# Memory\r\nused_memory:1000\r\nmaxmemory:0\r\n# Stats\r\nevicted_keys:7\r\nkeyspace_hits:5\r\nkeyspace_misses:3\r\n\
                    connected_clients:11\r\nslave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=0\r\n\
                    slave1:ip=10.0.0.3,port=6379,state=online,offset=60,lag=1\r\nmaster_repl_offset:100\r\n";
        let read = Condition::read(&Info(text.into()));
        let expected =
            Condition { used: 1_000, limit: None, evicted: 7, hits: 5, misses: 3, clients: 11, lag: Some(40) };
        assert_eq!(read, expected);
        assert_eq!(Condition::read(&Info(String::new())), Condition::default());
    }
}
