//! The knobs of nodes elsewhere, kept in step over their API: for fleets without a shared store, and for the time that the
//! shared store is away. Whoever knows a setting better prevails, as in the shared document.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::debug;

use super::{Roster, client::NodeClient};
use crate::{
    ids::NodeId,
    knob::{
        board::{Board, Document},
        shared,
    },
    telemetry::wire::Knobs,
};

/// How often nodes are looked at.
const EVERY: Duration = Duration::from_millis(500);
/// A node that keeps saying something else (it did not answer, or is older and lacks some knobs) is told again this often.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// The knobs that a document says.
pub fn said_by(document: &Document) -> Knobs {
    Knobs { version: document.version, digest: document.digest() }
}

/// Keeps the nodes' knobs and this board in step until shutdown. A node is told after it has been out of step for
/// `patience`: where a shared store exists, that comes first.
pub async fn keep_in_step(roster: Arc<Roster>, board: Arc<Board>, patience: Duration) {
    let mut turned = board.subscribe();
    let mut waiting = Waiting::default();
    loop {
        let ours = said_by(&board.document());
        let due = waiting.due(ours, roster.out_of_step(ours), patience);
        futures_util::future::join_all(due.into_iter().map(|client| tell(&roster, &board, client))).await;
        let _ = tokio::time::timeout(EVERY, turned.changed()).await;
    }
}

/// The nodes that are out of step: with what on both sides, and when each is told.
#[derive(Default)]
struct Waiting(BTreeMap<NodeId, (Knobs, Knobs, Instant)>);

impl Waiting {
    /// Those that are to be told now.
    fn due(&mut self, ours: Knobs, out: Vec<(NodeClient, Knobs)>, patience: Duration) -> Vec<NodeClient> {
        let now = Instant::now();
        self.0.retain(|name, _| out.iter().any(|(client, _)| client.name() == name));
        let mut due = Vec::new();
        for (client, theirs) in out {
            let (known, seen, at) = self.0.entry(client.name().clone()).or_insert((ours, theirs, now + patience));
            if (*known, *seen) != (ours, theirs) {
                (*known, *seen, *at) = (ours, theirs, (*at).min(now + patience));
            }
            if *at <= now {
                *at = now + AGAIN_AFTER;
                due.push(client);
            }
        }
        due
    }
}

async fn tell(roster: &Roster, board: &Board, client: NodeClient) {
    match client.take_over(&board.document()).await {
        Ok(theirs) => {
            shared::take_over(board, &theirs);
            roster.acknowledged(client.name(), said_by(&theirs));
        }
        Err(error) => debug!(%error, "A node was not told the knobs; it is told again."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs(version: u64) -> Knobs {
        Knobs { version, digest: version }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_told_after_the_patience_and_again_only_after_a_while_or_news() {
        let mut waiting = Waiting::default();
        let mut due = |ours: u64| {
            waiting.due(knobs(ours), vec![(NodeClient::to_nowhere("a"), knobs(1))], Duration::from_secs(2)).len()
        };
        assert_eq!(due(2), 0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((due(2), due(2)), (1, 0));
        assert_eq!(due(3), 0, "news are told after the patience, not after the pause");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(due(3), 1);
    }
}
