//! The embedded store under half a million entries: `cargo bench --bench embedded [ENTRIES]`.
//!
//! What an entry takes in memory beside its stored bytes, how soon a restarted store serves, and how long it takes to come
//! back whole. Memory is the process's resident set, before and after.

use std::{sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    digest::Digest,
    store::{
        Entry, Put, Shape, Store, StoreError, Tag,
        embedded::{Embedded, Limits},
    },
    tasks::Tasks,
    units::Bytes,
};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

/// Entries written at once.
const AT_ONCE: usize = 512;
const LIFE: Duration = Duration::from_secs(30 * 86_400);

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let entries = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(500_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(entries))
}

async fn measure(entries: u64) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cache.sqlite");
    let limits = Limits { bytes: Bytes(8 << 30), entries, ..Limits::default() };
    let (tasks, clock) = (Tasks::default(), Clock::system());

    let store = Embedded::open(&path, limits, clock, &tasks)?;
    let before = resident()?;
    let began = Instant::now();
    let put = |n| {
        let store = &store;
        async move { (n, store.put(Arc::new(entry(n, clock))).await) }
    };
    let mut writes = stream::iter(0..entries).map(put).buffer_unordered(AT_ONCE);
    let mut late = Vec::new();
    while let Some((n, put)) = writes.next().await {
        match put {
            Ok(Put::Stored) => {}
            Err(StoreError::Timeout(_)) => late.push(n),
            other => return Err(format!("entry {n} was not stored: {other:?}").into()),
        }
    }
    drop(writes);
    for n in &late {
        store.put(Arc::new(entry(*n, clock))).await?;
    }
    let took = began.elapsed();
    let grown = resident()? - before;
    let held: u64 = store.usage().await?.bytes.iter().map(|(_, bytes)| bytes).sum();
    let stored = stored_bytes(entries, clock);
    println!("entries                        {entries}");
    println!("written and acknowledged in    {:.1} s", took.as_secs_f64());
    println!("  not acknowledged in time     {}   (written again)", late.len());
    println!("question and answer, each      {:.0} B", plain_bytes(entries, clock) as f64 / entries as f64);
    println!("stored form, each              {:.0} B", stored as f64 / entries as f64);
    println!("counted by the store, each     {:.0} B", held as f64 / entries as f64);
    println!("resident, each                 {:.0} B", grown as f64 / entries as f64);
    let over = (grown as f64 - stored as f64) / entries as f64;
    println!("resident over stored, each     {over:.0} B   (at most 250)");

    tasks.shut_down(Duration::from_secs(60)).await;
    drop(store);
    while path.with_extension("sqlite-wal").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (tasks, began) = (Tasks::default(), Instant::now());
    let store = Embedded::open(&path, limits, clock, &tasks)?;
    let opened = began.elapsed();
    let (oldest, newest) = (entry(0, clock).key, entry(entries - 1, clock).key);
    while store.get(&oldest).await?.is_none() || store.get(&newest).await?.is_none() {}
    println!("open after a restart           {:.3} s", opened.as_secs_f64());
    println!("serves old and new after       {:.3} s   (at most 3)", began.elapsed().as_secs_f64());
    while store.usage().await?.entries < entries {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("all in memory after            {:.1} s", began.elapsed().as_secs_f64());
    tasks.shut_down(Duration::from_secs(60)).await;
    Ok(())
}

/// A question and an answer of ordinary length, without a vector.
fn entry(n: u64, clock: Clock) -> Entry {
    let now = clock.now();
    let question = format!("When does volume {n} of the manga with the long title number {} come out?", n % 5_000);
    let answer = format!(
        "{{\"choices\":[{{\"message\":{{\"role\":\"assistant\",\"content\":\"Volume {n} {}\"}}}}]}}",
        "x".repeat(500)
    );
    Entry {
        key: Digest::of([&n.to_le_bytes()[..]]),
        tenant: "shop".into(),
        intent: ["faq", "product_info", "manga_release_date", "recommendation"][n as usize % 4].into(),
        entities: vec![format!("long title number {}", n % 5_000).into()],
        question,
        frame: None,
        shape: Shape::Body,
        chunks: vec![answer.into()],
        model: "primary".into(),
        stored_at: now,
        fresh_until: now + LIFE,
        keep_until: now + LIFE,
        tags: vec![(Tag("intent:faq".into()), 0), (Tag(format!("title:long title number {}", n % 5_000).into()), 0)],
    }
}

fn plain_bytes(entries: u64, clock: Clock) -> u64 {
    let of = |n| {
        let entry = entry(n, clock);
        (entry.question.len() + entry.chunks.iter().map(bytes::Bytes::len).sum::<usize>()) as u64
    };
    (0..entries).map(of).sum()
}

fn stored_bytes(entries: u64, clock: Clock) -> u64 {
    (0..entries).map(|n| banto::store::stored_form(&entry(n, clock)).map_or(0, |bytes| bytes.len() as u64)).sum()
}

fn resident() -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1_024)
}
