//! One server: asked with a deadline, listened to, watched, and connected anew when it breaks.
//!
//! A server frozen, slow or gone costs a request at most one *silence* (10 ms with the timer), and only those waiting at
//! that moment: the first that hears nothing puts the server in *doubt*, and from then on every call fails at once while
//! its connections are probed. If one answers the server is trusted again; if not, it is given up and connected anew, with
//! everything that was known through it in question.
//!
//! Silence means that nobody was answered for that long. A thread that is late itself, or answers that come to others, are
//! signs of load and not of a frozen Redis; then a call waits on, up to [`DEADLINE`].
//!
//! A server is asked only while its *ear* stands: one connection that carries no calls but listens to what nodes tell each
//! other, and is asked each second whether it still is alive and the server still the one to ask.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, PushInfo, PushKind, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    DEADLINE, Node,
    dial::{Address, NoLine},
    keys::Shard,
    place::Place,
    pool::{Pool, Taken, Wait},
    scripts::Call,
};
use crate::store::StoreError;

/// How often an ear is asked.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Pause before a new connection: from the first to the longest, doubling, each shortened by chance so that a fleet does
/// not come back at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a server is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Master,
    Replica,
}

/// Something to ask.
#[derive(Clone, Copy)]
pub(super) enum Question<'a> {
    Plain(&'a Cmd),
    /// A script: by its hash, in full when the server does not have it.
    Script(&'a Call<'a>),
}

pub(super) struct Server {
    place: Place,
    role: Role,
    live: ArcSwapOption<Live>,
    /// Ends it: the cluster no longer has this server.
    pub(super) gone: CancellationToken,
}

/// A server while it stands.
struct Live {
    address: Address,
    pool: Pool,
    ear: MultiplexedConnection,
    in_doubt: AtomicBool,
    answers: AtomicU64,
    /// Rung to probe now.
    probe: Notify,
    /// Rung when the server is broken or no longer wanted.
    broken: Arc<Notify>,
}

impl Server {
    pub(super) fn new(place: Place, role: Role) -> Arc<Self> {
        Arc::new(Self { place, role, live: ArcSwapOption::empty(), gone: CancellationToken::new() })
    }

    /// Where it is by configuration or by the cluster's word; `None` when only sentinels know.
    pub(super) fn fixed(&self) -> Option<&Address> {
        self.place.fixed()
    }

    /// Whether calls are made at all.
    pub(super) fn is_up(&self) -> bool {
        self.live.load().as_ref().is_some_and(|live| !live.in_doubt.load(Relaxed))
    }

    /// Connections open, the most in use at once since last asked, and how many there may be.
    pub(super) fn connections(&self) -> (usize, usize, usize) {
        self.live.load().as_ref().map_or((0, 0, 1), |live| {
            let (peak, most) = live.pool.take_peak();
            (live.pool.open(), peak, most)
        })
    }

    /// Asks and waits for the answer as long as the rules at the top allow. What the server answers, errors included, is
    /// `Ok`, with the address of who answered.
    pub(super) async fn ask(
        &self,
        node: &Node,
        question: Question<'_>,
        is_asking: bool,
        wait: Wait,
    ) -> Result<(RedisResult<Value>, Address), StoreError> {
        let live = self.live.load_full().ok_or_else(|| StoreError::Unreachable("not connected".into()))?;
        if live.in_doubt.load(Relaxed) {
            return Err(StoreError::Unreachable(format!("{} does not answer and is being probed", live.address)));
        }
        let no_line = || StoreError::Unreachable(format!("no connection to {} stands", live.address));
        let line = live.pool.take(wait).ok_or_else(no_line)?;
        let answer = match question {
            Question::Plain(command) => live.answer(node, &line, command, is_asking, wait).await?,
            Question::Script(call) => {
                let answer = live.answer(node, &line, &call.by_hash(), is_asking, wait).await?;
                if matches!(&answer, Err(why) if why.kind() == ErrorKind::Server(ServerErrorKind::NoScript)) {
                    live.answer(node, &line, &call.in_full(), is_asking, wait).await?
                } else {
                    answer
                }
            }
        };
        if matches!(&answer, Err(why) if why.is_unrecoverable_error()) {
            line.broke();
        }
        Ok((answer, live.address.clone()))
    }

