//! Redis as something that the controller watches and touches.

use banto::{
    clock::Clock,
    controller::{
        act::redis_config::RedisConfig,
        actuator::{ActError, Actuator, Stamp},
        query::{MetricQuery, Series, Statistic},
        sense::{history::History, redis::RedisSource},
    },
    telemetry::{
        catalogue::{REDIS_CLIENTS, REDIS_EVICTED, REDIS_HITS, REDIS_MEMORY},
        registry::Registry,
    },
};

use super::{
    contract::{has, put},
    redis::Node,
};
use crate::support::redis::RedisServer;

fn stamp() -> Stamp {
    let (author, reason) = ("policy:make-room".into(), "a test".into());
    Stamp { author, reason, incident: "i".into(), token: "t".into(), expires: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eviction_policy_is_seen_set_and_read_back() {
    let server = RedisServer::start(&[]);
    let hand = RedisConfig(Node::on(&server).await.redis.clone());
    let seen = hand.observe("maxmemory-policy").await.expect("observe");
    assert_eq!(seen.value, "noeviction");
    hand.set("maxmemory-policy", "allkeys-lru", &seen, &stamp()).await.expect("set");
    assert!(server.say("CONFIG GET maxmemory-policy").contains("allkeys-lru"));

    let late = hand.set("maxmemory-policy", "volatile-lru", &seen, &stamp()).await;
    assert!(matches!(late, Err(ActError::Moved { .. })), "somebody changed it: {late:?}");
    let now = hand.observe("maxmemory-policy").await.expect("observe");
    for (parameter, to) in [("maxmemory-policy", "sometimes"), ("requirepass", "x")] {
        let refused = hand.set(parameter, to, &now, &stamp()).await;
        assert!(matches!(&refused, Err(ActError::Refused(why)) if why.contains("Use one of")), "{refused:?}");
    }
    assert!(hand.observe("no-such-parameter").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_let_itself_be_configured_says_what_to_do() {
    let server = RedisServer::start(&["--rename-command", "CONFIG", ""]);
    let hand = RedisConfig(Node::on(&server).await.redis.clone());
    let refused = hand.observe("maxmemory-policy").await.expect_err("no such command");
    assert!(refused.to_string().contains("on ElastiCache change the parameter group"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_says_of_itself_becomes_metrics_and_its_silence_a_gap() {
    let mut server = RedisServer::start(&["--maxmemory", "64mb"]);
    let node = Node::on(&server).await;
    let (registry, clock) = (Registry::default(), Clock::system());
    let history = History::new(&registry);
    let mut source = RedisSource::new(node.redis.clone(), &registry);
    source.look(&history, clock).await;
    put(&node.store, "q", vec![]).await;
    for _ in 0..5 {
        assert!(has(&node.store, "q").await);
    }
    source.look(&history, clock).await;
    let memory = registry.gauge(&REDIS_MEMORY, &[]).get();
    assert!(memory > 0.0 && memory < 1.0, "{memory}");
    assert!(registry.counter(&REDIS_HITS, &[]).get() >= 5 && registry.counter(&REDIS_EVICTED, &[]).get() == 0);
    assert!(registry.gauge(&REDIS_CLIENTS, &[]).get() >= 2.0);

    let query = MetricQuery {
        namespace: banto::controller::query::OWN_NAMESPACE.into(),
        metric: "redis.memory_utilization".into(),
        dimensions: vec![],
        statistic: Statistic::Average,
        period: std::time::Duration::from_secs(60),
    };
    assert_eq!(history.gap(&query, clock.now()), None);
    server.kill();
    super::contract::eventually("the gap has a name", async || {
        source_gap(&node, &history, &query, clock).await.is_some_and(|gap| gap.starts_with("redis has failed"))
    })
    .await;
}

async fn source_gap(node: &Node, history: &History, query: &MetricQuery, clock: Clock) -> Option<String> {
    RedisSource::new(node.redis.clone(), &Registry::default()).look(history, clock).await;
    history.gap(query, clock.now())
}
