//! Being one node of several: the connection is kept, what others did is heard, what Redis missed is told.

use std::{sync::Arc, time::Duration};

use redis::{PushInfo, PushKind, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{sync::mpsc, time::timeout};
use tracing::{info, warn};

use super::{GENERATION_LIFE, Node, link::Wait, message::Message, scripts::Call};
use crate::{
    digest::Digest,
    store::{Change, StoreError, Tag},
};

/// Pause before a new connection: from the first to the longest, doubling, each shortened by chance so that a fleet does
/// not come back at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often what Redis missed is told again, beside every time that the link comes up.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Entries fetched with one command.
const FETCHED_AT_ONCE: usize = 64;

/// Connects, listens, and connects anew, for ever.
pub(super) async fn keep_connected(node: Arc<Node>) {
    let mut pause = FIRST_PAUSE;
    let mut was_told = false;
    loop {
        match connect(&node).await {
            Ok(()) => {
                info!(prefix = node.options.prefix, "Redis is connected.");
                (pause, was_told) = (FIRST_PAUSE, false);
                // What was held until now may have missed an invalidation.
                node.tell(Change::Lost);
                tokio::select! {
                    () = node.link.attend() => {}
                    () = catch_up(&node) => {}
                }
                warn!("Redis does not answer; going on without it.");
                node.known().forget();
                node.tell(Change::Lost);
                node.waiting.wake_all();
            }
            Err(why) if !std::mem::replace(&mut was_told, true) => {
                warn!(error = %why, "Redis cannot be connected; going on without it and trying on.");
            }
            Err(_) => {}
        }
        tokio::time::sleep(node.dice.between(pause / 2, pause)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Fetches the entries that other nodes stored, for those who listen here.
pub(super) async fn fetch(node: Arc<Node>, mut wanted: mpsc::Receiver<Digest>) {
    let mut keys = Vec::new();
    while wanted.recv_many(&mut keys, FETCHED_AT_ONCE).await > 0 {
        match node.entries(&keys).await {
            Ok(entries) => entries.into_iter().for_each(|entry| node.tell(Change::Stored(entry))),
            Err(_) => node.tell(Change::Lost),
        }
        keys.clear();
    }
}

async fn connect(node: &Arc<Node>) -> RedisResult<()> {
    let listener = Arc::downgrade(node);
    let on_push = move |push: PushInfo| {
        if let Some(node) = listener.upgrade() {
            node.hear(push);
        }
    };
    node.link.connect(on_push, |connection| prepare(node, connection)).await
}

/// Listens, brings the scripts, and forgets what was known.
async fn prepare(node: &Node, mut connection: MultiplexedConnection) -> RedisResult<()> {
    connection.subscribe(node.keys.channel()).await?;
    for script in node.scripts.all() {
        script.load().query_async::<()>(&mut connection).await?;
    }
    node.known().forget();
    Ok(())
}

/// Tells Redis, for ever, of the invalidations it missed while it was away or in doubt.
async fn catch_up(node: &Node) {
    loop {
        let turned = node.link.turned.notified();
        let unsent = node.known().unsent();
        let tags: Vec<_> = unsent.keys().cloned().collect();
        if !tags.is_empty()
            && let Ok(generations) = node.link.call::<Vec<u64>>(&node.invalidation(&tags), Wait::Behind).await
        {
            node.known().sent(&unsent);
            node.take_over(tags.into_iter().zip(generations).collect());
        }
        let _ = timeout(CATCH_UP, turned).await;
    }
}

impl Node {
    /// Makes every entry with one of these tags void, here at once, elsewhere as soon as Redis is told.
    pub(super) async fn invalidate(&self, tags: &[Tag]) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(());
        }
        match self.link.call::<Vec<u64>>(&self.invalidation(tags), Wait::Behind).await {
            Ok(generations) => {
                self.take_over(tags.iter().cloned().zip(generations).collect());
                Ok(())
            }
            Err(why) => {
                if !self.known().hold(tags, self.clock.now()) {
                    warn!("Too many invalidations wait for Redis; the last ones will not reach other nodes.");
                }
                self.tell(Change::Invalidated(tags.to_vec()));
                Err(why)
            }
        }
    }

    /// Learns the generations of those tags that are not known.
    pub(super) async fn learn_missing(&self, tags: impl Iterator<Item = &Tag>) -> Result<(), StoreError> {
        let missing: Vec<_> = {
            let known = self.known();
            tags.filter(|tag| known.of(tag).is_none()).cloned().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("MGET");
        for tag in &missing {
            command.arg(self.keys.generation(tag));
        }
        let generations: Vec<Option<u64>> = self.link.ask(&command, Wait::OnPath).await?;
        let mut known = self.known();
        for (tag, generation) in missing.iter().zip(generations) {
            known.learn(tag, generation.unwrap_or(0));
        }
        Ok(())
    }

    fn invalidation(&self, tags: &[Tag]) -> Call<'_> {
        let call = self.scripts.invalidate.call().number(GENERATION_LIFE.as_millis()).arg(self.keys.channel());
        tags.iter().fold(call, |call, tag| call.key(self.keys.generation(tag)).arg(tag.0.as_bytes()))
    }

    /// Hears a push. Called while the connection is read: must not wait.
    fn hear(&self, push: PushInfo) {
        match push.kind {
            PushKind::Disconnection => self.link.give_up(),
            PushKind::Message => {
                if let Some(Value::BulkString(bytes)) = push.data.get(1)
                    && let Some(message) = Message::decode(bytes)
                {
                    self.follow(message);
                }
            }
            _ => {}
        }
    }

    fn follow(&self, message: Message) {
        match message {
            Message::Stored { by, .. } if by == self.mark => {}
            Message::Stored { key, .. } => {
                if self.changes.receiver_count() > 0 && self.fetches.try_send(key).is_err() {
                    self.tell(Change::Lost);
                }
            }
            Message::Removed(keys) => keys.into_iter().for_each(|key| self.tell(Change::Removed(key))),
            Message::Released(key) => self.waiting.wake(&key),
            Message::Written(name) => self.tell(Change::Written(name.into())),
            Message::Invalidated(tags) => self.take_over(tags),
        }
    }

    /// Takes over new generations, and tells if they are news: an invalidation of this node is heard twice.
    fn take_over(&self, tags: Vec<(Tag, u64)>) {
        let mut known = self.known();
        let is_news = tags.iter().fold(false, |news, (tag, generation)| known.learn(tag, *generation) || news);
        drop(known);
        if is_news {
            self.tell(Change::Invalidated(tags.into_iter().map(|(tag, _)| tag).collect()));
        }
    }
}
