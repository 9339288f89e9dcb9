//! Events from SQS, over its real wire.

use std::{sync::Arc, time::Duration};

use banto::{
    aws::sqs::Sqs,
    clock::Clock,
    dice::Dice,
    engine::understand::Understanding,
    events::{
        dead_letters::{DeadLetters, Limits},
        intake::{Intake, Parts},
        mapping::Mappings,
        queue::Source,
    },
    outbound::Outbound,
    store::{embedded, embedded::Embedded},
    telemetry::{catalogue, registry::Registry},
};
use serde_json::json;

use super::price_changed;
use crate::support::aws::{AwsDouble, Trouble, account_of};

/// A node that empties the double's queue.
struct Node {
    source: Source,
    intake: Arc<Intake>,
    registry: Arc<Registry>,
}

impl Node {
    async fn on(double: &AwsDouble) -> Self {
        let (clock, dice, registry) = (Clock::system(), Arc::new(Dice::fair()), Arc::new(Registry::default()));
        let (files, mut problems) = (banto::config::files::Files::shipped(), Default::default());
        let understanding = Arc::new(Understanding::load(&files, &mut problems).expect("the shipped shop"));
        let intake = Intake::new(Parts {
            mappings: Mappings::load(&files, &understanding, &mut problems),
            understanding,
            store: Arc::new(Embedded::in_memory(embedded::Limits::default(), clock)),
            recall: None,
            out_of_reach: None,
            inbox: None,
            letters: DeadLetters::in_memory(Limits::default()).expect("opens"),
            registry: registry.clone(),
            clock,
            dice: dice.clone(),
        });
        let intake = Arc::new(intake.expect("an intake"));
        let outbound = Outbound::new().expect("certificates");
        let url = format!("{}/123456789012/events", double.url);
        let queue = Sqs::new(&account_of(double).await, outbound, clock, &url, None);
        let source = Source::new("events", Box::new(queue), Duration::ZERO, intake.clone(), dice, &registry);
        Self { source, intake, registry }
    }

    fn counted(&self, result: &str) -> u64 {
        self.registry.counter(&catalogue::INVALIDATIONS, &[result]).get()
    }

    fn divergence(&self) -> f64 {
        self.registry.gauge(&catalogue::INVALIDATION_DIVERGENCE, &[]).get()
    }
}

#[tokio::test]
async fn messages_are_deleted_only_after_they_were_applied() {
    let double = AwsDouble::start().await;
    let node = Node::on(&double).await;
    for n in 0..25 {
        let event = price_changed(&format!("e-{n}"), &format!("B{n}"), "Akira").to_string();
        double.world().sqs.send(&format!("m-{n}"), &event);
    }
    for _ in 0..3 {
        node.source.round().await.expect("answers");
    }
    assert_eq!((double.world().sqs.len(), node.counted("applied"), node.divergence()), (0, 25, 0.0));
    let calls = double.calls("ReceiveMessage");
    assert_eq!((calls.len(), &calls[0]["MaxNumberOfMessages"]), (3, &json!(10)));
}

#[tokio::test]
async fn a_message_whose_deletion_was_lost_comes_again_and_does_no_harm() {
    let double = AwsDouble::start().await;
    let (one, other) = (Node::on(&double).await, Node::on(&double).await);
    double.world().sqs.send("m-1", &price_changed("e-1", "B1", "Akira").to_string());
    double.trouble("DeleteMessageBatch", Trouble::Throttle, 1);
    one.source.round().await.expect_err("the deletion is throttled");
    double.world().sqs.time_passes();
    one.source.round().await.expect("answers");
    assert_eq!((one.counted("applied"), one.counted("duplicate"), double.world().sqs.len()), (1, 1, 0));
    other.source.round().await.expect("answers, and has nothing");
    assert_eq!(other.counted("received"), 0);
}

#[tokio::test]
async fn poison_is_put_back_twice_and_then_kept_here_so_that_it_stands_in_nobodys_way() {
    let double = AwsDouble::start().await;
    let node = Node::on(&double).await;
    double.world().sqs.send("poison", "{ this is no JSON");
    let mut renamed = price_changed("renamed", "B1", "Akira");
    renamed["detail-type"] = json!("unheard.of");
    double.world().sqs.send("m-2", &renamed.to_string());
    double.world().sqs.send("m-3", &price_changed("e-3", "B3", "Akira").to_string());
    for round in 1..=3 {
        node.source.round().await.expect("answers");
        let left = if round < 3 { 2 } else { 0 };
        assert_eq!((double.world().sqs.len(), node.counted("applied")), (left, 1), "round {round}");
        double.world().sqs.time_passes();
    }
    assert_eq!(double.world().sqs.put_back, [10, 10, 20, 20]);
    let letters = node.intake.letters(10).await.expect("readable");
    let kept: Vec<_> = letters.iter().map(|letter| (letter.id.as_str(), letter.due.is_some())).collect();
    assert_eq!(kept, [("poison", false), ("renamed", true)], "poison waits for hands");
    assert_eq!((node.counted("received"), node.counted("failed"), node.divergence()), (3, 2, 2.0));
}

#[tokio::test]
async fn a_queue_that_is_not_there_or_throttles_says_so() {
    let double = AwsDouble::start().await;
    let node = Node::on(&double).await;
    double.trouble("ReceiveMessage", Trouble::Throttle, 1);
    let throttled = node.source.round().await.expect_err("throttled").to_string();
    assert!(throttled.contains("sqs:ReceiveMessage on") && throttled.contains("was throttled"), "{throttled}");
    double.trouble("ReceiveMessage", Trouble::Deny, 1);
    let denied = node.source.round().await.expect_err("denied").to_string();
    assert!(denied.contains("the role lacks sqs:ReceiveMessage"), "{denied}");
}
