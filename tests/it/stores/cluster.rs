//! The store on a cluster: the same contract, slots that move under it, masters that die.

use std::time::Duration;

use banto::store::{
    Lead, Put,
    redis::{Connections, Options, Servers},
};

use super::{
    contract::{self, LONG, Pair, begin, eventually, has, key, put, tag},
    order,
    redis::Node,
};
use crate::support::redis::RedisCluster;

fn options(cluster: &RedisCluster, prefix: &str) -> Options {
    let servers = Servers::Cluster { urls: cluster.urls()[..2].to_vec() };
    let connections = Connections { warm: 2, most: 4 };
    Options { servers, prefix: prefix.into(), silence: LONG, connections, ..Options::default() }
}

async fn pair(cluster: &RedisCluster, prefix: &str) -> Pair {
    let (one, two) = (Node::connected(options(cluster, prefix)).await, Node::connected(options(cluster, prefix)).await);
    Pair { one: one.store.clone(), two: two.store.clone(), _keep: Box::new((one, two)) }
}

/// The slot in which a key stands: the cluster's own word.
fn slot_of(cluster: &RedisCluster, pattern: &str) -> u16 {
    for server in &cluster.servers {
        let keys = server.say(&format!("EVAL \"local k = redis.call('KEYS', '{pattern}') return k[1] and redis.call('CLUSTER', 'KEYSLOT', k[1]) or -1\" 0"));
        if let Ok(slot) = keys.lines().next().unwrap_or_default().trim_start_matches(':').parse::<u16>() {
            return slot;
        }
    }
    panic!("nothing is stored under {pattern}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_contract_holds_on_a_cluster() {
    let cluster = RedisCluster::start(0);
    contract::whole(async |name| pair(&cluster, name).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_two_nodes_brings_an_old_answer_back_from_a_cluster() {
    let cluster = RedisCluster::start(0);
    order::no_order_brings_an_old_answer_back(pair(&cluster, "order").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_spread_over_all_masters() {
    let cluster = RedisCluster::start(0);
    let pair = pair(&cluster, "spread").await;
    for n in 0..300 {
        put(&pair.one, &n.to_string(), vec![]).await;
    }
    for server in &cluster.servers {
        let held: usize =
            server.say("DBSIZE").lines().next().expect("a line").trim_start_matches(':').parse().expect("n");
        assert!((80..180).contains(&held), "one of three masters holds {held} of 300 entries and their ledgers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_costs_no_error_and_no_wrong_answer() {
    let cluster = RedisCluster::start(0);
    let pair = pair(&cluster, "move").await;
    let before = begin(&pair.one, &["title:a"]).await;
    put(&pair.one, "q", before.clone()).await;
    let slot = slot_of(&cluster, "*:e:*");
    let from = cluster.holder(slot);
    let to = (from + 1) % 3;

    cluster.begin_to_move(slot, from, to);
    assert!(has(&pair.two, "q").await, "not moved yet");
    cluster.move_keys(slot, from, to);
    assert!(has(&pair.two, "q").await, "asked for where it is now");
    let about = pair.two.about(&[key("q"), key("gone")]).await.expect("no error for lists either");
    assert!(about[0].is_some() && about[1].is_none());
    assert_eq!(put(&pair.one, "q", before.clone()).await, Put::Stored, "written where it belongs");
    assert!(matches!(pair.one.lead(&key("q"), LONG).await, Ok(Lead::Granted(_))));
    assert!(matches!(pair.two.lead(&key("q"), LONG).await, Ok(Lead::Taken)));
    cluster.end_move(slot, from, to);
    assert!(has(&pair.two, "q").await && has(&pair.one, "q").await, "redirected for good");

    pair.one.invalidate(&[tag("title:a")]).await.expect("invalidate");
    eventually("the other node hears of it", || async { !has(&pair.two, "q").await }).await;
    assert_eq!(put(&pair.two, "q", before).await, Put::Outdated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_of_a_tag_that_moves_during_a_fill_keeps_its_generations() {
    let cluster = RedisCluster::start(0);
    let pair = pair(&cluster, "tags").await;
    let before = begin(&pair.one, &["title:a"]).await;
    put(&pair.one, "q", before.clone()).await;
    let slot = slot_of(&cluster, "*:ledger:tags");
    let from = cluster.holder(slot);
    let to = (from + 1) % 3;
    cluster.begin_to_move(slot, from, to);
    cluster.move_keys(slot, from, to);
    pair.two.invalidate(&[tag("title:a")]).await.expect("invalidated while it moves");
    cluster.end_move(slot, from, to);
    eventually("the other node hears of it", || async { !has(&pair.one, "q").await }).await;
    assert_eq!(put(&pair.one, "q", before).await, Put::Outdated);
    assert_eq!(put(&pair.one, "q", begin(&pair.one, &["title:a"]).await).await, Put::Stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_during_a_fill_is_replaced_and_nothing_void_comes_back() {
    let mut cluster = RedisCluster::start(1);
    let (one, two) =
        (Node::connected(options(&cluster, "death")).await, Node::connected(options(&cluster, "death")).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "q", before.clone()).await;
    put(&one.store, "kept", begin(&one.store, &["title:b"]).await).await;
    two.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    eventually("the other node hears of it", || async { !has(&one.store, "q").await }).await;
    let slot = slot_of(&cluster, "*:ledger:tags");
    let holder = cluster.holder(slot);
    cluster.servers[holder].kill();
    eventually("the death is noticed", || async { !one.is_up() }).await;

    // While it is away: a miss or an answer, at once, and never the void one.
    for _ in 0..1_000 {
        let answer = one.store.get(&key("q")).await;
        assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
    }
    eventually("writes are back", || async {
        let tags = one.store.generations(&[tag("title:c")]).await.expect("always");
        let stored = one.store.put(contract::entry("new", vec![(tag("title:c"), tags[0])])).await;
        one.is_up() && stored.is_ok_and(|stored| stored == Put::Stored)
    })
    .await;
    two.is_back().await;
    assert_ne!(one.store.put(contract::entry("q", before)).await.ok(), Some(Put::Stored), "a fill from before");
    for node in [&one, &two] {
        assert!(!has(&node.store, "q").await);
        eventually("what was kept is served again", || async {
            node.store.get(&key("kept")).await.is_ok_and(|e| e.is_some())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_read_from_replicas_when_that_is_wished_and_void_ones_never_are() {
    let cluster = RedisCluster::start(1);
    let node = Node::connected(Options { from_replicas: true, ..options(&cluster, "replicas") }).await;
    let reads = |server: usize| {
        let stats = cluster.servers[server].say("INFO commandstats");
        stats.lines().any(|line| line.starts_with("cmdstat_getrange:calls="))
    };
    put(&node.store, "q", begin(&node.store, &["title:a"]).await).await;
    eventually("a replica is read", || async {
        assert!(has(&node.store, "q").await, "from the replica or from the master");
        (3..6).any(reads)
    })
    .await;
    node.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    assert!(!has(&node.store, "q").await, "whatever the replica still has");
    assert!(matches!(node.store.get(&key("another")).await, Ok(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_named_as_one_server_and_one_server_named_as_a_cluster_are_told_apart() {
    let cluster = RedisCluster::start(0);
    let as_one = Node::new(Options::at(cluster.servers[0].url()));
    assert!(!as_one.redis.connected(Duration::from_secs(1)).await);
    let told = as_one.redis.trouble().expect("trouble");
    assert!(told.contains("`cluster:` is for clusters"), "{told}");

    let server = crate::support::redis::RedisServer::start(&[]);
    let servers = Servers::Cluster { urls: vec![server.url()] };
    let as_cluster = Node::new(Options { servers, ..Options::default() });
    assert!(!as_cluster.redis.connected(Duration::from_secs(1)).await);
    assert!(as_cluster.redis.trouble().expect("trouble").contains("the cluster does not say which server holds what"));
}
