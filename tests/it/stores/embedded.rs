//! The embedded store: what it keeps over restarts, kills and damage.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use banto::{
    clock::Clock,
    store::{
        Change, Put, Store,
        embedded::{Embedded, Limits, OpenError},
    },
    tasks::Tasks,
};

use super::contract::{LONG, Pair, begin, entry, eventually, has, hear, key, put, tag};

/// Two nodes of a drill.
pub fn in_memory() -> Pair {
    let store = Arc::new(Embedded::in_memory(Limits::default(), Clock::system()));
    Pair { one: store.clone(), two: store, _keep: Box::new(()) }
}

/// Two handles on one store with a file.
pub fn on_disk() -> Pair {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, tasks) = open(&folder.path().join("store.db"));
    Pair { one: store.clone(), two: store, _keep: Box::new((folder, tasks)) }
}

fn open(path: &Path) -> (Arc<dyn Store>, Tasks) {
    let tasks = Tasks::default();
    let store = Embedded::open(path, Limits::default(), Clock::system(), &tasks).expect("opens");
    (Arc::new(store), tasks)
}

/// Ends a life: nothing holds the file afterwards.
async fn close((store, tasks): (Arc<dyn Store>, Tasks)) {
    assert_eq!(tasks.shut_down(LONG).await, 0);
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_documents_and_invalidations_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new folder/store.db");
    let first = open(&path);
    let tags = begin(&first.0, &["title:a"]).await;
    put(&first.0, "kept", vec![]).await;
    put(&first.0, "void", tags.clone()).await;
    put(&first.0, "removed", vec![]).await;
    first.0.remove(&[key("removed")]).await.expect("remove");
    first.0.invalidate(&[tag("title:a")]).await.expect("invalidate");
    first.0.write_document("knobs", 0, b"turned").await.expect("write");
    close(first).await;

    let second = open(&path);
    eventually("it is served, read or not", || has(&second.0, "kept")).await;
    assert!(!has(&second.0, "void").await && !has(&second.0, "removed").await);
    assert_eq!(put(&second.0, "slow", tags).await, Put::Outdated, "the fill of a former life stays void");
    let knobs = second.0.document("knobs").await.expect("document").expect("is there");
    assert_eq!((knobs.version, knobs.content.as_slice()), (1, b"turned".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_store_tells_its_listeners_what_it_restores() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let first = open(&path);
    for n in 0..1_000 {
        put(&first.0, &n.to_string(), vec![]).await;
    }
    close(first).await;
    let second = open(&path);
    let mut changes = second.0.changes();
    let (page, _) = second.0.page(None, 1_000).await.expect("page");
    if page.len() < 1_000 {
        hear(&mut changes, |change| matches!(change, Change::Stored(_))).await;
    }
    let all = async {
        while second.0.usage().await.expect("usage").entries < 1_000 {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(LONG, all).await.expect("all come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_moved_aside_and_the_service_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    fs::write(&path, b"this is no database, however long one looks at it").expect("writes");
    let (store, _tasks) = open(&path);
    assert_eq!(put(&store, "q", vec![]).await, Put::Stored);
    assert!(fs::read(folder.path().join("store.db.unreadable")).expect("moved").starts_with(b"this is no"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_damaged_in_the_middle_costs_entries_never_the_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let first = open(&path);
    for n in 0..500 {
        put(&first.0, &n.to_string(), vec![]).await;
    }
    close(first).await;
    let mut bytes = wait_for_file(&path);
    let (from, to) = (bytes.len() / 4, bytes.len() * 3 / 4);
    bytes[from..to].fill(0xa5);
    fs::write(&path, bytes).expect("writes");

    let second = open(&path);
    for n in 500..600 {
        assert_eq!(put(&second.0, &n.to_string(), vec![]).await, Put::Stored);
    }
    close(second).await;
    let third = open(&path);
    for n in 500..600 {
        assert!(has(&third.0, &n.to_string()).await, "what was acknowledged after the damage is there: {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_that_the_file_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let _first = open(&path);
    let second = Embedded::open(&path, Limits::default(), Clock::system(), &Tasks::default());
    assert!(matches!(second, Err(OpenError::InUse { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "stores::embedded::a_life_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env("BANTO_TEST_STORE", &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let acknowledged: Vec<_> = lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.split_once("stored ")?.1.to_owned()))
        .take(300)
        .collect();
    child.kill().expect("SIGKILL");
    child.wait().expect("dies");
    assert_eq!(acknowledged.len(), 300);

    let (store, _tasks) = open(&path);
    for question in acknowledged {
        eventually("what was acknowledged is there", || has(&store, &question)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child process of `what_was_acknowledged_survives_kill_9`"]
async fn a_life_that_writes_until_it_is_killed() {
    let Ok(path) = std::env::var("BANTO_TEST_STORE") else { return };
    let (store, _tasks) = open(Path::new(&path));
    for n in 0.. {
        let question = n.to_string();
        if store.put(entry(&question, vec![])).await.expect("put") == Put::Stored {
            writeln!(std::io::stdout(), "stored {question}").expect("the parent reads");
        }
    }
}

/// The file's bytes once the thread that kept it has let go of it.
fn wait_for_file(path: &Path) -> Vec<u8> {
    while path.with_extension("db-wal").exists() {
        std::thread::yield_now();
    }
    fs::read(path).expect("reads")
}
