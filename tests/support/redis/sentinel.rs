//! A master, its replica, and three sentinels that replace one by the other.

use std::{fs, process::Child};

use super::{RedisServer, free_port, launch, wait_until};

/// The master's name.
pub const MASTER: &str = "shop";

pub struct Sentinels {
    /// The master first.
    pub servers: Vec<RedisServer>,
    ports: Vec<u16>,
    children: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Sentinels {
    pub fn start() -> Self {
        let master = RedisServer::start(&["--repl-diskless-sync-delay", "0"]);
        let follow = format!("127.0.0.1 {}", master.port());
        let replica = RedisServer::start(&["--replicaof", &follow, "--repl-diskless-sync-delay", "0"]);
        wait_until("the replica follows", || replica.say("INFO replication").contains("master_link_status:up"));
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
        let children = ports.iter().map(|port| {
            let file = folder.path().join(format!("{port}.conf"));
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 10000\n",
                folder.path().display(),
                master.port()
            );
            fs::write(&file, text).expect("written");
            launch("redis-server", &[file.display().to_string(), "--sentinel".into()])
        });
        let children = children.collect();
        let sentinels = Self { servers: vec![master, replica], ports, children, _folder: folder };
        wait_until("the sentinels know each other and the replica", || sentinels.know_each_other());
        sentinels
    }

    pub fn urls(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("redis://127.0.0.1:{port}")).collect()
    }

    fn know_each_other(&self) -> bool {
        self.ports.iter().all(|port| {
            let info =
                std::process::Command::new("redis-cli").args(["-p", &port.to_string(), "info", "sentinel"]).output();
            let info = info.expect("redis-cli runs").stdout;
            let info = String::from_utf8_lossy(&info).into_owned();
            info.contains("status=ok") && info.contains("slaves=1,sentinels=3")
        })
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
