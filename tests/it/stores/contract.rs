//! The contract of stores: the same sentences for each of them, seen by two nodes that share it.

use std::{sync::Arc, time::Duration};

use banto::{
    clock::{Clock, Timestamp},
    digest::Digest,
    store::{Change, Entry, Lead, Put, Shape, Store, Tag, Waited},
};
use bytes::Bytes;
use tokio::{sync::broadcast, time::timeout};

/// Longer than anything here takes, for waits that end in a failure.
pub const LONG: Duration = Duration::from_secs(20);

/// Two nodes on one store; what keeps it alive goes with it.
pub struct Pair {
    pub one: Arc<dyn Store>,
    pub two: Arc<dyn Store>,
    pub _keep: Box<dyn std::any::Any>,
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $name() { super::$name(super::super::embedded::in_memory()).await; })*
        }
        mod on_disk {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::super::embedded::on_disk()).await; })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::super::redis::pair().await).await; })*
        }

        /// The whole contract, a pair for each sentence, which is given to tell them apart.
        pub async fn whole(pair: impl AsyncFn(&'static str) -> Pair) {
            $($name(pair(stringify!($name)).await).await;)*
        }
    };
}

contract! {
    an_entry_is_found_by_its_key_by_every_node,
    an_entry_that_was_removed_is_gone,
    an_invalidated_entry_is_gone_for_every_node,
    a_fill_that_began_before_an_invalidation_never_comes_back,
    a_fill_that_began_after_an_invalidation_is_kept,
    invalidating_one_tag_leaves_the_others_alone,
    many_entries_are_had_at_once_in_their_order,
    every_node_hears_of_an_invalidation,
    every_node_hears_of_a_new_entry,
    one_node_leads_and_the_other_waits_for_its_release,
    a_leader_that_dies_is_replaced_after_its_lease,
    a_leader_that_renews_goes_on_leading,
    a_leader_that_was_replaced_can_neither_renew_nor_release,
    a_wait_for_nobody_ends_at_once,
    a_wait_gives_up_when_it_was_told_to,
    of_many_nodes_that_want_to_lead_one_may,
    a_budget_is_shared_and_ends,
        tokens_are_leased_once_whoever_asks,
        a_bucket_fills_at_its_rate,
    a_document_is_written_only_over_the_version_that_was_read,
    of_many_writers_of_one_version_one_wins,
    every_node_hears_of_a_document,
    pages_show_every_entry,
    hits_are_counted_and_outlive_a_new_answer,
    the_ledger_shows_every_entry_without_reading_it,
    many_entries_are_removed_at_once_and_every_node_hears_of_it,
    usage_counts_entries_and_their_bytes_by_intent,
}

/// An entry about `question`, stored now and kept for an hour.
pub fn entry(question: &str, tags: Vec<(Tag, u64)>) -> Arc<Entry> {
    let now = Clock::system().now();
    Arc::new(Entry {
        key: key(question),
        tenant: "shop".into(),
        intent: "faq".into(),
        entities: vec![],
        question: question.into(),
        frame: Some((key("frame"), vec![1, -2, 3])),
        shape: Shape::Body,
        chunks: vec![Bytes::from(format!("an answer to {question}"))],
        model: "primary".into(),
        stored_at: now,
        fresh_until: now + Duration::from_secs(600),
        keep_until: now + Duration::from_secs(3_600),
        tags,
    })
}

pub fn key(question: &str) -> Digest {
    Digest::of([question.as_bytes()])
}

pub fn tag(name: &str) -> Tag {
    Tag(name.into())
}

/// What a fill that begins now notes of its tags.
pub async fn begin(store: &Arc<dyn Store>, tags: &[&str]) -> Vec<(Tag, u64)> {
    let tags: Vec<_> = tags.iter().copied().map(tag).collect();
    let generations = store.generations(&tags).await.expect("generations");
    tags.into_iter().zip(generations).collect()
}

