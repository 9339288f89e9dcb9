//! A running `banto serve`.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::time::Instant;

/// A `banto serve` process with a folder of its own; killed when dropped.
pub struct Banto {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
    log: PathBuf,
}

impl Banto {
    /// Starts on a free port; `more` is added to its configuration.
    pub async fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), more).await
    }

    /// Starts with the state that a former process left.
    pub async fn start_in(folder: tempfile::TempDir, more: &str) -> Self {
        let port = free_port();
        let config = folder.path().join("banto.yaml");
        let state = folder.path().join("state");
        std::fs::write(&config, format!("listen: 127.0.0.1:{port}\nstate: {}\n{more}", state.display()))
            .expect("written");
        let log = folder.path().join("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let process = Command::new(env!("CARGO_BIN_EXE_banto"))
            .args(["serve", "--config"])
            .arg(&config)
            // Whoever asks AWS from here is this one; without credentials the SDK would look for a machine's role.
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .expect("banto starts");
        let mut banto = Self { process, port, folder, log };
        banto.wait_until_ready().await;
        banto
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while get(&self.url("/readyz")).await.is_none_or(|(status, _)| status != 200) {
            let ended = self.process.try_wait().expect("a process");
            assert!(ended.is_none() && Instant::now() < deadline, "banto is not ready ({ended:?}):\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            if let Some(status) = self.process.try_wait().expect("a process") {
                return status;
            }
            assert!(Instant::now() < deadline, "banto does not stop:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it at once; what it left behind.
    pub fn kill(mut self) -> tempfile::TempDir {
        let _ = self.process.kill();
        let _ = self.process.wait();
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }

    /// Runs another `banto` command against this one.
    pub fn command(&self, arguments: &[&str]) -> (i32, String) {
        run(Command::new(env!("CARGO_BIN_EXE_banto")).args(arguments).args(["--server", &self.url("")]))
    }
}

impl Drop for Banto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command; its exit code and all it printed.
pub fn run(command: &mut Command) -> (i32, String) {
    let output = command.env("NO_COLOR", "1").output().expect("the command runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().expect("kill");
    assert!(status.success());
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Runs a script of `tests/clients/` with the stock clients; all it printed, when it succeeds.
pub fn python(script: &str, arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fallback = root.join("target/venv/bin/python");
    let python = std::env::var_os("BANTO_TEST_PYTHON").map_or(fallback, PathBuf::from);
    assert!(python.exists(), "{} is missing: run `tests/run`, which installs the stock clients", python.display());
    let mut child = Command::new(python)
        .arg(root.join("tests/clients").join(script))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        text.push_str(&line);
        text.push('\n');
    }
    let mut errors = String::new();
    let _ = child.stderr.take().expect("piped").read_to_string(&mut errors);
    assert!(child.wait().expect("ended").success(), "{script} failed:\n{text}\n{errors}");
    text
}

/// GET; status and body, `None` when nobody answers.
pub async fn get(url: &str) -> Option<(u16, String)> {
    send("GET", url, &[], "").await
}

/// POST of JSON.
pub async fn post(url: &str, body: &str) -> Option<(u16, String)> {
    send("POST", url, &[("content-type", "application/json")], body).await
}

/// One request on a connection of its own.
pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Option<(u16, String)> {
    let (status, _, body) = exchange(method, url, headers, body).await?;
    Some((status, body))
}

/// One request; status, headers and body.
pub async fn exchange(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(u16, http::HeaderMap, String)> {
    use http_body_util::BodyExt;
    let uri: http::Uri = url.parse().ok()?;
    let stream = tokio::net::TcpStream::connect(uri.authority()?.as_str()).await.ok()?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.ok()?;
    tokio::task::spawn(connection);
    let mut request =
        http::Request::builder().method(method).uri(uri.path_and_query()?.as_str()).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(http_body_util::Full::new(bytes::Bytes::copy_from_slice(body.as_bytes()))).ok()?;
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some((head.status.as_u16(), head.headers, String::from_utf8_lossy(&body).into_owned()))
}

/// A chat-completions body that asks `text`.
pub fn question(text: &str) -> String {
    serde_json::json!({ "model": "banto", "messages": [{ "role": "user", "content": text }] }).to_string()
}
