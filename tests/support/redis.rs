//! A Redis of our own: Debian's server on a free port, without a file, killed when dropped.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

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
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut all: Vec<_> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"].map(String::from).into();
        all.push(port.to_string());
        all.extend(["--dir".into(), folder.path().display().to_string()]);
        all.extend(arguments.iter().map(ToString::to_string));
        let child = launch(&all);
        let server = Self { child, port, arguments: all, _folder: folder };
        server.wait_until_it_answers();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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
        self.child = launch(&self.arguments);
        self.wait_until_it_answers();
    }

    /// What it answers to a line of the inline protocol.
    pub fn say(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers in text");
        answer
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

fn launch(arguments: &[String]) -> Child {
    let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.expect(
        "redis-server is needed for these tests; the README's setup installs it (`apt-get install redis-server`)",
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("has an address").port()
}
