use super::*;
use crate::{
    controller::{query::Statistic, sense::fleet::EngineSource},
    telemetry::catalogue::{ATTEMPTS, LOOKUPS, MODEL_LATENCY, POOL_ACTIVE},
};

/// Nodes, a history, and a hand on the clock.
struct World {
    history: History,
    source: EngineSource,
    now: Timestamp,
}

impl World {
    fn at_midnight() -> Self {
        Self { history: History::new(&Registry::default()), source: EngineSource::default(), now: Timestamp(0) }
    }

    fn node(&mut self, name: &str) -> Arc<Registry> {
        let registry = Arc::new(Registry::default());
        self.source.watch(name.into(), registry.clone());
        registry
    }

    fn second(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.source.look(&self.history, self.now);
    }

    fn seconds(&mut self, n: usize) {
        (0..n).for_each(|_| self.second());
    }

    fn points(&self, query: &MetricQuery, count: usize) -> Vec<Option<f64>> {
        self.history.points(query, self.now, count)
    }
}

fn query(metric: &str, dimensions: &[(&str, &str)], statistic: Statistic, secs: u64) -> MetricQuery {
    MetricQuery {
        namespace: OWN_NAMESPACE.into(),
        metric: metric.into(),
        dimensions: dimensions.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
        statistic,
        period: Duration::from_secs(secs),
    }
}

#[test]
fn a_quiet_second_of_a_live_node_is_zero_and_one_of_a_dead_node_is_missing() {
    let mut world = World::at_midnight();
    let registry = world.node("a");
    registry.counter(&ATTEMPTS, &["primary"]).add(3);
    world.seconds(2);
    world.source.forget(&"a".into(), &world.history);
    world.now = world.now + Duration::from_secs(1);
    let points = world.points(&query("model.attempts", &[("model", "primary")], Statistic::Sum, 1), 3);
    assert_eq!(points, [Some(3.0), Some(0.0), None]);
}

#[test]
fn series_with_further_labels_and_all_nodes_add_up() {
    let mut world = World::at_midnight();
    for (node, hits, misses) in [("a", 1, 10), ("b", 2, 20)] {
        let registry = world.node(node);
        registry.counter(&LOOKUPS, &["faq", "exact"]).add(hits);
        registry.counter(&LOOKUPS, &["faq", "miss"]).add(misses);
        registry.counter(&LOOKUPS, &["pricing", "miss"]).add(100);
    }
    world.second();
    let sum = |dimensions: &[(&str, &str)]| world.points(&query("cache.lookups", dimensions, Statistic::Sum, 1), 1)[0];
    assert_eq!(sum(&[("intent", "faq")]), Some(33.0));
    assert_eq!(sum(&[("result", "miss")]), Some(230.0));
    assert_eq!(sum(&[]), Some(233.0));
}

#[test]
fn a_query_for_a_label_that_the_metric_does_not_have_never_has_data() {
    let mut world = World::at_midnight();
    world.node("a").counter(&ATTEMPTS, &["primary"]).inc();
    world.second();
    assert_eq!(world.points(&query("model.attempts", &[("zone", "a")], Statistic::Sum, 1), 1), [None]);
}

#[test]
fn a_node_that_restarts_counts_on_from_zero() {
    let mut world = World::at_midnight();
    world.node("a").counter(&ATTEMPTS, &["primary"]).add(100);
    world.second();
    world.node("a").counter(&ATTEMPTS, &["primary"]).add(5);
    world.second();
    let points = world.points(&query("model.attempts", &[], Statistic::Sum, 1), 2);
    assert_eq!(points, [Some(100.0), Some(5.0)]);
}

#[test]
fn percentiles_are_taken_over_all_nodes_and_seconds_of_a_period() {
    let mut world = World::at_midnight();
    let (a, b) = (world.node("a"), world.node("b"));
    for second in 0..60u64 {
        a.distribution(&MODEL_LATENCY, &["primary"]).record(1_000 * (second + 1));
        b.distribution(&MODEL_LATENCY, &["primary"]).record(1_000_000);
        world.second();
    }
    let stat = |statistic| world.points(&query("model.latency", &[], statistic, 60), 1)[0];
    assert_eq!(stat(Statistic::SampleCount), Some(120.0));
    let p50 = stat(Statistic::Percentile(50.0)).expect("has data");
    assert!((p50 - 0.060).abs() < 0.003, "{p50}");
    let p99 = stat(Statistic::Percentile(99.0)).expect("has data");
    assert!((p99 - 1.0).abs() < 0.05, "{p99}");
}

