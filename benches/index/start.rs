//! A node that starts with a full file: until it answers, until it finds by meaning, and whether others wait for that.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use banto::{
    clock::Clock,
    config::{files::Files, problem::Problems},
    dice::Dice,
    digest::Digest,
    engine::{
        recall::{
            Parts, Recall,
            embed::{EmbedError, Embedder},
            settings::Settings,
        },
        understand::Understanding,
    },
    knob::{
        board::Board,
        catalogue::{Catalogue, EngineDefaults},
    },
    store::{
        Entry, Shape, Store,
        embedded::{Embedded, Limits},
    },
    tasks::Tasks,
    telemetry::registry::Registry,
    units::Bytes as Size,
};

use crate::{
    data::{DIMENSIONS, Data, small},
    rank, resident,
};

/// Nobody asks it anything here.
struct Silent;

#[async_trait]
impl Embedder for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn dimensions(&self) -> usize {
        DIMENSIONS
    }
    fn is_cheap(&self) -> bool {
        false
    }
    async fn embed(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        Err(EmbedError::Timeout)
    }
}

pub fn measure(size: usize) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("banto-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("cache.sqlite");
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime()?.block_on(fill(&file, size))?;
    let outcome = runtime()?.block_on(start(&file, size));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn limits(size: usize) -> Limits {
    Limits { bytes: Size(4 << 30), entries: size as u64, ..Limits::default() }
}

async fn fill(file: &Path, size: usize) -> Result<(), Box<dyn Error>> {
    let (tasks, mut data) = (Tasks::default(), Data::new());
    let store = Embedded::open(file, limits(size), Clock::system(), &tasks)?;
    let entries = (0..size).map(|number| {
        let store = store.clone();
        let entry = Arc::new(entry(number, &mut data));
        async move { store.put(entry).await.is_ok() }
    });
    let kept = stream::iter(entries).buffer_unordered(512).filter(|kept| std::future::ready(*kept)).count().await;
    println!("kept              {kept} in a file of {} MiB", std::fs::metadata(file)?.len() >> 20);
    tasks.shut_down(Duration::from_secs(60)).await;
    Ok(())
}

fn entry(number: usize, data: &mut Data) -> Entry {
    let (now, clock) = (Clock::system().now(), Duration::from_secs(7 * 24 * 3_600));
    Entry {
        key: Digest::of([&number.to_le_bytes()[..]]),
        tenant: "shop".into(),
        intent: "faq".into(),
        entities: Vec::new(),
        question: format!("how long does it take until order number {number} arrives at my place"),
        frame: Some((Digest::of([&b"one"[..]]), small(&data.vector()))),
        shape: Shape::Body,
        chunks: vec![Bytes::from(vec![b'x'; 400])],
        model: "primary".into(),
        stored_at: now,
        fresh_until: now + clock,
        keep_until: now + clock + clock,
        tags: Vec::new(),
    }
}

async fn start(file: &Path, size: usize) -> Result<(), Box<dyn Error>> {
    let (tasks, before) = (Tasks::default(), resident());
    let mut problems = Problems::default();
    let understanding = Understanding::load(&Files::shipped(), &mut problems).ok_or("the shipped files")?;
    let began = Instant::now();
    let store: Arc<dyn Store> = Arc::new(Embedded::open(file, limits(size), Clock::system(), &tasks)?);
    let parts = Parts {
        store: store.clone(),
        understanding: Arc::new(arc_swap::ArcSwap::from_pointee(understanding)),
        embedder: Arc::new(Silent),
        board: Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[]))),
        registry: Arc::new(Registry::default()),
        clock: Clock::system(),
        dice: Arc::new(Dice::fair()),
        calendar: Arc::default(),
    };
    let recall = Recall::start(parts, Settings::default(), &tasks);
    let first = store.get(&Digest::of([&(size / 2).to_le_bytes()[..]])).await?.is_some();
    println!("first answer      {:?} after the start (found: {first})", began.elapsed());
    let mut late = Vec::new();
    while recall.indexed() < size && began.elapsed() < Duration::from_secs(600) {
        let asleep = Instant::now();
        sleep(Duration::from_millis(5)).await;
        late.push(asleep.elapsed().saturating_sub(Duration::from_millis(5)));
    }
    println!("warm              {:?} after the start, {} indexed", began.elapsed(), recall.indexed());
    println!(
        "others waited     median {:?}, p99 {:?}, longest {:?} over a timer of 5 ms",
        rank(&mut late, 0.5).unwrap_or_default(),
        rank(&mut late, 0.99).unwrap_or_default(),
        rank(&mut late, 1.0).unwrap_or_default()
    );
    println!("memory            {:.0} MiB for store and index", resident() - before);
    tasks.shut_down(Duration::from_secs(10)).await;
    Ok(())
}
