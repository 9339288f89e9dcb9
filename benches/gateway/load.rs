//! Load: keep-alive connections that send a request, read its answer and send the next.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// For a request that is neither to be answered from what is kept nor to be kept.
const UNKEPT: &str = "cache-control: no-store\r\n";

/// A chat-completions request that asks `text`.
pub fn question(text: &str) -> String {
    request(text, "", "")
}

/// The same, not kept.
pub fn unkept(text: &str) -> String {
    request(text, "", UNKEPT)
}

/// The same, to be answered as a stream of so many tokens, one in so many microseconds. The mock reads it in the question.
pub fn streamed(text: &str, tokens: u64, micros: u64) -> String {
    request(&paced(text, tokens, micros), r#""stream":true,"#, "")
}

/// Such a stream, not kept.
pub fn streamed_unkept(text: &str, tokens: u64, micros: u64) -> String {
    request(&paced(text, tokens, micros), r#""stream":true,"#, UNKEPT)
}

fn paced(text: &str, tokens: u64, micros: u64) -> String {
    format!("{text} Say it in {tokens} tokens, one in {micros} us.")
}

fn request(text: &str, more: &str, headers: &str) -> String {
    let body = format!(
        r#"{{"model":"banto",{more}"messages":[{{"role":"system","content":"You are the assistant of a bookshop. Answer in two sentences."}},{{"role":"user","content":"{text}"}}]}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// How long requests took: medians.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the first byte of the body.
    pub first: Duration,
    /// Until the last.
    pub whole: Duration,
}

/// Sends `requests` over `connections`.
pub async fn run(
    to: SocketAddr,
    connections: usize,
    requests: u64,
    request: impl Fn(u64) -> String,
) -> std::io::Result<Times> {
    let next = AtomicU64::new(0);
    let worker = || async {
        let mut connection = Connection::open(to).await?;
        let mut times = Vec::new();
        loop {
            let n = next.fetch_add(1, Relaxed);
            if n >= requests {
                return std::io::Result::Ok(times);
            }
            times.push(connection.ask(&request(n)).await?);
        }
    };
    let times = futures_util::future::try_join_all((0..connections).map(|_| worker())).await?;
    let times: Vec<Times> = times.into_iter().flatten().collect();
    Ok(Times {
        first: median(times.iter().map(|times| times.first)),
        whole: median(times.iter().map(|times| times.whole)),
    })
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer. Anything but 200 is an error.
    pub async fn ask(&mut self, request: &str) -> std::io::Result<Times> {
        let started = Instant::now();
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        self.buffer.reserve(4 << 10);
        let mut answer = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let (head, end, first) = match answer {
                Some(found) => found,
                None => match Head::read(&self.buffer) {
                    Some((head, end)) if self.buffer.len() > head => *answer.insert((head, end, started.elapsed())),
                    _ => continue,
                },
            };
            if end.is_reached(&self.buffer[head..]) {
                if !self.buffer.starts_with(b"HTTP/1.1 200") {
                    let answer = String::from_utf8_lossy(&self.buffer).into_owned();
                    return Err(std::io::Error::other(format!("not 200: {answer}")));
                }
                return Ok(Times { first, whole: started.elapsed() });
            }
        }
    }

    /// The last answer, head and body.
    pub fn answer(&self) -> &[u8] {
        &self.buffer
    }
}

/// Where an answer's body ends.
#[derive(Clone, Copy)]
enum End {
    After(usize),
    Chunked,
}

impl End {
    fn is_reached(self, body: &[u8]) -> bool {
        match self {
            Self::After(length) => body.len() >= length,
            Self::Chunked => body.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

/// An answer's head.
struct Head;

impl Head {
    /// Where it ends and how the body does, once it is whole.
    fn read(buffer: &[u8]) -> Option<(usize, End)> {
        let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&buffer[..head]).ok()?;
        let end = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => value.trim().parse().ok().map(End::After),
                "transfer-encoding" => Some(End::Chunked),
                _ => None,
            }
        })?;
        Some((head, end))
    }
}
