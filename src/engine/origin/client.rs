//! One service, asked with care: so many requests at once, so many waiting, and none beyond its deadline. However cold the
//! cache is, the service sees no more than that.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{
    ids::TenantId,
    outbound::{NoResponse, Outbound},
    telemetry::{
        catalogue::{ORIGIN_ERRORS, ORIGIN_FETCH, ORIGIN_POOL, ORIGIN_QUEUE},
        metric::{Counter, Distribution, Gauge},
        registry::Registry,
    },
};

/// Where a service is and how much it bears.
#[derive(Clone)]
pub struct Place {
    /// The beginning of every URL, without a slash at its end.
    pub url: String,
    /// Sent with every request; may hold secrets, so they are never shown.
    pub headers: HeaderMap,
    /// Requests at once from this node.
    pub at_once: usize,
    /// Requests that may wait for their turn; more are refused at once.
    pub queue: usize,
    /// The longest a request may take, waiting included.
    pub deadline: Duration,
    /// The longest answer that is read. Unit: bytes.
    pub largest: usize,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("url", &self.url).field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

/// Why a service gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Not within the deadline.
    Late,
    /// No connection, or it broke.
    Broken,
    /// A status that is neither a value nor "there is none".
    Status,
    /// Not JSON.
    Garbage,
    /// Longer than what is read.
    TooLarge,
    /// Too many wait already.
    Busy,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Late, Self::Broken, Self::Status, Self::Garbage, Self::TooLarge, Self::Busy];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::Garbage => "garbage",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }
}

/// Why a service gave no value, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Failed {
    /// Of which kind.
    pub trouble: Trouble,
    /// What happened to which service, for people.
    pub why: String,
}

/// One service.
#[derive(Debug)]
pub struct Client {
    name: Arc<str>,
    place: Place,
    outbound: Outbound,
    seats: Semaphore,
    waiting: AtomicUsize,
    busy: Arc<Gauge>,
    queue: Arc<Gauge>,
    latency: Arc<Distribution>,
    errors: Vec<Arc<Counter>>,
}

impl Client {
    /// A client of the service `name`.
    pub fn new(name: Arc<str>, place: Place, outbound: Outbound, registry: &Registry) -> Self {
        let errors = Trouble::ALL.map(|trouble| registry.counter(&ORIGIN_ERRORS, &[&name, trouble.label()]));
        Self {
            seats: Semaphore::new(place.at_once),
            waiting: AtomicUsize::new(0),
            busy: registry.gauge(&ORIGIN_POOL, &[&name]),
            queue: registry.gauge(&ORIGIN_QUEUE, &[&name]),
            latency: registry.distribution(&ORIGIN_FETCH, &[&name]),
            errors: errors.into(),
            name,
            place,
            outbound,
        }
    }

    /// The value at a path; `None` when the service says that there is none (404, 410).
    ///
    /// # Errors
    /// [`Failed`]: nothing can be said about the value.
    pub async fn fetch(&self, path: &str, tenant: &TenantId) -> Result<Option<Value>, Failed> {
        let began = Instant::now();
        let fetched = self.try_fetch(path, tenant, began + self.place.deadline).await;
        match &fetched {
            Ok(_) => self.latency.record_time(began.elapsed()),
            Err(failed) => self.errors[failed.trouble as usize].inc(),
        }
        fetched
    }

    async fn try_fetch(&self, path: &str, tenant: &TenantId, deadline: Instant) -> Result<Option<Value>, Failed> {
        let _seat = self.seat(deadline).await?;
        let request = self.request(path, tenant).map_err(|why| self.failed(Trouble::Broken, &why))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let response = self.outbound.send(request, left).await.map_err(|none| match none {
            NoResponse::Late { .. } => self.late(),
            NoResponse::Broken { why, .. } if why.contains("length limit") => self.too_large(),
            NoResponse::Broken { why, .. } => self.failed(Trouble::Broken, &why),
        })?;
        match response.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if !status.is_success() => Err(self.failed(Trouble::Status, &format!("HTTP {status}"))),
            _ if response.body.len() > self.place.largest => Err(self.too_large()),
            _ => serde_json::from_slice(&response.body)
                .map(Some)
                .map_err(|why| self.failed(Trouble::Garbage, &format!("its answer is not JSON: {why}"))),
        }
    }

    fn request(&self, path: &str, tenant: &TenantId) -> Result<Request<Bytes>, String> {
        let uri = format!("{}{path}", self.place.url);
        let request = Request::builder().method(Method::GET).uri(uri).header(header::ACCEPT, "application/json");
        let mut request = request.body(Bytes::new()).map_err(|why| why.to_string())?;
        request.headers_mut().extend(self.place.headers.clone());
        if let Ok(tenant) = HeaderValue::from_str(tenant) {
            request.headers_mut().insert("x-banto-tenant", tenant);
        }
        Ok(request)
    }

    /// A place among the requests under way.
    async fn seat(&self, deadline: Instant) -> Result<Seat<'_>, Failed> {
        if let Ok(permit) = self.seats.try_acquire() {
            return Ok(self.seated(permit));
        }
        let _waiting = Waiting::join(self).ok_or_else(|| {
            let why = format!("{} requests wait for it already", self.place.queue);
            self.failed(Trouble::Busy, &why)
        })?;
        match timeout_at(deadline, self.seats.acquire()).await {
            Ok(Ok(permit)) => Ok(self.seated(permit)),
            _ => Err(self.late()),
        }
    }

    fn seated<'a>(&'a self, permit: tokio::sync::SemaphorePermit<'a>) -> Seat<'a> {
        self.show();
        Seat { client: self, permit: Some(permit) }
    }

    fn show(&self) {
        let free = self.seats.available_permits();
        self.busy.set((self.place.at_once - free.min(self.place.at_once)) as f64 / self.place.at_once as f64);
        self.queue.set(self.waiting.load(SeqCst) as f64);
    }

    fn late(&self) -> Failed {
        self.failed(Trouble::Late, &format!("no answer within {} s", self.place.deadline.as_secs_f64()))
    }

    fn too_large(&self) -> Failed {
        self.failed(Trouble::TooLarge, &format!("its answer is longer than {} bytes", self.place.largest))
    }

    fn failed(&self, trouble: Trouble, why: &str) -> Failed {
        Failed { trouble, why: format!("the origin `{}` gave no value: {why}", self.name) }
    }
}

/// A request under way.
struct Seat<'a> {
    client: &'a Client,
    permit: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.client.show();
    }
}

/// A request that waits for its turn.
struct Waiting<'a>(&'a Client);

impl<'a> Waiting<'a> {
    fn join(client: &'a Client) -> Option<Self> {
        let place = client.waiting.fetch_add(1, SeqCst);
        let waiting = Self(client);
        client.show();
        (place < client.place.queue).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
        self.0.show();
    }
}