pub async fn put(store: &Arc<dyn Store>, question: &str, tags: Vec<(Tag, u64)>) -> Put {
    store.put(entry(question, tags)).await.expect("put")
}

pub async fn has(store: &Arc<dyn Store>, question: &str) -> bool {
    store.get(&key(question)).await.expect("get").is_some()
}

/// Waits for a change that `wanted` recognises.
pub async fn hear(changes: &mut broadcast::Receiver<Change>, wanted: impl Fn(&Change) -> bool) {
    let heard = async { while !wanted(&changes.recv().await.expect("the store lives")) {} };
    timeout(LONG, heard).await.expect("the change is heard of");
}

/// Waits until a node sees what another one did.
pub async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let settle = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, settle).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn granted(lead: Lead) -> banto::store::Fence {
    match lead {
        Lead::Granted(fence) => fence,
        Lead::Taken => panic!("somebody else leads"),
    }
}

async fn an_entry_is_found_by_its_key_by_every_node(pair: Pair) {
    let stored = entry("q", vec![]);
    assert_eq!(pair.one.put(stored.clone()).await.expect("put"), Put::Stored);
    for node in [&pair.one, &pair.two] {
        assert_eq!(node.get(&key("q")).await.expect("get"), Some(stored.clone()));
        assert_eq!(node.get(&key("another")).await.expect("get"), None);
    }
}

async fn an_entry_that_was_removed_is_gone(pair: Pair) {
    put(&pair.one, "q", vec![]).await;
    pair.two.remove(&[key("q")]).await.expect("remove");
    assert!(!has(&pair.one, "q").await && !has(&pair.two, "q").await);
}

async fn an_invalidated_entry_is_gone_for_every_node(pair: Pair) {
    let tags = begin(&pair.one, &["title:a"]).await;
    put(&pair.one, "q", tags).await;
    assert!(has(&pair.two, "q").await);
    pair.two.invalidate(&[tag("title:a")]).await.expect("invalidate");
    assert!(!has(&pair.two, "q").await, "the node that invalidates sees it at once");
    eventually("the other node sees the invalidation", || async { !has(&pair.one, "q").await }).await;
}

async fn a_fill_that_began_before_an_invalidation_never_comes_back(pair: Pair) {
    for (filler, other) in [(&pair.one, &pair.one), (&pair.one, &pair.two), (&pair.two, &pair.one)] {
        let before = begin(filler, &["title:a", "title:b"]).await;
        other.invalidate(&[tag("title:b")]).await.expect("invalidate");
        assert_eq!(put(filler, "slow", before.clone()).await, Put::Outdated);
        assert!(!has(filler, "slow").await && !has(other, "slow").await);

        // Even when a newer fill was first, or the same old one tries again.
        eventually("the filler has heard of it", || async { begin(filler, &["title:b"]).await[0].1 > before[1].1 })
            .await;
        let after = begin(filler, &["title:a", "title:b"]).await;
        assert_eq!(put(filler, "slow", after).await, Put::Stored);
        assert_eq!(put(filler, "slow", before).await, Put::Outdated);
        assert!(has(filler, "slow").await, "the newer answer stays");
        filler.remove(&[key("slow")]).await.expect("remove");
    }
}

async fn a_fill_that_began_after_an_invalidation_is_kept(pair: Pair) {
    pair.one.invalidate(&[tag("title:a")]).await.expect("invalidate");
    let tags = begin(&pair.one, &["title:a"]).await;
    assert_eq!(put(&pair.one, "q", tags).await, Put::Stored);
    assert!(has(&pair.one, "q").await && has(&pair.two, "q").await);
}

async fn invalidating_one_tag_leaves_the_others_alone(pair: Pair) {
    let (a, b) = (begin(&pair.one, &["title:a"]).await, begin(&pair.one, &["title:b"]).await);
    put(&pair.one, "a", a).await;
    put(&pair.one, "b", b).await;
    pair.one.invalidate(&[tag("title:a")]).await.expect("invalidate");
    assert!(!has(&pair.one, "a").await && has(&pair.one, "b").await);
}

