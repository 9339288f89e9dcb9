//! The boards of all nodes, and of a node's lives, in step: one shared document in the store.
//!
//! Whoever turns a knob turns it on its own board at once; the document follows, by compare-and-set. Two nodes that turn
//! different knobs at the same time both prevail; of two that turn the same one, the one that was written first does. A
//! store that is away delays the others' view, never a change on this node: static stability.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};
use tracing::{debug, warn};

use super::board::{Board, Document};
use crate::{
    store::{Change, Store, StoreError},
    tasks::Tasks,
};

/// The shared document's name.
const NAME: &str = "knobs";
/// How often the document is looked at although nobody said that it changed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
/// Pause before the next try when the store did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries in a row when other nodes write at the same time.
const TRIES: usize = 8;

/// Takes over what the fleet, or this node's former life, has set, and from then on keeps board and document in step until
/// shutdown. When the store does not answer the node starts with its configured values and catches up later.
pub async fn share(board: Arc<Board>, store: Arc<dyn Store>, tasks: &Tasks) {
    let changes = store.changes();
    if let Err(why) = bring_in_step(&board, &*store).await {
        warn!(error = %why, "The fleet's knobs cannot be read; starting with the configured ones.");
    }
    tasks.spawn_until_stopped(keep_in_step(board, store, changes));
}

