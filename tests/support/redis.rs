//! A Redis of our own: Debian's server on a free port, without a file, killed when dropped. Alone, with a replica and
//! sentinels, or as a cluster.

mod cluster;
mod sentinel;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

pub use self::{cluster::RedisCluster, sentinel::Sentinels};

/// A running server.
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    _folder: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one with further arguments, such as `--maxmemory 10mb`.
    pub fn start(arguments: &[&str]) -> Self {
        let server = Self::launch(free_port(), arguments);
        server.wait_until_it_answers();
        server
    }

    /// Starts one on this port, without waiting for it.
    fn launch(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut all: Vec<_> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"].map(String::from).into();
        all.push(port.to_string());
        all.extend(["--dir".into(), folder.path().display().to_string()]);
        all.extend(arguments.iter().map(ToString::to_string));
        Self { child: launch("redis-server", &all), port, arguments: all, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it in its tracks: connections stand, nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("dies");
    }

    /// Starts it anew on the same port, empty.
    pub fn start_again(&mut self) {
        self.child = launch("redis-server", &self.arguments);
        self.wait_until_it_answers();
    }

    /// What it answers to a line of the inline protocol.
    pub fn say(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).expect("sends");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    fn wait_until_it_answers(&self) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < give_up, "redis-server did not listen on port {} within 20 s", self.port);
            std::thread::yield_now();
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Certificates for a server on 127.0.0.1, and the authority that signed them, in a folder.
pub fn certificates(folder: &Path) {
    let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
                -keyout ca.key -out ca.pem \
                && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis -keyout own.key -out own.csr \
                && printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > own.ext \
                && openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem";
    let made = Command::new("sh").args(["-c", make]).current_dir(folder).output().expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn launch(program: &str, arguments: &[String]) -> Child {
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.unwrap_or_else(|why| {
        panic!("{program} is needed for these tests ({why}); `tests/run` installs redis-server and redis-sentinel")
    })
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("has an address").port()
}

/// Waits until something is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < give_up, "never: {what}");
        std::thread::yield_now();
    }
}
