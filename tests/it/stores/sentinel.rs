//! The store on a master that sentinels replace.

use banto::store::{
    Put,
    redis::{Options, Servers},
};

use super::{
    contract::{LONG, begin, entry, eventually, has, put, tag},
    redis::Node,
};
use crate::support::redis::Sentinels;

fn options(sentinels: &Sentinels) -> Options {
    let servers = Servers::Sentinels { urls: sentinels.urls(), master: "shop".into() };
    Options { servers, silence: LONG, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_master_dies_the_new_one_is_found_and_nothing_void_comes_back() {
    let mut sentinels = Sentinels::start();
    let (one, two) = (Node::connected(options(&sentinels)).await, Node::connected(options(&sentinels)).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "void", before.clone()).await;
    put(&one.store, "kept", begin(&one.store, &["title:b"]).await).await;
    two.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    eventually("the other node hears of it", || async { !has(&one.store, "void").await }).await;

    sentinels.servers[0].kill();
    eventually("the death is noticed", || async { !one.is_up() && !two.is_up() }).await;
    assert!(one.store.invalidate(&[tag("title:c")]).await.is_err(), "nobody can be told");
    eventually("writes are back", || async {
        one.store.put(entry("new", vec![])).await.is_ok_and(|stored| stored == Put::Stored)
    })
    .await;
    two.is_back().await;
    assert!(has(&two.store, "kept").await && has(&two.store, "new").await);
    assert!(!has(&two.store, "void").await && !has(&one.store, "void").await);
    assert_eq!(put(&two.store, "void", before).await, Put::Outdated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_that_a_failover_lost_is_told_again_by_whoever_heard_it() {
    let mut sentinels = Sentinels::start();
    let (one, two) = (Node::connected(options(&sentinels)).await, Node::connected(options(&sentinels)).await);
    let before = begin(&one.store, &["title:a"]).await;
    put(&one.store, "q", before.clone()).await;
    eventually("the replica has it", || async { sentinels.servers[1].say("KEYS *:e:*").starts_with("*1") }).await;
    // The replica stands still and its line is cut: what the master is told now it will never have heard.
    sentinels.servers[1].freeze();
    assert!(sentinels.servers[0].say("CLIENT KILL TYPE replica").starts_with(":1"));
    two.store.invalidate(&[tag("title:a")]).await.expect("invalidate");
    eventually("the other node hears of it", || async { !has(&one.store, "q").await }).await;
    sentinels.servers[0].kill();
    sentinels.servers[1].thaw();
    one.is_back().await;
    two.is_back().await;
    assert!(!has(&one.store, "q").await && !has(&two.store, "q").await, "they know better than the new master");
    let three = Node::connected(options(&sentinels)).await;
    eventually("a node that never heard of it learns it too", || async { !has(&three.store, "q").await }).await;
    assert_eq!(put(&three.store, "q", before).await, Put::Outdated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_sentinel_knows_is_told_with_what_to_do() {
    let sentinels = Sentinels::start();
    let servers = Servers::Sentinels { urls: sentinels.urls(), master: "nobody".into() };
    let node = Node::new(Options { servers, ..Options::default() });
    eventually("the operator is told", || async {
        node.redis
            .trouble()
            .is_some_and(|why| why.contains("the master `nobody` is unknown") && why.contains("check the name"))
    })
    .await;
}
