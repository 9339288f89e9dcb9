//! A service of the shop over real sockets: it has what it is told to have, and behaves as badly as it is told.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use banto::tasks::Tasks;
use serde_json::Value;

/// What it does about a path.
#[derive(Clone, Debug)]
pub enum Does {
    /// Answers with this JSON.
    Has(Value),
    /// Answers with it after a while.
    Slowly(Duration, Value),
    /// Answers with this status and these bytes.
    Says(u16, Vec<u8>),
    /// Never answers.
    Hangs,
}

/// A running service; it stops when it is dropped.
pub struct OriginDouble {
    address: SocketAddr,
    seen: Arc<Seen>,
    tasks: Tasks,
}

#[derive(Default)]
struct Seen {
    does: Mutex<HashMap<String, Does>>,
    asked: Mutex<HashMap<String, usize>>,
    tenants: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl OriginDouble {
    /// A service that has nothing yet.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let (tasks, seen) = (Tasks::default(), Arc::new(Seen::default()));
        let router = Router::new().fallback(answer).with_state(seen.clone());
        tasks.spawn_until_stopped(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, seen, tasks }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this about a path, query included.
    pub fn set(&self, path: &str, does: Does) {
        self.seen.does.lock().expect("no panic").insert(path.into(), does);
    }

    /// From now on it has this JSON at a path.
    pub fn has(&self, path: &str, value: Value) {
        self.set(path, Does::Has(value));
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.seen.asked.lock().expect("no panic").get(path).copied().unwrap_or(0)
    }

    /// The most requests that were ever under way at once.
    pub fn most_at_once(&self) -> usize {
        self.seen.most_at_once.load(SeqCst)
    }

    /// The tenants for whom it was asked.
    pub fn tenants(&self) -> Vec<String> {
        self.seen.tenants.lock().expect("no panic").clone()
    }
}

impl Drop for OriginDouble {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

struct UnderWay(Arc<Seen>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, SeqCst);
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map(|path| path.to_string()).unwrap_or_default();
    let now = seen.at_once.fetch_add(1, SeqCst) + 1;
    let _under_way = UnderWay(seen.clone());
    seen.most_at_once.fetch_max(now, SeqCst);
    *seen.asked.lock().expect("no panic").entry(path.clone()).or_default() += 1;
    let tenant = request.headers().get("x-banto-tenant").and_then(|tenant| tenant.to_str().ok());
    seen.tenants.lock().expect("no panic").extend(tenant.map(str::to_owned));
    let does = seen.does.lock().expect("no panic").get(&path).cloned();
    let (status, bytes) = match does {
        None => (404, b"{}".to_vec()),
        Some(Does::Has(value)) => (200, value.to_string().into_bytes()),
        Some(Does::Slowly(wait, value)) => {
            tokio::time::sleep(wait).await;
            (200, value.to_string().into_bytes())
        }
        Some(Does::Says(status, bytes)) => (status, bytes),
        Some(Does::Hangs) => std::future::pending().await,
    };
    Response::builder().status(status).body(Body::from(bytes)).expect("a response")
}