    /// This server is no longer the one to ask.
    pub(super) fn give_up(&self) {
        if let Some(live) = &*self.live.load() {
            live.broken.notify_one();
        }
    }

    /// Connects, listens, and connects anew, until it is gone.
    pub(super) async fn run(self: Arc<Self>, node: Arc<Node>) {
        let mut pause = FIRST_PAUSE;
        while !self.gone.is_cancelled() {
            match self.connect(&node).await {
                Ok(live) => {
                    pause = FIRST_PAUSE;
                    node.out_of_trouble();
                    self.stand(&node, live).await;
                }
                Err(why) => {
                    node.in_trouble(why.to_string());
                    node.lacks.notify_one();
                }
            }
            tokio::select! {
                () = self.gone.cancelled() => {}
                () = tokio::time::sleep(node.dice.between(pause / 2, pause)) => {}
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Serves until the server breaks or is gone.
    async fn stand(&self, node: &Arc<Node>, live: Live) {
        let live = Arc::new(live);
        info!(server = %live.address, prefix = node.options.prefix, "Redis is connected.");
        self.live.store(Some(live.clone()));
        node.turned(self.role);
        tokio::select! {
            () = self.gone.cancelled() => {}
            () = live.pool.tend(&node.dialer, &live.address, |connection| self.ready(connection)) => {}
            () = self.attend(node, &live) => warn!(server = %live.address, "Redis does not answer; going on without it."),
        }
        self.live.store(None);
        node.turned(self.role);
    }

    async fn connect(self: &Arc<Self>, node: &Arc<Node>) -> Result<Live, NoLine> {
        let address = self.place.find().await?;
        let broken = Arc::new(Notify::new());
        let mut ear = node.dialer.dial(&address, self.listener(node, &broken)).await?;
        let unfit = |why: String| NoLine::Unfit { address: address.clone(), why };
        if self.role == Role::Master {
            let hello = Hello::from(&mut ear, &address).await?;
            if hello.role == Role::Replica {
                return Err(unfit("it is a replica, and answers are kept on the master. Name the master".into()));
            }
            if hello.is_cluster != self.place.is_in_cluster() {
                let what = if hello.is_cluster { "it is part of a cluster" } else { "it is no part of a cluster" };
                return Err(unfit(format!(
                    "{what}; in the configuration, `cluster:` is for clusters and `url:` for others"
                )));
            }
            let subscribed = ear.subscribe(node.keys.channel()).await;
            subscribed.map_err(|why| unfit(node.explain_refusal(&why)))?;
        }
        let pool = Pool::new(node.options.connections);
        pool.open_first(&node.dialer, &address, |connection| self.prepare(node, connection, &address)).await?;
        let (in_doubt, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        Ok(Live { address, pool, ear, in_doubt, answers, probe: Notify::new(), broken })
    }

    fn listener(
        self: &Arc<Self>,
        node: &Arc<Node>,
        broken: &Arc<Notify>,
    ) -> impl Fn(PushInfo) + Send + Sync + 'static + use<> {
        let (server, node, broken): (_, Weak<Node>, _) = (Arc::downgrade(self), Arc::downgrade(node), broken.clone());
        move |push| match push.kind {
            PushKind::Disconnection => broken.notify_one(),
            PushKind::Message => {
                if let (Some(node), Some(server), Some(Value::BulkString(bytes))) =
                    (node.upgrade(), server.upgrade(), push.data.get(1))
                {
                    node.hear(&server, bytes);
                }
            }
            _ => {}
        }
    }

    /// Brings the scripts to a master, and sees whether this user may do what they do.
    async fn prepare(
        &self,
        node: &Node,
        mut connection: MultiplexedConnection,
        address: &Address,
    ) -> Result<(), NoLine> {
        let unfit = |why: String| NoLine::Unfit { address: address.clone(), why };
        if self.role == Role::Replica {
            return self.ready(connection).await;
        }
        for script in node.scripts.all() {
            let loaded = script.load().query_async::<()>(&mut connection).await;
            loaded.map_err(|why| unfit(node.explain_refusal(&why)))?;
        }
        let Some(shard) = self.a_shard(node) else { return Ok(()) };
        let rehearsal = node.scripts.rehearse.call().key(node.keys.rehearsal(shard)).arg(node.keys.channel());
        match rehearsal.by_hash().query_async::<Vec<String>>(&mut connection).await {
            Ok(refused) if refused.is_empty() => Ok(()),
            Ok(refused) => Err(unfit(node.lacking(&refused))),
            // The cluster has just moved the shard: it will be learnt.
            Err(why) if why.is_cluster_error() => Ok(()),
            Err(why) => Err(unfit(node.explain_refusal(&why))),
        }
    }

    /// A shard that this server holds.
    fn a_shard(&self, node: &Node) -> Option<Shard> {
        let map = node.map.load();
        let is_mine = |shard: &Shard| map.master(*shard).is_some_and(|server| std::ptr::eq(&**server, self));
        Shard::all().find(is_mine)
    }

    /// Makes a connection ready: one to a replica of a cluster must say that it only reads.
    async fn ready(&self, mut connection: MultiplexedConnection) -> Result<(), NoLine> {
        if self.role == Role::Replica {
            // Outside of a cluster it is refused, and not needed.
            let _ = redis::cmd("READONLY").query_async::<()>(&mut connection).await;
        }
        Ok(())
    }

    /// Watches until the server is lost.
    async fn attend(&self, node: &Node, live: &Live) {
        loop {
            let is_good = tokio::select! {
                () = live.broken.notified() => false,
                () = live.probe.notified() => live.is_alive(node).await,
                () = tokio::time::sleep(HEARTBEAT) => {
                    live.hears(self.role).await && self.place.is_still(&live.address).await
                }
            };
            if !is_good {
                return;
            }
        }
    }
}

impl Live {
    async fn answer(
        &self,
        node: &Node,
        line: &Taken<'_>,
        command: &Cmd,
        is_asking: bool,
        wait: Wait,
    ) -> Result<RedisResult<Value>, StoreError> {
        let mut connection = line.connection();
        let mut answer = pin!(async {
            if is_asking {
                let mut both = redis::pipe();
                both.cmd("ASKING").ignore().add_command(command.clone());
                let (answer,): (Value,) = both.query_async(&mut connection).await?;
                return Ok(answer);
            }
            command.query_async::<Value>(&mut connection).await
        });
        let silence = node.options.silence.min(DEADLINE);
        let began = Instant::now();
        loop {
            let (round, heard) = (Instant::now(), self.answers.load(Relaxed));
            if let Ok(answer) = timeout(silence, &mut answer).await {
                self.answers.fetch_add(1, Relaxed);
                return Ok(answer);
            }
            let is_silent = heard == self.answers.load(Relaxed) && round.elapsed() < silence * 2;
            if (is_silent && wait == Wait::OnPath) || began.elapsed() >= DEADLINE {
                self.doubt(node);
                return Err(StoreError::Timeout(began.elapsed()));
            }
        }
    }

    fn doubt(&self, node: &Node) {
        if !self.in_doubt.swap(true, Relaxed) {
            self.probe.notify_one();
            node.show_up();
        }
    }

    /// Asks whether the server still answers; restores trust when it does.
    async fn is_alive(&self, node: &Node) -> bool {
        let answers = self.pool.probe(DEADLINE).await;
        if answers && self.in_doubt.swap(false, Relaxed) {
            node.show_up();
            node.owes.notify_one();
        }
        answers
    }

    /// Whether the ear is alive and the server still what it was.
    async fn hears(&self, role: Role) -> bool {
        let mut ear = self.ear.clone();
        let hello = timeout(DEADLINE, Hello::from(&mut ear, &self.address)).await;
        // A replica that was promoted reads as well as before.
        matches!(hello, Ok(Ok(hello)) if role == Role::Replica || hello.role == role)
    }
}

/// What a server says of itself.
struct Hello {
    role: Role,
    is_cluster: bool,
}

impl Hello {
    async fn from(connection: &mut MultiplexedConnection, address: &Address) -> Result<Self, NoLine> {
        let said = redis::cmd("HELLO").query_async::<HashMap<String, Value>>(connection).await;
        let said = said.map_err(|why| NoLine::Unfit { address: address.clone(), why: why.to_string() })?;
        let field = |name: &str| said.get(name).and_then(|value| redis::from_redis_value_ref::<String>(value).ok());
        let role = if field("role").is_none_or(|role| role == "master") { Role::Master } else { Role::Replica };
        Ok(Self { role, is_cluster: field("mode").is_some_and(|mode| mode == "cluster") })
    }
}
