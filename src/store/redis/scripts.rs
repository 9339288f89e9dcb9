//! What happens inside Redis in one piece. The scripts stand in `lua/`, each with what it takes and gives.

use redis::{Cmd, Script};

/// A script and its digest.
#[derive(Debug)]
pub(super) struct Lua {
    code: String,
    hash: String,
}

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) put: Lua,
    pub(super) drop: Lua,
    pub(super) hits: Lua,
    pub(super) forget: Lua,
    pub(super) head: Lua,
    pub(super) generations: Lua,
    pub(super) invalidate: Lua,
    pub(super) prune: Lua,
    pub(super) lead: Lua,
    pub(super) renew: Lua,
    pub(super) release: Lua,
    pub(super) take: Lua,
    pub(super) lease: Lua,
    pub(super) write_document: Lua,
    pub(super) rehearse: Lua,
}

/// Refused by a Redis that is full.
const WHILE_THERE_IS_ROOM: &str = "#!lua\n";
/// Small, and needed most when Redis is full.
const ALSO_WHEN_FULL: &str = "#!lua flags=allow-oom\n";
const STRIKE: &str = include_str!("lua/strike.lua");
const SINCE: &str = include_str!("lua/since.lua");

impl Scripts {
    pub(super) fn new() -> Self {
        let lua = |parts: &[&str]| Lua::new(parts.concat());
        Self {
            put: lua(&[WHILE_THERE_IS_ROOM, STRIKE, include_str!("lua/put.lua")]),
            drop: lua(&[ALSO_WHEN_FULL, STRIKE, include_str!("lua/drop.lua")]),
            hits: lua(&[ALSO_WHEN_FULL, include_str!("lua/hits.lua")]),
            forget: lua(&[ALSO_WHEN_FULL, include_str!("lua/forget.lua")]),
            head: lua(&[ALSO_WHEN_FULL, include_str!("lua/head.lua")]),
            generations: lua(&[ALSO_WHEN_FULL, SINCE, include_str!("lua/generations.lua")]),
            invalidate: lua(&[ALSO_WHEN_FULL, SINCE, include_str!("lua/invalidate.lua")]),
            prune: lua(&[ALSO_WHEN_FULL, SINCE, include_str!("lua/prune.lua")]),
            lead: lua(&[ALSO_WHEN_FULL, include_str!("lua/lead.lua")]),
            renew: lua(&[ALSO_WHEN_FULL, include_str!("lua/renew.lua")]),
            release: lua(&[ALSO_WHEN_FULL, include_str!("lua/release.lua")]),
            take: lua(&[ALSO_WHEN_FULL, include_str!("lua/take.lua")]),
            lease: lua(&[ALSO_WHEN_FULL, include_str!("lua/lease.lua")]),
            write_document: lua(&[ALSO_WHEN_FULL, include_str!("lua/write_document.lua")]),
            rehearse: lua(&[ALSO_WHEN_FULL, include_str!("lua/rehearse.lua")]),
        }
    }

    /// All of them, to be loaded when a connection is made.
    pub(super) fn all(&self) -> [&Lua; 15] {
        let Self {
            put,
            drop,
            hits,
            forget,
            head,
            generations,
            invalidate,
            prune,
            lead,
            renew,
            release,
            take,
            lease,
            write_document,
            rehearse,
        } = self;
        [
            put,
            drop,
            hits,
            forget,
            head,
            generations,
            invalidate,
            prune,
            lead,
            renew,
            release,
            take,
            lease,
            write_document,
            rehearse,
        ]
    }
}

impl Lua {
    fn new(code: String) -> Self {
        let hash = Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// The command that loads it.
    pub(super) fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&self.code);
        command
    }

    /// A call of it, to which keys and arguments are given.
    pub(super) fn call(&self) -> Call<'_> {
        Call { lua: self, keys: Vec::new(), args: Vec::new() }
    }
}

/// A call of a script.
#[derive(Debug)]
pub(super) struct Call<'a> {
    lua: &'a Lua,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub(super) fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.keys.push(key.into());
        self
    }

    pub(super) fn arg(mut self, arg: impl Into<Vec<u8>>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A number as an argument.
    pub(super) fn number(self, number: impl ToString) -> Self {
        self.arg(number.to_string())
    }

    /// The call by digest: Redis has the script, unless it was restarted or flushed since.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.lua.hash)
    }

    /// The call with the script itself.
    pub(super) fn in_full(&self) -> Cmd {
        self.command("EVAL", &self.lua.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}
