//! From a shard to an answer: the server is looked up, redirections are followed, what goes wrong is counted and put into
//! the store's words.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError, RedisResult, Value};
use tokio::time::Instant;

use super::{
    DEADLINE, Node,
    dial::Address,
    fault::{Meaning, Reason, meaning, store_error},
    keys::Shard,
    pool::Wait,
    scripts::Call,
    server::{Question, Server},
};
use crate::store::StoreError;

/// Redirections followed for one call.
const HOPS: usize = 4;
/// Pause of a call that nobody waits for, before it is tried again while a cluster moves things.
const PAUSE: Duration = Duration::from_millis(25);

/// How one try went.
enum Try {
    Answered(Value),
    /// Elsewhere: for good, or just this once.
    Elsewhere(Address, bool),
    /// Not now; worth another try for whoever can wait.
    Later(StoreError),
    Failed(StoreError),
}

impl Node {
    /// Asks a shard's master and reads the answer.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        shard: Shard,
        command: &Cmd,
        wait: Wait,
    ) -> Result<T, StoreError> {
        self.read_answer(self.route(shard, Question::Plain(command), wait).await?)
    }

    /// Calls a script on a shard's master.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        shard: Shard,
        call: &Call<'_>,
        wait: Wait,
    ) -> Result<T, StoreError> {
        self.read_answer(self.route(shard, Question::Script(call), wait).await?)
    }

    /// Asks a replica of a shard's master for bytes; `None` when there is none, it fails, or has nothing.
    pub(super) async fn ask_replica(&self, shard: Shard, command: &Cmd, wait: Wait) -> Option<Vec<u8>> {
        if !self.options.from_replicas {
            return None;
        }
        let replica = self.map.load().replica(shard)?.clone();
        let (answer, _) = replica.ask(self, Question::Plain(command), false, wait).await.ok()?;
        let bytes: Vec<u8> = redis::from_redis_value(answer.ok()?).ok()?;
        (!bytes.is_empty()).then_some(bytes)
    }

    async fn route(&self, shard: Shard, question: Question<'_>, wait: Wait) -> Result<Value, StoreError> {
        let began = Instant::now();
        loop {
            let failed = match self.follow(shard, question, wait).await {
                Try::Answered(value) => return Ok(value),
                Try::Failed(why) => return Err(why),
                Try::Later(why) => why,
                Try::Elsewhere(address, _) => StoreError::Unreachable(format!("{address} is not known yet")),
            };
            if wait == Wait::OnPath || began.elapsed() + PAUSE > DEADLINE {
                return Err(failed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows redirections from a shard's master to who answers.
    async fn follow(&self, shard: Shard, question: Question<'_>, wait: Wait) -> Try {
        let Some(mut server) = self.map.load().master(shard).cloned() else {
            self.faults.count(Reason::Unreachable);
            return Try::Later(StoreError::Unreachable("no server is known for this part of the entries".into()));
        };
        let mut is_asking = false;
        for _ in 0..HOPS {
            match self.once(&server, question, is_asking, wait).await {
                Try::Elsewhere(address, once) => {
                    self.faults.count(Reason::Moving);
                    if !once {
                        self.lacks.notify_one();
                    }
                    let Some(next) = self.map.load().at(&address).cloned() else {
                        return Try::Elsewhere(address, once);
                    };
                    (server, is_asking) = (next, once);
                }
                done => return done,
            }
        }
        Try::Later(StoreError::Unreachable("the cluster redirects in circles".into()))
    }

    async fn once(&self, server: &Server, question: Question<'_>, is_asking: bool, wait: Wait) -> Try {
        let asked = server.ask(self, question, is_asking, wait).await;
        let (answer, from) = match self.count_errors(asked) {
            Ok(answered) => answered,
            // It may be done already: only a call that was never sent is worth another try.
            Err(why @ StoreError::Unreachable(_)) => return Try::Later(why),
            Err(why) => return Try::Failed(why),
        };
        let error = match answer {
            Ok(value) => return Try::Answered(value),
            Err(error) => error,
        };
        match meaning(&error, &from) {
            Meaning::Moved(address) => Try::Elsewhere(address, false),
            Meaning::Ask(address) => Try::Elsewhere(address, true),
            Meaning::Later(_) => Try::Later(self.explain(&error, &from, server)),
            Meaning::Fault(_) => Try::Failed(self.explain(&error, &from, server)),
        }
    }

    pub(super) fn count_errors(
        &self,
        asked: Result<(RedisResult<Value>, Address), StoreError>,
    ) -> Result<(RedisResult<Value>, Address), StoreError> {
        asked.inspect_err(|why| match why {
            StoreError::Timeout(_) => self.faults.count(Reason::Timeout),
            _ => self.faults.count(Reason::Unreachable),
        })
    }

    /// An error of a server in the store's words, counted. A server that is no longer the one to ask is left.
    pub(super) fn explain(&self, error: &RedisError, from: &Address, server: &Server) -> StoreError {
        let reason = match meaning(error, from) {
            Meaning::Moved(_) | Meaning::Ask(_) => Reason::Moving,
            Meaning::Later(reason) | Meaning::Fault(reason) => reason,
        };
        self.faults.count(reason);
        if reason.ends_the_line() {
            server.give_up();
        }
        if reason == Reason::Moving {
            self.lacks.notify_one();
        }
        let text = if reason == Reason::Denied { self.explain_refusal(error) } else { error.to_string() };
        store_error(reason, text)
    }

    pub(super) fn read_answer<T: FromRedisValue>(&self, answer: Value) -> Result<T, StoreError> {
        redis::from_redis_value(answer).map_err(|why| {
            self.faults.count(Reason::Spoilt);
            StoreError::Corrupt(why.to_string())
        })
    }

    /// What an operator reads when this user may not do something.
    pub(super) fn explain_refusal(&self, error: &RedisError) -> String {
        match meaning(error, &Address::nowhere()) {
            Meaning::Fault(Reason::Denied) => format!("{error}. {}", self.grant()),
            _ => error.to_string(),
        }
    }

    /// What an operator reads when a rehearsal was refused.
    pub(super) fn lacking(&self, refused: &[String]) -> String {
        format!("the user `{}` may not use {}. {}", self.dialer.user(), refused.join(", "), self.grant())
    }

    /// The one command that gives a user everything needed here and nothing else.
    fn grant(&self) -> String {
        let (user, prefix) = (self.dialer.user(), &self.options.prefix);
        format!(
            "Give it what it needs: ACL SETUSER {user} on ~{{{prefix}:* &{prefix}:changes {}",
            NEEDED.map(|command| format!("+{command}")).join(" ")
        )
    }
}

/// Every command that is sent, alone or by a script.
const NEEDED: [&str; 31] = [
    "hello",
    "ping",
    "select",
    "subscribe",
    "publish",
    "script|load",
    "eval",
    "evalsha",
    "getrange",
    "strlen",
    "exists",
    "set",
    "del",
    "hget",
    "hset",
    "hsetnx",
    "hmget",
    "hgetall",
    "hscan",
    "hincrby",
    "hdel",
    "hexists",
    "pexpire",
    "pttl",
    "time",
    "object|idletime",
    "scan",
    "info",
    "cluster|slots",
    "asking",
    "readonly",
];
