//! What the fleet's store costs beside a bare `GET` by the same client library, in the same run and against the same
//! server, which this starts. `cargo bench --bench store`; needs redis-server.
//!
//! Each figure is taken with one runtime thread for the calls, in turns of both subjects, so that a busy machine hurts both.

mod server;

use std::{error::Error, sync::Arc, time::Duration};

use banto::{
    clock::Clock,
    dice::Dice,
    digest::Digest,
    store::{
        Entry, Shape, Store, Tag,
        redis::{Connections, Options, Redis},
    },
    tasks::Tasks,
    telemetry::registry::Registry,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use tokio::time::Instant;

use server::Server;

const ENTRIES: usize = 100_000;
const MANY: usize = 1_000_000;
/// Calls a second.
const RATE: u64 = 5_000;
const TURN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome {
    let server = Server::start()?;
    println!("## One entry in Redis\n");
    let node = connect(&server, Connections::default()).await?;
    let used = server.number("used_memory")?;
    fill(&node, 0..ENTRIES).await?;
    let took = server.number("used_memory")? - used;
    let stored = server.stored_bytes()?;
    let each = |bytes: f64| bytes / ENTRIES as f64;
    println!(
        "{ENTRIES} entries of {:.0} bytes (vector of 384 included) take {:.0} each: {:.0} beside their own.\n",
        each(stored),
        each(took),
        each(took - stored)
    );

    println!("## A hit through the store beside a bare GET ({RATE} a second, one core)\n");
    let mut raw = bare(&server).await?;
    println!("| | p50 | p95 | p99 |\n|---|---|---|---|");
    let (mut bare_times, mut store_times) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        bare_times.extend(paced(|n| get_bare(raw.clone(), n)).await?);
        store_times.extend(paced(|n| get_store(node.clone(), n)).await?);
    }
    let (bare_p50, _) = row("bare GET", &mut bare_times);
    let (store_p50, store_p95) = row("store.get", &mut store_times);
    for warm in [1, 10, 50] {
        let node = connect(&server, Connections { warm, most: 50 }).await?;
        let mut times = paced(|n| get_store(node.clone(), n)).await?;
        row(&format!("store.get, {warm} connections"), &mut times);
    }
    println!(
        "\nThe store takes {:.2} x the bare GET (goal 1.3); p95 {store_p95:?} (goal under 2 ms).\n",
        store_p50.as_secs_f64() / bare_p50.as_secs_f64()
    );

    println!("## Ten keys at once\n\n| | p50 | p95 | p99 |\n|---|---|---|---|");
    let mut times = Vec::new();
    for n in 0..20_000 {
        let keys: Vec<_> = (0..10).map(|k| key((n * 10 + k) % ENTRIES)).collect();
        let began = Instant::now();
        let found = node.get_many(&keys).await?;
        times.push(began.elapsed());
        assert!(found.iter().all(Option::is_some), "all ten are there");
    }
    row("store.get_many", &mut times);
    let pipeline = |n: usize| {
        let mut pipeline = redis::pipe();
        (0..10).for_each(|k| {
            pipeline.get(bare_key((n * 10 + k) % ENTRIES));
        });
        pipeline
    };
    let mut times = Vec::new();
    for n in 0..20_000 {
        let began = Instant::now();
        let _: Vec<Bytes> =
            pipeline(n).query_async::<Vec<Vec<u8>>>(&mut raw).await?.into_iter().map(Bytes::from).collect();
        times.push(began.elapsed());
    }
    row("bare pipeline of GET", &mut times);

    println!("\n## Start against {MANY} entries\n");
    fill(&node, ENTRIES..MANY).await?;
    let began = Instant::now();
    let late = connect(&server, Connections::default()).await?;
    let hit = late.get(&key(7)).await?.is_some();
    println!("Connected and served ({hit}) after {:?}.", began.elapsed());
    let (mut cursor, mut seen, began) = (None, 0, Instant::now());
    loop {
        let (entries, next) = late.page(cursor, 256).await?;
        seen += entries.len();
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    println!(
        "All {seen} were paged through after {:?}; Redis was never held up for 10 ms: {}.",
        began.elapsed(),
        server.was_never_slow()?
    );
    Ok(())
}

async fn connect(server: &Server, connections: Connections) -> Outcome<Arc<Redis>> {
    let options = Options {
        connections,
        silence: Duration::from_millis(400),
        entries: 2 * MANY as u64,
        ..Options::at(server.url())
    };
    let tasks = Box::leak(Box::new(Tasks::default()));
    let redis = Redis::connect(options, Clock::system(), Arc::new(Dice::fair()), &Registry::default(), tasks)?;
    if !redis.connected(Duration::from_secs(20)).await {
        return Err(redis.trouble().unwrap_or_else(|| "Redis cannot be connected".into()).into());
    }
    Ok(Arc::new(redis))
}

async fn bare(server: &Server) -> Outcome<MultiplexedConnection> {
    let client = redis::Client::open(format!("{}/?protocol=resp3", server.url()))?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&AsyncConnectionConfig::new()).await?;
    let value = vec![b'x'; server.value_size()?];
    for n in 0..ENTRIES {
        redis::cmd("SET").arg(bare_key(n)).arg(&value).query_async::<()>(&mut connection).await?;
    }
    Ok(connection)
}