async fn many_entries_are_had_at_once_in_their_order(pair: Pair) {
    let tags = begin(&pair.one, &["title:a"]).await;
    put(&pair.one, "void", tags).await;
    for question in ["a", "b", "c"] {
        put(&pair.one, question, vec![]).await;
    }
    pair.two.invalidate(&[tag("title:a")]).await.expect("invalidate");
    let wanted = ["c", "none", "a", "void", "b"].map(key);
    let entries = pair.two.get_many(&wanted).await.expect("get");
    let questions: Vec<_> = entries.iter().map(|entry| entry.as_ref().map(|entry| entry.question.as_str())).collect();
    assert_eq!(questions, [Some("c"), None, Some("a"), None, Some("b")]);
}

async fn every_node_hears_of_an_invalidation(pair: Pair) {
    let (mut one, mut two) = (pair.one.changes(), pair.two.changes());
    pair.one.invalidate(&[tag("title:a"), tag("title:b")]).await.expect("invalidate");
    for changes in [&mut one, &mut two] {
        let mut missing = vec![tag("title:a"), tag("title:b")];
        let heard = async {
            while !missing.is_empty() {
                if let Change::Invalidated(tags) = changes.recv().await.expect("the store lives") {
                    missing.retain(|tag| !tags.contains(tag));
                }
            }
        };
        timeout(LONG, heard).await.expect("both are heard of");
    }
}

async fn every_node_hears_of_a_new_entry(pair: Pair) {
    let (mut one, mut two) = (pair.one.changes(), pair.two.changes());
    put(&pair.one, "q", vec![]).await;
    for changes in [&mut one, &mut two] {
        hear(changes, |change| matches!(change, Change::Stored(entry) if entry.question == "q")).await;
    }
}

async fn one_node_leads_and_the_other_waits_for_its_release(pair: Pair) {
    let fence = granted(pair.one.lead(&key("q"), LONG).await.expect("lead"));
    assert!(matches!(pair.two.lead(&key("q"), LONG).await, Ok(Lead::Taken)));
    assert!(matches!(pair.two.lead(&key("another"), LONG).await, Ok(Lead::Granted(_))));
    let key = key("q");
    let release = async {
        tokio::task::yield_now().await;
        pair.one.release(&fence).await.expect("release");
    };
    let (waited, ()) = tokio::join!(pair.two.released(&key, LONG), release);
    assert_eq!(waited.expect("released"), Waited::Released);
    granted(pair.two.lead(&key, LONG).await.expect("lead"));
}

async fn a_leader_that_dies_is_replaced_after_its_lease(pair: Pair) {
    granted(pair.one.lead(&key("q"), Duration::from_millis(100)).await.expect("lead"));
    assert_eq!(pair.two.released(&key("q"), LONG).await.expect("released"), Waited::Expired);
    granted(pair.two.lead(&key("q"), LONG).await.expect("lead"));
}

async fn a_leader_that_renews_goes_on_leading(pair: Pair) {
    let fence = granted(pair.one.lead(&key("q"), Duration::from_secs(5)).await.expect("lead"));
    assert!(pair.one.renew(&fence, LONG).await.expect("renew"));
    let waited = pair.two.released(&key("q"), Duration::from_millis(20)).await;
    assert_eq!(waited.expect("released"), Waited::StillLed);
}

async fn a_leader_that_was_replaced_can_neither_renew_nor_release(pair: Pair) {
    let old = granted(pair.one.lead(&key("q"), Duration::from_millis(50)).await.expect("lead"));
    pair.two.released(&key("q"), LONG).await.expect("released");
    granted(pair.two.lead(&key("q"), LONG).await.expect("lead"));
    assert!(!pair.one.renew(&old, LONG).await.expect("renew"));
    pair.one.release(&old).await.expect("release");
    assert!(matches!(pair.one.lead(&key("q"), LONG).await, Ok(Lead::Taken)));
}

