//! The invalidation benchmark: `cargo bench --bench invalidation`.
//!
//! Three nodes on one real Redis, each with its near cache. An event comes in at one of them; measured is the time from then until
//! no near cache has the answer any more. `redis-server` is needed.

use std::{
    error::Error,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use banto::{
    clock::Clock,
    config::{files::Files, problem::Problems},
    dice::Dice,
    digest::Digest,
    engine::{
        asked::{Asked, Caller, Hints, Tier},
        recall::{Parts as Memory, Recall, embed::hashed::Hashed, settings::Settings},
        understand::{Understanding, question::Question},
    },
    events::{
        dead_letters::{DeadLetters, Limits},
        envelope::Carried,
        intake::{Channel, Intake, OnFailure, Parts},
        mapping::Mappings,
    },
    knob::{
        board::Board,
        catalogue::{Catalogue, IntentDefaults},
    },
    store::{
        Shape, Store,
        redis::{Options, Redis},
    },
    tasks::Tasks,
    telemetry::registry::Registry,
};
use bytes::Bytes;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NODES: usize = 3;
const EVENTS: usize = 1_000;
/// The most an event may take to be everywhere, p95.
const GOAL: Duration = Duration::from_millis(100);

struct Node {
    recall: Arc<Recall>,
    intake: Intake,
    understanding: Arc<Understanding>,
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let server = Server::start()?;
    let tasks = Tasks::default();
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(Node::start(&server.url(), &tasks).await?);
    }
    let mut times = Vec::new();
    for n in 0..EVENTS {
        nodes[n % NODES].fill("Demon Slayer").await?;
        for node in &nodes {
            node.hold("Demon Slayer").await?;
        }
        let event = format!(
            r#"{{"id":"e-{n}","source":"com.mangaassist.catalog","detail-type":"product.price.changed","detail":{{"asin":"B0DS","title":"Demon Slayer"}}}}"#
        );
        let (carried, began) = (Carried::default(), Instant::now());
        let (told, gone) = tokio::join!(
            nodes[n % NODES].intake.receive(&event, &carried, Channel::Http, OnFailure::Keep),
            gone_everywhere(&nodes, began)
        );
        told?;
        times.push(gone?);
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("from an event to the near caches of {NODES} nodes on one Redis, {EVENTS} events");
    println!("  p50 {:.2} ms   p95 {:.2} ms   p99 {:.2} ms   longest {:.2} ms", at(0.5), at(0.95), at(0.99), at(1.0));
    println!("  goal: p95 under {} ms", GOAL.as_millis());
    Ok(())
}

/// Waits until no near cache has the answer; how long that took.
async fn gone_everywhere(nodes: &[Node], began: Instant) -> Outcome<Duration> {
    while nodes.iter().any(Node::has) {
        if began.elapsed() > Duration::from_secs(10) {
            return Err("an event did not reach every node within 10 s".into());
        }
        tokio::task::yield_now().await;
    }
    Ok(began.elapsed())
}

impl Node {
    async fn start(url: &str, tasks: &Tasks) -> Outcome<Self> {
        let (clock, dice, registry) = (Clock::system(), Arc::new(Dice::fair()), Arc::new(Registry::default()));
        let options = Options { silence: Duration::from_millis(500), ..Options::at(url) };
        let redis = Redis::connect(options, clock, dice.clone(), &registry, tasks)?;
        if !redis.connected(Duration::from_secs(10)).await {
            return Err("Redis does not answer".into());
        }
        let store: Arc<dyn Store> = Arc::new(redis);
        let (files, mut problems) = (Files::shipped(), Problems::default());
        let understanding = Arc::new(Understanding::load(&files, &mut problems).ok_or("no shop")?);
        let mappings = Mappings::load(&files, &understanding, &mut problems);
        let intents = understanding
            .intents()
            .map(|i| IntentDefaults { intent: i.id.clone(), threshold: i.threshold, ttl: i.ttl, budget: None })
            .collect::<Vec<_>>();
        let memory = Memory {
            store: store.clone(),
            understanding: Arc::new(arc_swap::ArcSwap::new(understanding.clone())),
            embedder: Arc::new(Hashed::new(understanding.lexicon().clone())),
            board: Arc::new(Board::new(Catalogue::new(&Default::default(), &intents, &[]))),
            registry: registry.clone(),
            clock,
            dice: dice.clone(),
            calendar: Arc::default(),
        };
        let recall = Recall::start(memory, Settings::default(), tasks);
        let letters = DeadLetters::in_memory(Limits::default())?;
        let intake = Intake::new(Parts {
            mappings,
            understanding: understanding.clone(),
            store,
            recall: Some(recall.clone()),
            out_of_reach: None,
            inbox: None,
            letters,
            registry,
            clock,
            dice,
        })?;
        Ok(Self { recall, intake, understanding })
    }

    fn question(&self, title: &str) -> Arc<Question> {
        let asked = Asked {
            dialect: banto::engine::dialect::Dialect::OpenAi,
            body: Bytes::new(),
            model: 0..0,
            stream: false,
            include_usage: false,
            ask_usage: false,
            caller: Caller { tenant: "bench".into(), user: None, tier: Tier::Registered, address: None },
            text: format!("How many volumes of {title} are there?"),
            context: Digest::of([]),
            not_alone: None,
            hints: Hints::default(),
            prompt: None,
        };
        Arc::new(self.understanding.question(asked))
    }

    /// Keeps an answer in the store.
    async fn fill(&self, title: &str) -> Outcome<()> {
        let question = self.question(title);
        let fill = self.recall.begin(&question).await;
        self.recall.remember(&question, fill, "bench", Shape::Body, vec!["23".into()]).await?;
        Ok(())
    }

    /// Brings the answer into the near cache.
    async fn hold(&self, title: &str) -> Outcome<()> {
        let question = self.question(title);
        let began = Instant::now();
        while self.recall.near(&question).is_none() {
            let _ = self.recall.exact(&question).await;
            if began.elapsed() > Duration::from_secs(10) {
                return Err("an answer did not reach every node within 10 s".into());
            }
        }
        Ok(())
    }

    fn has(&self) -> bool {
        self.recall.near(&self.question("Demon Slayer")).is_some()
    }
}

/// A Redis of its own; stopped when dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start() -> Outcome<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { process, port })
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
