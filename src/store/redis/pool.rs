//! The connections to one server: some always open, more while many calls are under way.
//!
//! Each carries many calls at once. Calls that a user waits for take the first connection that is not deep in work, so
//! that few connections carry many calls a packet; calls that nobody waits for take the last, so that a page of entries
//! never stands before an answer. A connection that breaks leaves the pool alone: its calls are misses, the others go on.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use redis::{PushInfo, PushKind, aio::MultiplexedConnection};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    dial::{Address, Dialer, NoLine},
    options::Connections,
};

/// Calls under way on one connection before the next one is taken.
const DEEP: usize = 32;
/// How often the pool is looked after, beside every time that it is called for.
const TEND: Duration = Duration::from_secs(1);
/// How long a connection beyond the warm ones may be idle.
const IDLE: Duration = Duration::from_secs(60);

/// Which end of the pool a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A user waits: not longer than it takes to notice silence.
    OnPath,
    /// Nobody waits.
    Behind,
}

pub(super) struct Pool {
    open: ArcSwap<Vec<Arc<Line>>>,
    size: Connections,
    /// Rung when a connection broke, or more are needed.
    call: Arc<Notify>,
    is_short: AtomicBool,
    busy: AtomicUsize,
    /// The most connections in use at once since it was last asked.
    peak: AtomicUsize,
}

/// One connection.
struct Line {
    connection: MultiplexedConnection,
    under_way: AtomicUsize,
    is_broken: Arc<AtomicBool>,
}

/// A connection taken for a call; given back when dropped.
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    line: Arc<Line>,
}

impl Pool {
    pub(super) fn new(size: Connections) -> Self {
        let size = Connections { warm: size.warm.max(1), most: size.most.max(size.warm).max(1) };
        Self {
            open: ArcSwap::default(),
            size,
            call: Arc::default(),
            is_short: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.open.load().len()
    }

    /// The most connections in use at once since the last call of this, and how many there may be.
    pub(super) fn take_peak(&self) -> (usize, usize) {
        (self.peak.swap(self.busy.load(Relaxed), Relaxed), self.size.most)
    }

    /// Takes a connection; `None` when none stands.
    pub(super) fn take(&self, wait: Wait) -> Option<Taken<'_>> {
        let open = self.open.load();
        let mut usable = open.iter().filter(|line| !line.is_broken.load(Relaxed));
        let is_shallow = |line: &&Arc<Line>| line.under_way.load(Relaxed) < DEEP;
        let line = match wait {
            Wait::OnPath => usable.clone().find(is_shallow),
            Wait::Behind => usable.clone().rfind(is_shallow),
        };
        let line = line.or_else(|| {
            self.is_short.store(true, Relaxed);
            self.call.notify_one();
            usable.by_ref().min_by_key(|line| line.under_way.load(Relaxed))
        })?;
        if line.under_way.fetch_add(1, AcqRel) == 0 {
            self.peak.fetch_max(self.busy.fetch_add(1, AcqRel) + 1, Relaxed);
        }
        Some(Taken { pool: self, line: line.clone() })
    }

    /// Opens the first connection, which `prepare` must find good.
    pub(super) async fn open_first<P>(
        &self,
        dialer: &Dialer,
        to: &Address,
        prepare: impl FnOnce(MultiplexedConnection) -> P,
    ) -> Result<(), NoLine>
    where
        P: Future<Output = Result<(), NoLine>>,
    {
        let line = self.dial(dialer, to).await?;
        prepare(line.connection.clone()).await?;
        self.open.store(Arc::new(vec![line]));
        Ok(())
    }

    /// Keeps the pool at its size, for ever. `prepare` must find each new connection good.
    pub(super) async fn tend<P>(&self, dialer: &Dialer, to: &Address, prepare: impl Fn(MultiplexedConnection) -> P)
    where
        P: Future<Output = Result<(), NoLine>>,
    {
        let mut last_short = Instant::now();
        loop {
            let mut open: Vec<_> = self.open.load().iter().filter(|line| !line.is_broken()).cloned().collect();
            let is_short = self.is_short.swap(false, Relaxed);
            let wanted = if is_short { (open.len() + 1).clamp(self.size.warm, self.size.most) } else { self.size.warm };
            if is_short {
                last_short = Instant::now();
            }
            if open.len() > wanted && last_short.elapsed() > IDLE {
                open.pop();
            }
            let mut failed = false;
            while open.len() < wanted && !failed {
                match self.dial(dialer, to).await {
                    Ok(line) => match prepare(line.connection.clone()).await {
                        Ok(()) => open.push(line),
                        Err(_) => failed = true,
                    },
                    Err(_) => failed = true,
                }
                // Each serves at once.
                self.open.store(Arc::new(open.clone()));
            }
            self.open.store(Arc::new(open));
            if failed {
                tokio::time::sleep(TEND).await;
            }
            let _ = timeout(TEND, self.call.notified()).await;
        }
    }

    /// Asks every connection whether it is alive, and lets go of those that do not say so in time; whether one did.
    pub(super) async fn probe(&self, deadline: Duration) -> bool {
        let open = self.open.load_full();
        let probes = open.iter().map(|line| async {
            let mut connection = line.connection.clone();
            let ping = redis::cmd("PING");
            let answers = matches!(timeout(deadline, ping.query_async::<()>(&mut connection)).await, Ok(Ok(())));
            if !answers {
                line.is_broken.store(true, Relaxed);
            }
            answers
        });
        let alive = futures_util::future::join_all(probes).await;
        if alive.contains(&false) {
            self.call.notify_one();
        }
        alive.contains(&true)
    }

    async fn dial(&self, dialer: &Dialer, to: &Address) -> Result<Arc<Line>, NoLine> {
        let (is_broken, call) = (Arc::new(AtomicBool::new(false)), self.call.clone());
        let flag = is_broken.clone();
        let on_push = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                flag.store(true, Relaxed);
                call.notify_one();
            }
        };
        let connection = dialer.dial(to, on_push).await?;
        Ok(Arc::new(Line { connection, under_way: AtomicUsize::new(0), is_broken }))
    }
}

impl Line {
    fn is_broken(&self) -> bool {
        self.is_broken.load(Relaxed)
    }
}

impl Taken<'_> {
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.line.connection.clone()
    }

    /// The connection broke under the call.
    pub(super) fn broke(&self) {
        self.line.is_broken.store(true, Relaxed);
        self.pool.call.notify_one();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.line.under_way.fetch_sub(1, AcqRel) == 1 {
            self.pool.busy.fetch_sub(1, AcqRel);
        }
    }
}
