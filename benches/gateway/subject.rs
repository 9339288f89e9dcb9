//! A server under measurement: a process on a core of its own.

use std::{
    error::Error,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use crate::load::{self, Connection, Times};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The core of load and mock, and the core of the subject.
const LOAD_CORE: &str = "0";
const SUBJECT_CORE: &str = "1";
/// Clock ticks a second, as /proc counts.
const TICKS: f64 = 100.0;

/// Starts this benchmark again on the load core.
pub fn rerun_pinned() -> Outcome<()> {
    let status =
        Command::new("taskset").args(["-c", LOAD_CORE]).arg(std::env::current_exe()?).arg("pinned").status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the benchmark failed; `taskset`, `nginx` and two cores are needed".into())
    }
}

/// A running server; stopped when dropped.
pub struct Subject {
    process: Child,
    address: SocketAddr,
    upstream: SocketAddr,
    ready_after: Duration,
    folder: PathBuf,
}

impl Subject {
    /// Banto in front of the mock, on its defaults otherwise.
    pub async fn banto(mock: SocketAddr) -> Outcome<Self> {
        let (folder, port) = (folder("banto")?, free_port()?);
        let file = folder.join("banto.yaml");
        let model =
            |name: &str| format!("  - {{ name: {name}, kind: openai, base_url: 'http://{mock}/v1', model: mock }}\n");
        let text = format!(
            "listen: 127.0.0.1:{port}\nstate: {}\nlimits: {{ rate: 1000000, burst: 1000000 }}\nmodels:\n{}{}",
            folder.display(),
            model("primary"),
            model("secondary")
        );
        std::fs::write(&file, text)?;
        let mut command = pinned(env!("CARGO_BIN_EXE_banto"));
        command.args(["serve", "--config"]).arg(&file).env("RUST_LOG", "error");
        Self::start(command, port, mock, folder).await
    }

    /// nginx as a plain reverse proxy in front of the mock.
    pub async fn nginx(mock: SocketAddr) -> Outcome<Self> {
        let (folder, port) = (folder("nginx")?, free_port()?);
        let file = folder.join("nginx.conf");
        let text = format!(
            "worker_processes 1;\ndaemon off;\nmaster_process off;\npid {0}/pid;\nerror_log {0}/error.log;\n\
             events {{ worker_connections 4096; }}\nhttp {{\n access_log off; keepalive_requests 1000000000;\n\
             client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n\
             upstream mock {{ server {mock}; keepalive 64; keepalive_requests 1000000000; }}\n server {{ listen 127.0.0.1:{port};\n\
             location / {{ proxy_pass http://mock; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection ''; }} }} }}\n",
            folder.display()
        );
        std::fs::write(&file, text)?;
        let mut command = pinned("nginx");
        command.arg("-c").arg(&file);
        Self::start(command, port, mock, folder).await
    }

    /// A bare hyper server that sends the captured answer.
    pub async fn bare_hyper(answer: &[u8]) -> Outcome<Self> {
        let (folder, port) = (folder("hyper")?, free_port()?);
        let file = folder.join("answer");
        std::fs::write(&file, answer)?;
        let mut command = pinned(&std::env::current_exe()?.to_string_lossy());
        command.args(["floor", &port.to_string()]).arg(&file);
        Self::start(command, port, SocketAddr::from(([127, 0, 0, 1], port)), folder).await
    }

    async fn start(mut command: Command, port: u16, upstream: SocketAddr, folder: PathBuf) -> Outcome<Self> {
        let started = Instant::now();
        let process = command.stdout(Stdio::null()).spawn()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        while Connection::open(address).await.is_err() {
            if started.elapsed() > Duration::from_secs(10) {
                return Err(format!("{command:?} does not listen").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Self { process, address, upstream, ready_after: started.elapsed(), folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From starting the process to the first connection accepted.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// CPU time per request in microseconds, user and system, all threads.
    pub async fn cpu_per_request(
        &self,
        connections: usize,
        requests: u64,
        request: impl Fn(u64) -> String,
    ) -> Outcome<f64> {
        let before = self.cpu_seconds()?;
        load::run(self.address, connections, requests, request).await?;
        Ok((self.cpu_seconds()? - before) * 1e6 / requests as f64)
    }

    /// The median times of a request at one connection.
    pub async fn latency(&self, requests: u64, request: impl Fn(u64) -> String) -> Outcome<Times> {
        Ok(load::run(self.address, 1, requests, request).await?)
    }

    /// The same without the subject: straight to the mock.
    pub async fn upstream_latency(&self, requests: u64, request: impl Fn(u64) -> String) -> Outcome<Times> {
        Ok(load::run(self.upstream, 1, requests, request).await?)
    }

    /// One answer, head and body.
    pub async fn sample(&self, request: String) -> Outcome<Vec<u8>> {
        let mut connection = Connection::open(self.address).await?;
        connection.ask(&request).await?;
        Ok(connection.answer().to_vec())
    }

    /// Resident memory in megabytes.
    pub fn resident_mb(&self) -> Outcome<f64> {
        self.memory_mb("VmRSS:")
    }

    /// The most memory that was ever resident, in megabytes.
    pub fn peak_mb(&self) -> Outcome<f64> {
        self.memory_mb("VmHWM:")
    }

    fn memory_mb(&self, which: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)).ok_or("no such line")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
    }

    fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SUBJECT_CORE, program]);
    command
}

fn folder(name: &str) -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("banto-bench-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
