//! What goes wrong, in the store's words and by reason. Nothing of it ever reaches a user: each is a miss.

use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::{dial::Address, value::Unfit};
use crate::{
    store::StoreError,
    telemetry::{catalogue::STORE_FAULTS, metric::Counter, registry::Registry},
};

/// Why an operation did not happen, or a value was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// Redis is full.
    Full,
    /// The server is a replica now.
    ReadOnly,
    /// The server still reads its data.
    Loading,
    /// A cluster is moving the slot, or has lost it.
    Moving,
    /// This user may not do that.
    Denied,
    /// Something of another kind stands under the key.
    WrongType,
    /// Redis refused for another reason.
    Refused,
    /// What was read is spoilt.
    Spoilt,
    /// Another version of Banto wrote it.
    OtherForm,
    /// It is another entry than was asked for.
    Foreign,
    /// It is longer than any that is written.
    TooLong,
}

impl Reason {
    const ALL: [Self; 13] = [
        Self::Timeout,
        Self::Unreachable,
        Self::Full,
        Self::ReadOnly,
        Self::Loading,
        Self::Moving,
        Self::Denied,
        Self::WrongType,
        Self::Refused,
        Self::Spoilt,
        Self::OtherForm,
        Self::Foreign,
        Self::TooLong,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Loading => "loading",
            Self::Moving => "moving",
            Self::Denied => "denied",
            Self::WrongType => "wrong_type",
            Self::Refused => "refused",
            Self::Spoilt => "spoilt",
            Self::OtherForm => "other_form",
            Self::Foreign => "foreign",
            Self::TooLong => "too_long",
        }
    }

    /// Whether the server is no longer the one to talk to.
    pub(super) fn ends_the_line(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Loading)
    }
}

impl From<Unfit> for Reason {
    fn from(why: Unfit) -> Self {
        match why {
            Unfit::OtherForm => Self::OtherForm,
            Unfit::Foreign => Self::Foreign,
            Unfit::TooLong => Self::TooLong,
            Unfit::Spoilt => Self::Spoilt,
        }
    }
}

/// Counters by reason.
#[derive(Debug)]
pub(super) struct Faults(Vec<Arc<Counter>>);

impl Faults {
    pub(super) fn new(registry: &Registry) -> Self {
        Self(Reason::ALL.iter().map(|reason| registry.counter(&STORE_FAULTS, &[reason.label()])).collect())
    }

    pub(super) fn count(&self, reason: Reason) {
        if let Some(counter) = Reason::ALL.iter().position(|known| *known == reason).and_then(|at| self.0.get(at)) {
            counter.inc();
        }
    }
}

/// What an error of Redis means for the call.
#[derive(Debug)]
pub(super) enum Meaning {
    /// The slot is elsewhere for good.
    Moved(Address),
    /// The key may be elsewhere already, this once.
    Ask(Address),
    /// Not now.
    Later(Reason),
    /// No.
    Fault(Reason),
}

/// Reads an error that the server at `from` answered.
pub(super) fn meaning(error: &RedisError, from: &Address) -> Meaning {
    let elsewhere = || error.redirect_node().and_then(|(address, _)| Address::read(address, from));
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => elsewhere().map_or(Meaning::Later(Reason::Moving), Meaning::Moved),
        ErrorKind::Server(ServerErrorKind::Ask) => elsewhere().map_or(Meaning::Later(Reason::Moving), Meaning::Ask),
        ErrorKind::Server(ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => Meaning::Later(Reason::Moving),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => Meaning::Later(Reason::ReadOnly),
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown) => {
            Meaning::Later(Reason::Loading)
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => Meaning::Fault(Reason::Denied),
        ErrorKind::Server(_) | ErrorKind::Extension => Meaning::Fault(refusal(error)),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Meaning::Fault(Reason::Spoilt),
        _ if error.is_timeout() => Meaning::Fault(Reason::Timeout),
        _ => Meaning::Fault(Reason::Unreachable),
    }
}

fn refusal(error: &RedisError) -> Reason {
    let (code, text) = (error.code().unwrap_or_default(), error.to_string());
    match () {
        () if code == "OOM" || text.contains("OOM ") => Reason::Full,
        () if code == "WRONGTYPE" || text.contains("WRONGTYPE") => Reason::WrongType,
        () if ["NOPERM", "permissions", "user executing the script"].iter().any(|word| text.contains(word)) => {
            Reason::Denied
        }
        () => Reason::Refused,
    }
}

/// The store's error for a reason.
pub(super) fn store_error(reason: Reason, text: String) -> StoreError {
    match reason {
        Reason::Spoilt | Reason::OtherForm | Reason::Foreign | Reason::TooLong => StoreError::Corrupt(text),
        Reason::Full | Reason::Denied | Reason::WrongType | Reason::Refused => StoreError::Refused(text),
        Reason::Timeout | Reason::Unreachable | Reason::ReadOnly | Reason::Loading | Reason::Moving => {
            StoreError::Unreachable(text)
        }
    }
}
