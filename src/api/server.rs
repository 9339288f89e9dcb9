//! Connections: accepted, served, and let go at shutdown without cutting a request.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{address::Peer, payload::Payload};
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

fn connection<S: Service>(
    stream: TcpStream,
    peer: Peer,
    service: Arc<S>,
    closing: CancellationToken,
) -> impl Future<Output = ()> + Send + use<S> {
    let _ = stream.set_nodelay(true);
    let handler = service_fn(move |mut request: Request<Incoming>| {
        let service = service.clone();
        request.extensions_mut().insert(peer);
        async move { Ok::<_, std::convert::Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), handler)
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
