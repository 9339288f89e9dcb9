//! What lies between a node and a model of a drill's world: connections, which are kept and used again, and the name that
//! each new one needs.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use super::network::{ENDPOINT, Network};
use crate::{
    clock::{Clock, Timestamp},
    engine::{
        asked::Asked,
        dialect::Dialect,
        model::{
            Deadlines, Events, Model, Reply,
            failure::{Class, Failure},
        },
    },
    resolve::Resolver,
};

/// How long a connection takes, and how long the endpoint keeps one that is not used.
const CONNECT: Duration = Duration::from_millis(5);
const KEPT: Duration = Duration::from_secs(20);

/// A model, reached from one node.
pub(super) struct Reached {
    model: Arc<dyn Model>,
    lines: Arc<Lines>,
}

impl Reached {
    pub(super) fn new(model: Arc<dyn Model>, resolver: Resolver, network: Arc<Network>, clock: Clock) -> Self {
        Self { model, lines: Arc::new(Lines { resolver, network, clock, idle: Mutex::default() }) }
    }
}

#[async_trait]
impl Model for Reached {
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
        let line = Lines::take(&self.lines, deadlines.connect).await?;
        match self.model.ask(asked, deadlines).await? {
            // The connection is taken until the last event is read.
            Reply::Events(events) => {
                let read = |(mut events, line): (Events, Line)| async { Some((events.next().await?, (events, line))) };
                Ok(Reply::Events(Box::pin(stream::unfold((events, line), read))))
            }
            body => Ok(body),
        }
    }

    fn speaks(&self, asked: Dialect) -> Dialect {
        self.model.speaks(asked)
    }

    async fn count(&self, asked: &Asked, deadlines: &Deadlines) -> Result<u64, Failure> {
        self.model.count(asked, deadlines).await
    }
}

/// The connections of one node to one model.
struct Lines {
    resolver: Resolver,
    network: Arc<Network>,
    clock: Clock,
    /// Where each goes, and since when nobody uses it.
    idle: Mutex<Vec<(IpAddr, Timestamp)>>,
}

impl Lines {
    async fn take(lines: &Arc<Self>, within: Duration) -> Result<Line, Failure> {
        let to = match lines.kept() {
            Some(to) => to,
            None => {
                let connected = timeout(within, lines.connect()).await;
                connected.unwrap_or_else(|_| Err(lines.nobody_there()))?
            }
        };
        Ok(Line { to, lines: lines.clone() })
    }

    /// A connection that still stands.
    fn kept(&self) -> Option<IpAddr> {
        let now = self.clock.now();
        let mut idle = self.idle();
        while let Some((to, since)) = idle.pop() {
            if now.since(since) < KEPT && self.network.is_there(to) {
                return Some(to);
            }
        }
        None
    }

    async fn connect(&self) -> Result<IpAddr, Failure> {
        let found = self.resolver.resolve(ENDPOINT).await;
        let found = found.map_err(|none| Failure::new(Class::Connect, none.to_string()).coded("no_connection"))?;
        for to in found.iter().copied() {
            if self.network.is_there(to) {
                sleep(CONNECT).await;
                return Ok(to);
            }
        }
        // Nobody is where the endpoint was: nothing comes back.
        std::future::pending().await
    }

    /// What a client does when its connection was not there in time.
    fn nobody_there(&self) -> Failure {
        self.resolver.doubt(ENDPOINT);
        Failure::new(Class::Connect, "no connection to the model in time").coded("no_connection")
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(IpAddr, Timestamp)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use; when it is not any more, it is kept for the next.
struct Line {
    to: IpAddr,
    lines: Arc<Lines>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let since = self.lines.clock.now();
        self.lines.idle().push((self.to, since));
    }
}
