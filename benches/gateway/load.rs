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

/// A chat-completions request that asks `text`.
pub fn question(text: &str) -> String {
    let body = format!(
        r#"{{"model":"banto","messages":[{{"role":"system","content":"You are the assistant of a bookshop. Answer in two sentences."}},{{"role":"user","content":"{text}"}}]}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends `requests` over `connections`; the median time of one.
pub async fn run(
    to: SocketAddr,
    connections: usize,
    requests: u64,
    request: impl Fn(u64) -> String,
) -> std::io::Result<Duration> {
    let next = AtomicU64::new(0);
    let worker = || async {
        let mut connection = Connection::open(to).await?;
        let mut times = Vec::new();
        loop {
            let n = next.fetch_add(1, Relaxed);
            if n >= requests {
                return std::io::Result::Ok(times);
            }
            let started = Instant::now();
            connection.ask(&request(n)).await?;
            times.push(started.elapsed());
        }
    };
    let times = futures_util::future::try_join_all((0..connections).map(|_| worker())).await?;
    let mut times: Vec<_> = times.into_iter().flatten().collect();
    times.sort();
    Ok(times[times.len() / 2])
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
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and reads the whole answer, head included. Anything but 200 is an error.
    pub async fn ask(&mut self, request: &str) -> std::io::Result<&[u8]> {
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = end_of_answer(&self.buffer) {
                if !self.buffer.starts_with(b"HTTP/1.1 200") {
                    let answer = String::from_utf8_lossy(&self.buffer).into_owned();
                    return Err(std::io::Error::other(format!("not 200: {answer}")));
                }
                return Ok(&self.buffer[..end]);
            }
        }
    }
}

/// Where the answer ends, once it is whole.
fn end_of_answer(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (buffer.len() >= head + length).then_some(head + length)
}
