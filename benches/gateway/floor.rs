//! What Banto is measured against: bare hyper servers that answer with fixed bytes at once.

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A process that serves the answer in a file (head and body as captured) and prints its address.
pub fn run(port: &str, file: Option<&str>) -> Result<(), Box<dyn Error>> {
    let answer = Answer::read(&std::fs::read(file.ok_or("which file?")?)?).ok_or("not an answer")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        serve(TcpListener::bind(format!("127.0.0.1:{port}")).await?, answer).await;
        Ok(())
    })
}

#[derive(Clone)]
struct Answer {
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Answer {
    fn read(captured: &[u8]) -> Option<Self> {
        let head = captured.windows(4).position(|window| window == b"\r\n\r\n")?;
        let lines = std::str::from_utf8(&captured[..head]).ok()?.lines().skip(1);
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
        let own = |name: &str| !["content-length", "date"].contains(&name);
        let headers = headers.filter(|(name, _): &(String, String)| own(name)).collect();
        Some(Self { headers, body: Bytes::copy_from_slice(&captured[head + 4..]) })
    }

    fn respond(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

async fn serve(listener: TcpListener, answer: Answer) {
    let answer = std::sync::Arc::new(answer);
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let answer = answer.clone();
            async move {
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(answer.respond())
            }
        });
        #[expect(clippy::disallowed_methods, reason = "connections live as long as the process")]
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
