//! A Redis Cluster on loopback: three masters, each with a replica.

use std::process::{Command, Stdio};

use super::{RedisServer, free_port, wait_until};

/// A running cluster. The first three servers began as masters.
pub struct RedisCluster {
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts one with `replicas` for each of three masters.
    pub fn start(replicas: usize) -> Self {
        let servers: Vec<_> = (0..3 * (1 + replicas)).map(|_| launch()).collect();
        servers.iter().for_each(RedisServer::wait_until_it_answers);
        let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(addresses);
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let created = create.stdin(Stdio::null()).output().expect("redis-cli runs");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { servers };
        wait_until("every server of the cluster says that it is well", || {
            cluster.servers.iter().all(|server| server.say("CLUSTER INFO").contains("cluster_state:ok"))
        });
        if replicas > 0 {
            wait_until("every replica follows its master", || {
                let follows = |server: &RedisServer| server.say("INFO replication").contains("master_link_status:up");
                cluster.servers.iter().filter(|server| follows(server)).count() == 3 * replicas
            });
        }
        cluster
    }

    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(RedisServer::url).collect()
    }

    /// Which server holds a slot now.
    pub fn holder(&self, slot: u16) -> usize {
        let holds = |server: &RedisServer| {
            let mine = server.say("CLUSTER NODES");
            let mine = mine.lines().find(|line| line.contains("myself,master")).unwrap_or_default();
            mine.split_whitespace().skip(8).any(|range| match range.split_once('-') {
                Some((from, to)) => {
                    from.parse().is_ok_and(|from: u16| from <= slot) && to.parse().is_ok_and(|to: u16| slot <= to)
                }
                None => range.parse() == Ok(slot),
            })
        };
        self.servers.iter().position(holds).expect("every slot is held")
    }

    pub fn id(&self, server: usize) -> String {
        let answer = self.servers[server].say("CLUSTER MYID");
        answer.lines().nth(1).expect("an id").to_owned()
    }

    /// Begins to move a slot: from now on its keys may be on either server.
    pub fn begin_to_move(&self, slot: u16, from: usize, to: usize) {
        let ok = |answer: String| assert!(answer.starts_with("+OK"), "{answer}");
        ok(self.servers[to].say(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.id(from))));
        ok(self.servers[from].say(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", self.id(to))));
    }

    /// Moves all keys of a slot.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize) {
        // Keys are bytes: Redis itself passes them on.
        let to = self.servers[to].port();
        let migrate = format!(
            "EVAL \"for _, k in ipairs(redis.call('CLUSTER','GETKEYSINSLOT',{slot},10000)) do redis.call('MIGRATE','127.0.0.1','{to}',k,'0','5000') end return 1\" 0"
        );
        let answer = self.servers[from].say(&migrate);
        assert!(answer.starts_with(":1"), "{answer}");
    }

    /// Ends the move: the slot is on its new server.
    pub fn end_move(&self, slot: u16, from: usize, to: usize) {
        for server in [to, from] {
            let answer = self.servers[server].say(&format!("CLUSTER SETSLOT {slot} NODE {}", self.id(to)));
            assert!(answer.starts_with("+OK"), "{answer}");
        }
    }
}

fn launch() -> RedisServer {
    // The bus takes the port ten thousand above by default, which may not exist.
    let bus = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
    let more = ["--cluster-config-file", "nodes.conf", "--repl-diskless-sync-delay", "0"];
    RedisServer::launch(free_port(), &[options.as_slice(), &more].concat())
}