async fn a_wait_for_nobody_ends_at_once(pair: Pair) {
    assert_eq!(pair.one.released(&key("q"), LONG).await.expect("released"), Waited::Released);
}

async fn a_wait_gives_up_when_it_was_told_to(pair: Pair) {
    granted(pair.one.lead(&key("q"), LONG).await.expect("lead"));
    let waited = pair.two.released(&key("q"), Duration::from_millis(10)).await;
    assert_eq!(waited.expect("released"), Waited::StillLed);
}

async fn of_many_nodes_that_want_to_lead_one_may(pair: Pair) {
    let nodes = (0..50).map(|n| if n % 2 == 0 { pair.one.clone() } else { pair.two.clone() });
    let tries = nodes.map(|node| async move { node.lead(&key("q"), LONG).await.expect("lead") });
    let leads = futures_util::future::join_all(tries).await;
    assert_eq!(leads.iter().filter(|lead| matches!(lead, Lead::Granted(_))).count(), 1);
}

async fn a_budget_is_shared_and_ends(pair: Pair) {
    let mut taken = 0;
    for n in 0..40_u8 {
        let node = if n.is_multiple_of(2) { &pair.one } else { &pair.two };
        taken += usize::from(node.take("retries", 20).await.expect("take"));
    }
    // At a minute's turn a window may slide by a share of one; never more.
    assert!((20..=21).contains(&taken), "{taken} of a budget of 20");
    assert!(pair.one.take("another", 20).await.expect("take"));
}

async fn tokens_are_leased_once_whoever_asks(pair: Pair) {
    let mut granted = 0;
    for n in 0..20_u8 {
        let node = if n.is_multiple_of(2) { &pair.one } else { &pair.two };
        let lease = node.lease("rate", 0.001, 50.0, 4).await.expect("lease");
        granted += lease.granted;
        assert!(lease.granted <= 4 && lease.left <= 50, "{lease:?}");
    }
    assert_eq!(granted, 50, "a full bucket, and next to nothing comes in");
    assert_eq!(pair.two.lease("another", 1.0, 5.0, 3).await.expect("lease").granted, 3);
}

async fn a_bucket_fills_at_its_rate(pair: Pair) {
    assert_eq!(pair.one.lease("fast", 200.0, 10.0, 100).await.expect("lease").granted, 10);
    timeout(LONG, async {
        let mut granted = 0;
        while granted < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            granted += pair.two.lease("fast", 200.0, 10.0, 100).await.expect("lease").granted;
        }
    })
    .await
    .expect("tokens come in");
}

async fn a_document_is_written_only_over_the_version_that_was_read(pair: Pair) {
    assert_eq!(pair.one.document("knobs").await.expect("document"), None);
    let first = pair.one.write_document("knobs", 0, b"first").await.expect("write").expect("nobody was first");
    assert_eq!(pair.two.write_document("knobs", 0, b"late").await.expect("write"), None);
    let read = pair.two.document("knobs").await.expect("document").expect("is there");
    assert_eq!((read.version, read.content.as_slice()), (first, b"first".as_slice()));
    let second = pair.two.write_document("knobs", first, b"second").await.expect("write");
    assert!(second.expect("the version is right") > first);
}

async fn of_many_writers_of_one_version_one_wins(pair: Pair) {
    let writers = (0..20).map(|n: u8| {
        let node = if n.is_multiple_of(2) { pair.one.clone() } else { pair.two.clone() };
        async move { node.write_document("lease", 0, &[n]).await.expect("write").is_some() }
    });
    let won = futures_util::future::join_all(writers).await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
}

async fn every_node_hears_of_a_document(pair: Pair) {
    let (mut one, mut two) = (pair.one.changes(), pair.two.changes());
    pair.two.write_document("knobs", 0, b"first").await.expect("write");
    for changes in [&mut one, &mut two] {
        hear(changes, |change| matches!(change, Change::Written(name) if &**name == "knobs")).await;
    }
}

