//! How the same question, word for word, stands in the cache: the exact key's side of an explanation.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Recall;
use crate::{
    clock::Timestamp,
    engine::understand::{intent::Scope, question::Question},
    store::StoreError,
    units::TimeSpan,
};

/// How the same question stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Same {
    /// It is kept and fresh, and would be served.
    Fresh {
        /// How old it is.
        age: TimeSpan,
        /// How long it stays fresh.
        left: TimeSpan,
    },
    /// It is kept and over: served only while no model answers.
    Stale {
        /// Since when.
        since: Timestamp,
    },
    /// The caller said `no-cache`, or `no-store` too: not looked for.
    NoCache {
        /// Whether its answer is not kept either.
        no_store: bool,
    },
    /// Its intent's answers are never shared.
    NeverShared,
    /// Its intent's answers are a user's own, and the request names no user.
    NoUser,
    /// It is not there: never asked, over, invalidated or removed.
    Missing {
        /// When and why its last answer was not kept; `None` when nothing is known of that.
        not_kept: Option<(Timestamp, String)>,
    },
    /// The store did not say.
    Away {
        /// Why.
        why: String,
    },
}

impl Recall {
    /// How the same question stands now. Counts nothing.
    pub(super) async fn stands(&self, question: &Question) -> Same {
        let hints = &question.asked.hints;
        match question.intent.scope {
            _ if hints.no_cache => return Same::NoCache { no_store: hints.no_store },
            Scope::Never => return Same::NeverShared,
            Scope::User if question.asked.caller.user.is_none() => return Same::NoUser,
            _ => {}
        }
        let deadline = self.settings.store_deadline;
        let stored = timeout(deadline, self.store.get(&question.key)).await;
        match stored.unwrap_or(Err(StoreError::Timeout(deadline))) {
            Err(why) => Same::Away { why: why.to_string() },
            Ok(None) => {
                Same::Missing { not_kept: self.unkept.of(&question.key).map(|(at, why)| (at, why.to_string())) }
            }
            Ok(Some(entry)) => {
                let now = self.clock.now();
                if entry.fresh_until <= now {
                    return Same::Stale { since: entry.fresh_until };
                }
                let whole = |span: std::time::Duration| TimeSpan::secs(span.as_secs());
                Same::Fresh { age: whole(now.since(entry.stored_at)), left: whole(entry.fresh_until.since(now)) }
            }
        }
    }
}

/// In the largest unit that leaves two digits to read.
fn roughly(span: TimeSpan) -> TimeSpan {
    let seconds = span.0.as_secs();
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= 2 * unit).unwrap_or(1);
    TimeSpan::secs(seconds / unit * unit)
}

impl fmt::Display for Same {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh { age, left } => {
                write!(f, "hit: kept {} ago, fresh for another {}", roughly(*age), roughly(*left))
            }
            Self::Stale { since } => {
                write!(f, "miss: kept, but not fresh since {since}; served only while no model answers")
            }
            Self::NoCache { no_store: true } => f.write_str("neither looked for nor kept: the caller said no-store"),
            Self::NoCache { .. } => f.write_str("not looked for: the caller said no-cache"),
            Self::NeverShared => f.write_str("not looked for: answers of this intent are never shared (scope: never)"),
            Self::NoUser => {
                f.write_str("not looked for: answers of this intent are a user's own, and the request names no user")
            }
            Self::Missing { not_kept: Some((at, why)) } => {
                write!(f, "miss: its last answer, at {at}, was not kept: {why}")
            }
            Self::Missing { not_kept: None } => {
                f.write_str("miss: not there (never asked here, over, invalidated or removed)")
            }
            Self::Away { why } => write!(f, "miss: {why}"),
        }
    }
}
