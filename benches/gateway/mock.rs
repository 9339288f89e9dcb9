//! The model behind all that is measured: it answers at once, or in tokens at the pace that its question asks for.

use std::{convert::Infallible, error::Error, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::sleep};

/// A model's answer of ordinary length.
const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"Standard delivery takes two to four working days, and orders placed before noon leave our warehouse the same day. You will receive a message with a tracking link as soon as the parcel is on its way, and you can follow every step of the journey from your account page."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":57,"total_tokens":99}}"#;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Starts it in this process.
pub async fn start() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "the mock lives as long as the benchmark")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(serving);
        }
    });
    Ok(address)
}

async fn answer(request: hyper::Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let (kind, body) = match asked_pace(&text) {
        Some((tokens, pace)) => ("text/event-stream", streamed(tokens, pace)),
        None => ("application/json", Full::new(ANSWER.into()).boxed_unsync()),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// `in 50 tokens, one in 1000 us`: how many tokens are wanted, and when.
fn asked_pace(text: &str) -> Option<(u64, Duration)> {
    let (before, rest) = text.split_once(" tokens, one in ")?;
    let (_, tokens) = before.rsplit_once(' ')?;
    let (micros, _) = rest.split_once(" us")?;
    Some((tokens.parse().ok()?, Duration::from_micros(micros.parse().ok()?)))
}

fn streamed(tokens: u64, pace: Duration) -> Body {
    let token = move |n| async move {
        if n > 0 && !pace.is_zero() {
            sleep(pace).await;
        }
        let finish = if n + 1 == tokens { "\"stop\"" } else { "null" };
        let event = format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" token\"}},\"finish_reason\":{finish}}}]}}\n\n"
        );
        Ok(Frame::data(Bytes::from(event)))
    };
    let done = stream::once(async { Ok(Frame::data(Bytes::from_static(b"data: [DONE]\n\n"))) });
    StreamBody::new(stream::iter(0..tokens).then(token).chain(done)).boxed_unsync()
}
