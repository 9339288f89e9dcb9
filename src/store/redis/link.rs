//! The connection: asked with a deadline, watched, and made anew when it breaks.
//!
//! Redis frozen, slow or gone costs a request at most one *silence* (10 ms with the timer), and only those waiting at that moment: the
//! first that hears nothing puts the link in *doubt*, and from then on every call fails at once while one probe asks on.
//! If the probe is answered the link is trusted again; if not, the connection is given up and made anew, with everything
//! that was known through it forgotten.
//!
//! Silence means that nobody was answered for that long. A thread that is late itself, or answers that come to others, are
//! signs of load and not of a frozen Redis; then a call waits on, up to [`DEADLINE`].
//!
//! One connection carries calls and pushes (RESP3), so that whoever is answered has also heard every invalidation before.
//! Calls of all tasks are pipelined on it; a pool would only add connections whose pushes arrive in another order.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, PushInfo, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::scripts::Call;
use crate::{store::StoreError, telemetry::metric::Gauge};

/// Longest wait for any answer, and for a connection.
pub(super) const DEADLINE: Duration = Duration::from_millis(500);
/// How often an idle connection is probed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Calls that may wait to be sent.
const PIPELINE: usize = 4_096;

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A user waits: not longer than it takes to notice silence.
    OnPath,
    /// Nobody waits.
    Behind,
}

/// The connection while it stands.
struct Live {
    connection: MultiplexedConnection,
    in_doubt: AtomicBool,
    answers: AtomicU64,
    /// Rung to probe now.
    probe: Notify,
    /// Rung when the connection is broken or no longer wanted.
    broken: Notify,
}

/// The link to Redis.
pub(super) struct Link {
    client: Client,
    silence: Duration,
    live: ArcSwapOption<Live>,
    up: Arc<Gauge>,
    /// Rung when the link comes up or goes down.
    pub(super) turned: Notify,
}

impl Link {
    pub(super) fn new(client: Client, silence: Duration, up: Arc<Gauge>) -> Self {
        up.set(0.0);
        Self { client, silence: silence.min(DEADLINE), live: ArcSwapOption::empty(), up, turned: Notify::new() }
    }

    /// Whether calls are made at all.
    pub(super) fn is_up(&self) -> bool {
        self.live.load().as_ref().is_some_and(|live| !live.in_doubt.load(Relaxed))
    }

    /// Asks and reads the answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd, wait: Wait) -> Result<T, StoreError> {
        let live = self.usable()?;
        self.answer(&live, command, wait).await?.map_err(|why| self.explain(&live, &why))
    }

    /// Calls a script, in full when Redis does not have it.
    pub(super) async fn call<T: FromRedisValue>(&self, call: &Call<'_>, wait: Wait) -> Result<T, StoreError> {
        let live = self.usable()?;
        let mut answer = self.answer(&live, &call.by_hash(), wait).await?;
        if matches!(&answer, Err(why) if why.kind() == ErrorKind::Server(ServerErrorKind::NoScript)) {
            answer = self.answer(&live, &call.in_full(), wait).await?;
        }
        answer.map_err(|why| self.explain(&live, &why))
    }

    /// Connects. Pushes go to `on_push` from the first moment; `prepare` must succeed before anybody else may ask.
    pub(super) async fn connect<P>(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
        prepare: impl FnOnce(MultiplexedConnection) -> P,
    ) -> RedisResult<()>
    where
        P: Future<Output = RedisResult<()>>,
    {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE))
            .set_pipeline_buffer_size(PIPELINE)
            .set_push_sender(move |push| {
                on_push(push);
                Ok::<_, redis::aio::SendError>(())
            });
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        prepare(connection.clone()).await?;
        self.live.store(Some(Arc::new(Live {
            connection,
            in_doubt: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            probe: Notify::new(),
            broken: Notify::new(),
        })));
        self.up.set(1.0);
        self.turned.notify_waiters();
        Ok(())
    }

    /// Watches the connection until it is lost; from then on nobody asks on it.
    pub(super) async fn attend(&self) {
        let Some(live) = self.live.load_full() else { return };
        loop {
            let is_broken = tokio::select! {
                () = live.broken.notified() => true,
                () = live.probe.notified() => !self.probe(&live).await,
                () = tokio::time::sleep(HEARTBEAT) => !self.probe(&live).await,
            };
            if is_broken {
                break;
            }
        }
        self.live.store(None);
        self.up.set(0.0);
        self.turned.notify_waiters();
    }

    /// The connection is broken.
    pub(super) fn give_up(&self) {
        if let Some(live) = &*self.live.load() {
            live.broken.notify_one();
        }
    }

    fn usable(&self) -> Result<Arc<Live>, StoreError> {
        let live = self.live.load_full().ok_or_else(|| StoreError::Unreachable("not connected".into()))?;
        if live.in_doubt.load(Relaxed) {
            return Err(StoreError::Unreachable("it does not answer and is being probed".into()));
        }
        Ok(live)
    }

    /// Waits for an answer as long as the rules at the top allow.
    async fn answer<T: FromRedisValue>(
        &self,
        live: &Live,
        command: &Cmd,
        wait: Wait,
    ) -> Result<RedisResult<T>, StoreError> {
        let mut connection = live.connection.clone();
        let mut answer = pin!(command.query_async::<T>(&mut connection));
        let began = Instant::now();
        loop {
            let (round, heard) = (Instant::now(), live.answers.load(Relaxed));
            if let Ok(answer) = timeout(self.silence, &mut answer).await {
                live.answers.fetch_add(1, Relaxed);
                return Ok(answer);
            }
            let is_silent = heard == live.answers.load(Relaxed) && round.elapsed() < self.silence * 2;
            if (is_silent && wait == Wait::OnPath) || began.elapsed() >= DEADLINE {
                self.doubt(live);
                return Err(StoreError::Timeout(began.elapsed()));
            }
        }
    }

    fn doubt(&self, live: &Live) {
        if !live.in_doubt.swap(true, Relaxed) {
            self.up.set(0.0);
            live.probe.notify_one();
        }
    }

    /// Asks whether Redis still answers; restores trust when it does.
    async fn probe(&self, live: &Live) -> bool {
        let mut connection = live.connection.clone();
        let ping = redis::cmd("PING");
        let answers = matches!(timeout(DEADLINE, ping.query_async::<()>(&mut connection)).await, Ok(Ok(())));
        if answers && live.in_doubt.swap(false, Relaxed) {
            self.up.set(1.0);
            self.turned.notify_waiters();
        }
        answers
    }

    /// An error of Redis in the store's words. A server that is no longer the one to write to is left.
    fn explain(&self, live: &Live, why: &RedisError) -> StoreError {
        match why.kind() {
            ErrorKind::Io => {}
            ErrorKind::Server(
                ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown,
            ) => {}
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => return StoreError::Corrupt(why.to_string()),
            _ if why.is_unrecoverable_error() => {}
            _ => return StoreError::Refused(why.to_string()),
        }
        live.broken.notify_one();
        StoreError::Unreachable(why.to_string())
    }
}
