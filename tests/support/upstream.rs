//! An OpenAI-compatible endpoint over real sockets that behaves as badly as it is told.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use banto::tasks::Tasks;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One thing that an upstream does on its connection.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Thinks.
    Wait(Duration),
    /// Does nothing until the other side has gone.
    Hang,
    /// Closes the connection.
    Close,
}

/// What an upstream does about one request.
pub type Script = Vec<Step>;

/// A running upstream; it stops when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Seen>,
    tasks: Tasks,
}

#[derive(Default)]
struct Seen {
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Upstream {
    /// An upstream that follows one script for each request, and the last one for all that come after.
    pub async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let (tasks, seen) = (Tasks::default(), Arc::new(Seen::default()));
        seen.scripts.lock().expect("no panic").extend(scripts);
        tasks.spawn_until_stopped({
            let (tasks, seen) = (tasks.clone(), seen.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    seen.connections.fetch_add(1, SeqCst);
                    tasks.spawn_until_stopped(serve(stream, seen.clone()));
                }
            }
        });
        Self { address, seen, tasks }
    }

    /// The base URL, with this scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/v1", self.address)
    }

    /// The requests so far, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("no panic").clone()
    }

    /// How many connections were ever made.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// How many stand now.
    pub fn open(&self) -> usize {
        self.seen.open.load(SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    seen.open.fetch_add(1, SeqCst);
    let _open = Open(seen.clone());
    while let Ok(Some(request)) = read_request(&mut stream).await {
        seen.requests.lock().expect("no panic").push(request);
        for step in seen.next_script() {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hang => {
                    let _ = stream.read(&mut [0; 64]).await;
                    return;
                }
                Step::Close => return,
            }
        }
    }
}

impl Seen {
    fn next_script(&self) -> Script {
        let mut scripts = self.scripts.lock().expect("no panic");
        if scripts.len() > 1 { scripts.pop_front() } else { scripts.front().cloned() }.unwrap_or_default()
    }
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0usize) {
                return Ok(Some(text.into_owned()));
            }
        }
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
}

/// A whole response with its length.
pub fn response(status: &str, headers: &str, body: &str) -> Step {
    Step::Send(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// The head of a stream of this type.
pub fn stream_head(content_type: &str) -> Step {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    Step::Send(head.into_bytes())
}

/// A piece of a stream.
pub fn piece(bytes: impl AsRef<[u8]>) -> Step {
    let bytes = bytes.as_ref();
    Step::Send([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

/// The clean end of a stream's body.
pub fn stream_end() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}