async fn pages_show_every_entry(pair: Pair) {
    let mut wanted: Vec<_> = (0..25).map(|n| format!("q{n}")).collect();
    for question in &wanted {
        put(&pair.one, question, vec![]).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let (entries, next) = pair.two.page(cursor, 10).await.expect("page");
        seen.extend(entries.iter().map(|entry| entry.question.clone()));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    wanted.sort();
    assert_eq!(seen, wanted);
}

async fn hits_are_counted_and_outlive_a_new_answer(pair: Pair) {
    put(&pair.one, "asked", vec![]).await;
    put(&pair.one, "unasked", vec![]).await;
    for node in [&pair.one, &pair.two] {
        node.count_hits(&[(key("asked"), 2), (key("gone"), 9)]).await.expect("count");
    }
    put(&pair.two, "asked", vec![]).await;
    let about = pair.one.about(&[key("asked"), key("unasked"), key("gone")]).await.expect("about");
    let hits: Vec<_> = about.iter().map(|about| about.as_ref().map(|about| about.hits)).collect();
    assert_eq!(hits, [Some(4), Some(0), None]);
    let last = |at: usize| about[at].as_ref().and_then(|about| about.last_hit);
    assert!(last(0).is_some() && last(1).is_none());
}

async fn the_ledger_shows_every_entry_without_reading_it(pair: Pair) {
    let wanted = entry("q0", vec![]);
    for n in 0..25 {
        put(&pair.one, &format!("q{n}"), vec![]).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let (page, next) = pair.two.ledger(cursor, 10).await.expect("ledger");
        seen.extend(page);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    seen.sort_by_key(|about| about.key);
    seen.dedup_by_key(|about| about.key);
    assert_eq!(seen.len(), 25);
    let about = seen.iter().find(|about| about.key == wanted.key).expect("is listed");
    assert_eq!((about.ttl().as_secs(), &about.intent), (600, &wanted.intent));
    let bytes: u64 = seen.iter().map(|about| about.bytes).sum();
    assert_eq!(pair.one.usage().await.expect("usage").bytes, [("faq".into(), bytes)]);
}

async fn many_entries_are_removed_at_once_and_every_node_hears_of_it(pair: Pair) {
    let keys: Vec<_> = (0..30).map(|n| key(&n.to_string())).collect();
    for n in 0..30 {
        put(&pair.one, &n.to_string(), vec![]).await;
    }
    let mut changes = pair.one.changes();
    assert_eq!(pair.two.remove(&keys).await.expect("remove"), 30);
    hear(&mut changes, |change| matches!(change, Change::Removed(key) if *key == keys[29])).await;
    assert_eq!(pair.two.remove(&keys).await.expect("remove"), 0);
}

async fn usage_counts_entries_and_their_bytes_by_intent(pair: Pair) {
    put(&pair.one, "q", vec![]).await;
    put(&pair.one, "q", vec![]).await;
    let greeting = Entry { intent: "greeting".into(), ..(*entry("hello", vec![])).clone() };
    pair.one.put(Arc::new(greeting)).await.expect("put");
    pair.one.put(Arc::new(Entry { keep_until: Timestamp(0), ..(*entry("over", vec![])).clone() })).await.expect("put");
    let usage = pair.two.usage().await.expect("usage");
    assert_eq!(usage.entries, 2);
    let (intents, bytes): (Vec<_>, Vec<_>) = usage.bytes.iter().map(|(intent, bytes)| (&**intent, *bytes)).unzip();
    assert_eq!(intents, ["faq", "greeting"]);
    assert!(bytes.iter().all(|bytes| *bytes > 0));
    pair.one.remove(&[key("q")]).await.expect("remove");
    assert_eq!(pair.two.usage().await.expect("usage").entries, 1);
}
