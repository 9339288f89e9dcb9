use super::*;
use crate::{
    controller::query::{MetricQuery, Series},
    ids::NodeId,
    telemetry::{
        catalogue::{ANSWER_LATENCY, ATTEMPTS, MODE},
        registry::Registry,
        wire::Knobs,
    },
};

/// Nodes elsewhere, a history, and a hand on the clock.
struct World {
    history: History,
    seen: BTreeMap<NodeId, Seen>,
    second: i64,
}

impl World {
    fn new() -> Self {
        Self { history: History::new(&Registry::default()), seen: BTreeMap::new(), second: 0 }
    }

    /// A node's measurements arrive, as they travel.
    fn arrives(&mut self, node: &str, life: u64, registry: &Registry) {
        let bytes = Snapshot::of(life, Knobs::default(), registry.read()).to_bytes();
        let snapshot = Snapshot::from_bytes(&bytes).expect("a snapshot");
        let seen = self.seen.entry(node.into()).or_default();
        self.history.measure(|own| seen.look(own, snapshot, self.second));
    }

    fn newest(&self, query: &str) -> Option<f64> {
        let query: MetricQuery = query.parse().expect("a query");
        self.history.points(&query, Timestamp((self.second + 1) * 1_000), 1)[0]
    }
}

#[test]
fn counts_of_several_nodes_add_up_and_a_restart_begins_at_zero() {
    let mut world = World::new();
    let (a, b) = (Registry::default(), Registry::default());
    a.counter(&ATTEMPTS, &["primary"]).add(100);
    b.counter(&ATTEMPTS, &["primary"]).add(10);
    world.arrives("a", 1, &a);
    world.arrives("b", 1, &b);
    assert_eq!(world.newest("Sum model.attempts{model=primary} over 1s"), Some(110.0));
    world.second += 1;
    let restarted = Registry::default();
    restarted.counter(&ATTEMPTS, &["primary"]).add(200);
    world.arrives("a", 2, &restarted);
    world.arrives("b", 1, &b);
    assert_eq!(world.newest("Sum model.attempts over 1s"), Some(200.0));
    assert_eq!(world.newest("Sum model.attempts over 2s"), Some(310.0));
}

#[test]
fn percentiles_are_taken_over_the_values_of_all_nodes() {
    let mut world = World::new();
    let (fast, slow) = (Registry::default(), Registry::default());
    (0..90).for_each(|_| fast.distribution(&ANSWER_LATENCY, &[]).record(10_000));
    (0..10).for_each(|_| slow.distribution(&ANSWER_LATENCY, &[]).record(2_000_000));
    world.arrives("fast", 1, &fast);
    world.arrives("slow", 1, &slow);
    let p90 = world.newest("p90 answers.latency over 1s").expect("values");
    let p95 = world.newest("p95 answers.latency over 1s").expect("values");
    assert!((p90 - 0.01).abs() < 0.001 && (p95 - 2.0).abs() < 0.1, "{p90} {p95}");
}

#[test]
fn an_engine_that_is_silent_is_missing_and_not_zero_though_the_controller_itself_delivers() {
    let mut world = World::new();
    let (engine, controller) = (Registry::default(), Arc::new(Registry::default()));
    engine.gauge(&MODE, &[]);
    world.arrives("a", 1, &engine);
    assert_eq!(world.newest("Sum requests over 1s"), Some(0.0));
    world.second += 1;
    let mut own = super::super::fleet::EngineSource::default();
    own.watch_part("controller".into(), Part::Controller, controller);
    own.look(&world.history, Timestamp((world.second + 1) * 1_000));
    assert_eq!(world.newest("Sum requests over 1s"), None);
    assert_eq!(world.newest("Sum controller.decisions over 1s"), Some(0.0));
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_a_gap_with_its_name() {
    let roster = Arc::new(Roster::new([NodeClient::new(
        "b".into(),
        "http://127.0.0.1:1",
        None,
        crate::outbound::Outbound::new().expect("certificates"),
    )]));
    let history = History::new(&Registry::default());
    let mut source = RemoteSource::new(roster.clone(), Tasks::default());
    let query: MetricQuery = "Sum requests over 1s".parse().expect("a query");
    for second in 1..200 {
        let now = Timestamp(second * 1_000);
        source.look(&history, now).await;
        if let Some(gap) = history.gap(&query, now).filter(|gap| gap.contains("failed")) {
            assert!(gap.starts_with("engine:b has failed"), "{gap}");
            assert!(!roster.standings(0, now)[0].up);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a node that refuses connections is no gap");
}