fn bare_key(n: usize) -> String {
    format!("bare:{n:025}")
}

fn key(n: usize) -> Digest {
    Digest::of([n.to_string().as_bytes()])
}

async fn fill(store: &Arc<Redis>, range: std::ops::Range<usize>) -> Outcome {
    let tag = Tag("title:dragon ball".into());
    let generation = store.generations(std::slice::from_ref(&tag)).await?[0];
    let answer = Bytes::from(
        "Standard delivery takes two to four working days, and you will receive a message with a link. ".repeat(8),
    );
    let now = Clock::system().now();
    let put = |n: usize| {
        let entry = Entry {
            key: key(n),
            tenant: "shop".into(),
            intent: ["faq", "product_info", "shipping_info", "pricing"][n % 4].into(),
            entities: vec!["dragon ball".into()],
            question: format!("when does volume {n} arrive?"),
            frame: Some((key(1), (0..384).map(|at| (at % 120) as i8).collect())),
            shape: Shape::Body,
            chunks: vec![answer.clone()],
            model: "primary".into(),
            stored_at: now,
            fresh_until: now + Duration::from_secs(3_600),
            keep_until: now + Duration::from_secs(7_200),
            tags: vec![(tag.clone(), generation)],
        };
        let store = store.clone();
        async move { store.put(Arc::new(entry)).await }
    };
    let mut puts = stream::iter(range).map(put).buffer_unordered(64);
    while let Some(stored) = puts.next().await {
        stored?;
    }
    Ok(())
}

async fn get_bare(mut connection: MultiplexedConnection, n: usize) -> Outcome {
    let value: Vec<u8> = redis::cmd("GET").arg(bare_key(n % ENTRIES)).query_async(&mut connection).await?;
    if value.is_empty() { Err("nothing there".into()) } else { Ok(()) }
}

async fn get_store(store: Arc<Redis>, n: usize) -> Outcome {
    store.get(&key(n % ENTRIES)).await?.map(drop).ok_or_else(|| "nothing there".into())
}

/// The times of calls that come at [`RATE`]: some at each millisecond.
async fn paced<F: Future<Output = Outcome>>(call: impl Fn(usize) -> F) -> Outcome<Vec<Duration>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let (at_once, count) = (RATE / 1_000, RATE * TURN.as_secs());
    let (mut under_way, mut times, mut n) = (stream::FuturesUnordered::new(), Vec::new(), 0);
    while n < count {
        tokio::select! {
            _ = ticks.tick() => for _ in 0..at_once {
                let call = call(n as usize * 7_919);
                n += 1;
                under_way.push(async move {
                    let began = Instant::now();
                    call.await.map(|()| began.elapsed())
                });
            },
            Some(time) = under_way.next() => times.push(time?),
        }
    }
    while let Some(time) = under_way.next().await {
        times.push(time?);
    }
    Ok(times)
}

fn row(name: &str, times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("| {name} | {:?} | {:?} | {:?} |", at(0.5), at(0.95), at(0.99));
    (at(0.5), at(0.95))
}