async fn keep_in_step(board: Arc<Board>, store: Arc<dyn Store>, mut changes: Receiver<Change>) {
    let mut turned = board.subscribe();
    loop {
        match bring_in_step(&board, &*store).await {
            Ok(()) => {
                let change = async {
                    tokio::select! {
                        _ = turned.changed() => {}
                        () = document_changed(&mut changes) => {}
                    }
                };
                let _ = timeout(AT_LEAST_EVERY, change).await;
            }
            Err(why) => {
                debug!(error = %why, "The knob document is not in step; trying again.");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Resolves when somebody wrote the document, or may have. Safe to drop.
async fn document_changed(changes: &mut Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Written(name)) if &*name == NAME => return,
            Ok(Change::Lost) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The store is gone; the caller looks again after a while.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Makes board and document say the same.
async fn bring_in_step(board: &Board, store: &dyn Store) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let (written, theirs) = read(store).await?;
        let ours = board.document();
        let both = merge(&ours, &theirs);
        if both != theirs {
            let content = serde_json::to_vec(&both).map_err(|why| StoreError::Corrupt(why.to_string()))?;
            if store.write_document(NAME, written, &content).await?.is_none() {
                continue;
            }
        }
        if both.version == ours.version || board.adopt(both, ours.version) {
            return Ok(());
        }
    }
    Err(StoreError::Refused(format!("other nodes wrote the knobs {TRIES} times meanwhile")))
}

/// Brings a board in step with another's document, given or received: each takes over what the other knows better. What
/// the board says then, for the other side to take over.
pub fn take_over(board: &Board, theirs: &Document) -> Arc<Document> {
    for _ in 0..TRIES {
        let ours = board.document();
        if !has_news(theirs, &ours) {
            break;
        }
        let both = merge(&ours, theirs);
        if both.version == ours.version || board.adopt(both, ours.version) {
            break;
        }
    }
    board.document()
}

/// Whether a document says anything that another does not know, or knows otherwise. A node that lacks some of our knobs has
/// none for us.
fn has_news(theirs: &Document, ours: &Document) -> bool {
    let known = |knob, setting: &super::board::Setting| {
        ours.settings.get(knob).is_some_and(|our| our.version > setting.version || our == setting)
    };
    theirs.version > ours.version || !theirs.settings.iter().all(|(knob, setting)| known(knob, setting))
}

/// The document and its version in the store; an empty one when there is none or it cannot be read.
async fn read(store: &dyn Store) -> Result<(u64, Document), StoreError> {
    let Some(shared) = store.document(NAME).await? else { return Ok((0, Document::default())) };
    let document = serde_json::from_slice(&shared.content).unwrap_or_else(|why| {
        warn!(error = %why, "The shared knob document cannot be read; it is written anew from this node's knobs.");
        Document::default()
    });
    Ok((shared.version, document))
}

/// What both say: of each knob the setting that was changed more often, theirs when equally often. Theirs as it is when it
/// lacks nothing of ours; otherwise with a version that both sides take for newer.
fn merge(ours: &Document, theirs: &Document) -> Document {
    let mut settings: BTreeMap<_, _> = theirs.settings.clone();
    for (knob, setting) in &ours.settings {
        if settings.get(knob).is_none_or(|theirs| theirs.version < setting.version) {
            settings.insert(knob.clone(), setting.clone());
        }
    }
    let we_agree = ours.settings.iter().all(|(knob, setting)| settings.get(knob) == Some(setting));
    let version = match () {
        () if settings == theirs.settings && (theirs.version > ours.version || we_agree) => {
            theirs.version.max(ours.version)
        }
        () if settings == ours.settings && ours.version > theirs.version => ours.version,
        () => ours.version.max(theirs.version) + 1,
    };
    Document { version, settings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, Timestamp},
        knob::{
            board::{Change as Wish, Setting},
            catalogue::{Catalogue, EngineDefaults},
            value::Value,
        },
        store::embedded::{Embedded, Limits},
    };
    use proptest::prelude::*;

    fn board() -> Arc<Board> {
        Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[])))
    }

    fn turn(board: &Board, knob: &str, to: u64) {
        let (author, reason) = ("test".into(), "a test".into());
        let to = Value::Count(to);
        let wish = Wish { knob: knob.into(), to, expect: None, author, reason, incident: None, expires: None };
        board.set(wish, Timestamp(0)).expect("within bounds");
    }

    fn value(board: &Board, knob: &str) -> Value {
        board.get(knob).expect("a known knob").value
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(Embedded::in_memory(Limits::default(), Clock::starting_at(Timestamp(0))))
    }

    /// Lets every task do what it can without time passing.
    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_knob_turned_on_one_node_is_turned_on_all_and_all_acknowledge_one_version() {
        let (store, tasks) = (store(), Tasks::default());
        let nodes = [board(), board(), board()];
        for node in &nodes {
            share(node.clone(), store.clone(), &tasks).await;
        }
        turn(&nodes[1], "rate_limit.rate", 5_000);
        settle().await;
        for node in &nodes {
            assert_eq!((value(node, "rate_limit.rate"), node.version()), (Value::Count(5_000), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_restarted_node_starts_with_the_knobs_of_its_former_life() {
        let (store, former) = (store(), Tasks::default());
        let board_before = board();
        share(board_before.clone(), store.clone(), &former).await;
        turn(&board_before, "retry.max_attempts", 0);
        settle().await;
        former.shut_down(Duration::ZERO).await;

        let board_after = board();
        share(board_after.clone(), store, &Tasks::default()).await;
        assert_eq!(value(&board_after, "retry.max_attempts"), Value::Count(0));
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_turn_different_knobs_at_once_both_prevail() {
        let (store, tasks) = (store(), Tasks::default());
        let (one, two) = (board(), board());
        share(one.clone(), store.clone(), &tasks).await;
        share(two.clone(), store, &tasks).await;
        turn(&one, "rate_limit.rate", 5_000);
        turn(&two, "retry.max_attempts", 0);
        settle().await;
        for node in [&one, &two] {
            assert_eq!(value(node, "rate_limit.rate"), Value::Count(5_000));
            assert_eq!(value(node, "retry.max_attempts"), Value::Count(0));
        }
        assert_eq!(one.version(), two.version());
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_nodes_that_turn_the_same_knob_at_once_one_prevails_on_both() {
        let (store, tasks) = (store(), Tasks::default());
        let (one, two) = (board(), board());
        share(one.clone(), store.clone(), &tasks).await;
        share(two.clone(), store, &tasks).await;
        turn(&one, "rate_limit.rate", 5_000);
        turn(&two, "rate_limit.rate", 3_000);
        settle().await;
        assert_eq!(value(&one, "rate_limit.rate"), value(&two, "rate_limit.rate"));
        assert_eq!(one.version(), two.version());
    }

    #[tokio::test(start_paused = true)]
    async fn a_knob_that_only_newer_nodes_have_survives_a_write_of_an_older_one() {
        let (store, tasks) = (store(), Tasks::default());
        let newer = document(3, &[("from.the.future", 1, 7)]);
        store.write_document(NAME, 0, &serde_json::to_vec(&newer).expect("json")).await.expect("writes");
        let older = board();
        share(older.clone(), store.clone(), &tasks).await;
        turn(&older, "rate_limit.rate", 5_000);
        settle().await;
        let (_, written) = read(&*store).await.expect("reads");
        assert_eq!(
            written.settings.keys().map(|knob| &**knob).collect::<Vec<_>>(),
            ["from.the.future", "rate_limit.rate"]
        );
        assert_eq!(written.version, older.version());
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_that_cannot_be_read_is_written_anew() {
        let (store, tasks, board) = (store(), Tasks::default(), board());
        store.write_document(NAME, 0, b"scribble").await.expect("writes");
        turn(&board, "rate_limit.rate", 5_000);
        share(board.clone(), store.clone(), &tasks).await;
        assert_eq!(read(&*store).await.expect("reads").1, *board.document());
    }

    #[test]
    fn a_node_that_lacks_a_knob_does_not_move_the_version_on_for_ever() {
        let (controller, older) = (board(), board());
        turn(&controller, "rate_limit.rate", 5_000);
        let newer = document(2, &[("from.the.future", 1, 7), ("rate_limit.rate", 1, 5_000)]);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let answer = take_over(&older, &newer);
            seen.push((answer.version, has_news(&answer, &newer)));
        }
        assert_eq!(seen, [(2, false); 3]);
    }

    #[test]
    fn boards_that_meet_say_the_same_afterwards() {
        let (controller, node) = (board(), board());
        turn(&controller, "rate_limit.rate", 5_000);
        turn(&node, "rate_limit.rate", 3_000);
        turn(&node, "retry.max_attempts", 0);
        let answer = take_over(&node, &controller.document());
        take_over(&controller, &answer);
        assert_eq!(controller.document(), node.document());
        assert_eq!(controller.document().digest(), node.document().digest());
        assert_eq!(value(&node, "retry.max_attempts"), Value::Count(0));
    }

    fn document(version: u64, settings: &[(&str, u64, u64)]) -> Document {
        let setting = |(knob, version, value): &(&str, u64, u64)| {
            let (author, reason) = ("test".into(), "a test".into());
            let value = Value::Count(*value);
            (
                (*knob).into(),
                Setting { value, version: *version, author, reason, incident: None, expires: None, before: None },
            )
        };
        Document { version, settings: settings.iter().map(setting).collect() }
    }

    fn documents() -> impl Strategy<Value = Document> {
        let settings = prop::collection::btree_map(0usize..4, (1u64..4, 0u64..3), 0..4);
        (1u64..6, settings).prop_map(|(version, settings)| {
            let knobs = ["a", "b", "c", "d"];
            document(version, &settings.iter().map(|(k, (v, value))| (knobs[*k], *v, *value)).collect::<Vec<_>>())
        })
    }

    proptest! {
        #[test]
        fn after_a_merge_both_sides_agree(ours in documents(), theirs in documents()) {
            let both = merge(&ours, &theirs);
            prop_assert!(both.version >= ours.version.max(theirs.version));
            // Whoever says something else takes it over, because it is newer.
            prop_assert!(both.settings == theirs.settings || both.version > theirs.version);
            let missing = ours.settings.iter().any(|(knob, setting)| both.settings.get(knob) != Some(setting));
            prop_assert!(!missing || both.version > ours.version);
            prop_assert_eq!(merge(&both, &both), both.clone());
        }
    }
}
