//! Connections: accepted, served, and let go at shutdown without cutting a request.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{address::Peer, payload::Payload, stall::Watched};
use crate::tasks::Tasks;

/// A client has this long to send a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// How many connections are served at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 20_000;

/// Something that answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Dropped when the client leaves.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Payload>> + Send;
}

/// Serves until shutdown begins, then lets the requests under way finish: at most `drain`.
pub async fn serve<S: Service>(listener: TcpListener, service: Arc<S>, tasks: Tasks, drain: Duration) {
    let (stopping, closing, open) = (tasks.stopping(), CancellationToken::new(), TaskTracker::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let serving = open.track_future(connection(stream, Peer(peer), service.clone(), closing.clone()));
                tasks.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: accepting again at once would only burn the processor.
                warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    closing.cancel();
    open.close();
    if tokio::time::timeout(drain, open.wait()).await.is_err() {
        warn!(after = ?drain, "Requests were still under way at the end of the drain time; they are cut.");
    }
}

fn connection<T, S: Service>(
    stream: T,
    peer: Peer,
    service: Arc<S>,
    closing: CancellationToken,
) -> impl Future<Output = ()> + Send + use<T, S>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler = service_fn(move |mut request: Request<Incoming>| {
        let service = service.clone();
        request.extensions_mut().insert(peer);
        async move { Ok::<_, std::convert::Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(Watched::new(stream)), handler)
        .with_upgrades();
    async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing.cancelled() => {
                // The request under way is finished, and no other taken.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "A connection ended early.");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;
    use crate::api::stall::STALL;

    /// Answers everything with so many bytes.
    struct Large(usize);

    impl Service for Large {
        async fn answer(self: Arc<Self>, _: Request<Incoming>) -> Response<Payload> {
            Response::new(bytes::Bytes::from(vec![b'x'; self.0]).into())
        }
    }

    fn peer() -> Peer {
        Peer(std::net::SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    /// How long a connection lasts whose client does `what`. Unit: seconds.
    async fn lasts<F: Future>(what: impl FnOnce(tokio::io::DuplexStream) -> F) -> u64 {
        let (ours, theirs) = duplex(1_024);
        let (began, serving) = (Instant::now(), Arc::new(Large(1 << 20)));
        let client = what(theirs);
        tokio::select! {
            () = connection(ours, peer(), serving, CancellationToken::new()) => began.elapsed().as_secs(),
            never = async { client.await; std::future::pending::<u64>().await } => never,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_asks_and_never_reads_is_let_go() {
        let lasted = lasts(|mut client| async move {
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("asked");
            std::future::pending::<()>().await;
        });
        assert_eq!(lasted.await, STALL.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_connects_and_says_nothing_or_says_no_more_is_let_go() {
        let silent = lasts(|client| async move {
            let _open = client;
            std::future::pending::<()>().await;
        });
        assert!(silent.await <= 16);
        let served = lasts(|mut client| async move {
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("asked");
            let mut read = 0;
            let mut piece = vec![0; 64 << 10];
            while read < 1 << 20 {
                read += client.read(&mut piece).await.expect("an answer");
            }
            // The line is cut and nobody is told: it stays open, and no other request comes.
            std::future::pending::<()>().await;
        });
        assert!(served.await <= 16, "a place between two requests is held no longer than one for a head");
    }
}