#[test]
fn a_distribution_without_values_has_a_count_of_zero_and_no_percentile() {
    let mut world = World::at_midnight();
    world.node("a").distribution(&MODEL_LATENCY, &["primary"]);
    world.second();
    let stat = |statistic| world.points(&query("model.latency", &[], statistic, 1), 1)[0];
    assert_eq!((stat(Statistic::SampleCount), stat(Statistic::Percentile(95.0))), (Some(0.0), None));
}

#[test]
fn a_level_holds_for_the_seconds_since_the_last_look() {
    let mut world = World::at_midnight();
    let gauge = world.node("a").gauge(&POOL_ACTIVE, &["primary"]);
    gauge.set(4.0);
    world.second();
    gauge.set(8.0);
    world.now = world.now + Duration::from_secs(3);
    world.source.look(&world.history, world.now);
    let points = world.points(&query("pool.active", &[], Statistic::Maximum, 1), 4);
    assert_eq!(points, [Some(4.0), Some(8.0), Some(8.0), Some(8.0)]);
}

#[test]
fn periods_slide_the_newest_ends_now() {
    let mut world = World::at_midnight();
    let counter = world.node("a").counter(&ATTEMPTS, &["primary"]);
    for second in 0..15 {
        counter.add(second);
        world.second();
    }
    let points = world.points(&query("model.attempts", &[], Statistic::Sum, 10), 2);
    assert_eq!(points, [Some(10.0), Some(95.0)]);
}

#[test]
fn what_is_older_than_the_seconds_are_kept_is_seen_in_whole_minutes() {
    let mut world = World::at_midnight();
    let counter = world.node("a").counter(&ATTEMPTS, &["primary"]);
    counter.add(7);
    world.seconds(4 * 3_600 + 30);
    let points = world.points(&query("model.attempts", &[], Statistic::Sum, 2 * 3_600), 2);
    assert_eq!(points, [Some(7.0), Some(0.0)]);
}

#[test]
fn one_silent_node_is_no_gap_but_all_of_them_are() {
    let mut world = World::at_midnight();
    let attempts = query("model.attempts", &[], Statistic::Sum, 1);
    world.node("a");
    world.second();
    assert_eq!(world.history.gap(&attempts, world.now), None);
    let later = world.now + Duration::from_secs(9);
    let gap = world.history.gap(&attempts, later);
    assert_eq!(gap.as_deref(), Some("engine:a has delivered nothing for 9 s"));
}

#[test]
fn a_foreign_metric_is_a_gap_until_its_source_has_delivered_it() {
    let history = History::new(&Registry::default());
    let mut throttles = query("InvocationThrottles", &[], Statistic::Sum, 60);
    throttles.namespace = "AWS/Bedrock".into();
    let now = Timestamp(600_000);
    history.gaps(|gaps| gaps.expect(CLOUDWATCH, Duration::from_secs(180), now));
    assert_eq!(history.points(&throttles, now, 1), [None]);
    assert!(history.gap(&throttles, now).is_some_and(|gap| gap.contains("has not come yet")));
    history.keep(&throttles, &[(Timestamp(540_000), 3.0)], now);
    assert_eq!((history.points(&throttles, now, 1), history.gap(&throttles, now)), (vec![Some(3.0)], None));
    history.gaps(|gaps| gaps.failed(CLOUDWATCH, "throttled", now));
    assert!(history.gap(&throttles, now).is_some_and(|gap| gap.contains("throttled")));
}

#[test]
fn events_come_back_in_order_of_time() {
    let history = History::new(&Registry::default());
    let event = |at, subject: &str| Event {
        at: Timestamp(at),
        kind: "deployment".into(),
        subject: subject.into(),
        details: Default::default(),
    };
    history.note(event(20, "late"));
    history.note(event(10, "early"));
    let subjects: Vec<_> = history.events_since(Timestamp(5)).into_iter().map(|event| event.subject).collect();
    assert_eq!(subjects, ["early", "late"]);
}
