//! The controller's hands on AWS, over the SDK's real wire.

use banto::{
    aws::{
        apigateway::UsagePlan,
        cloudfront::CdnInvalidation,
        ecs::{EcsDeployment, EcsDesiredCount, EcsSubnets},
        elasticache::{CacheParameter, NodeType},
        ssm::SsmParameter,
        xray::SamplingBoost,
    },
    clock::{Clock, Timestamp},
    controller::actuator::{ActError, Actuator, Observed, Stamp},
    outbound::Outbound,
};

use crate::support::aws::{AwsDouble, Trouble, account_of};

fn stamp() -> Stamp {
    Stamp {
        author: "policy:test".into(),
        reason: "a test".into(),
        incident: "i-1".into(),
        token: "o-1".into(),
        expires: Some(Timestamp(60_000)),
    }
}

/// Observes, sets, and observes again.
async fn turn(hand: &dyn Actuator, target: &str, to: &str) -> Result<(Observed, Observed), ActError> {
    let before = hand.observe(target).await?;
    hand.set(target, to, &before, &stamp()).await?;
    Ok((before, hand.observe(target).await?))
}

async fn ssm(double: &AwsDouble) -> SsmParameter {
    double.world().ssm.parameters.insert("/banto/pool".into(), ("10".into(), 7));
    SsmParameter::new(account_of(double).await, Outbound::new().expect("certificates"), Clock::system())
}

#[tokio::test]
async fn a_parameter_is_set_and_its_version_grows() {
    let double = AwsDouble::start().await;
    let (before, after) = turn(&ssm(&double).await, "/banto/pool", "25").await.expect("set");
    assert_eq!((before.value.as_str(), before.version), ("10", Some(7)));
    assert_eq!((after.value.as_str(), after.version), ("25", Some(8)));
}

#[tokio::test]
async fn a_parameter_that_somebody_else_changed_is_left_alone() {
    let double = AwsDouble::start().await;
    let hand = ssm(&double).await;
    let expected = hand.observe("/banto/pool").await.expect("there");
    double.world().ssm.parameters.insert("/banto/pool".into(), ("12".into(), 8));
    let moved = hand.set("/banto/pool", "25", &expected, &stamp()).await.expect_err("it moved");
    assert!(moved.to_string().contains("/banto/pool is 12 now, not 10 as planned"), "{moved}");
    assert_eq!(double.calls("PutParameter").len(), 0);
}

#[tokio::test]
async fn a_missing_right_says_which_one_to_add() {
    let double = AwsDouble::start().await;
    double.trouble("PutParameter", Trouble::Deny, 1);
    let refused = turn(&ssm(&double).await, "/banto/pool", "25").await.expect_err("denied");
    assert!(matches!(refused, ActError::Refused(_)), "{refused:?}");
    assert!(refused.to_string().contains("the role lacks ssm:PutParameter. Add it"), "{refused}");
}

#[tokio::test]
async fn a_lost_answer_is_unsure_because_it_may_have_happened() {
    let double = AwsDouble::start().await;
    double.trouble("PutParameter", Trouble::LoseResponse, 1);
    let hand = ssm(&double).await;
    let unsure = turn(&hand, "/banto/pool", "25").await.expect_err("no answer");
    assert!(matches!(unsure, ActError::Unsure(_)), "{unsure:?}");
    assert_eq!(hand.observe("/banto/pool").await.expect("there").value, "25");
}

#[tokio::test]
async fn a_service_is_scaled_but_never_below_its_floor() {
    let double = AwsDouble::start().await;
    double.world().ecs.add("shop", "api", 4, &["subnet-a"]);
    let hand = EcsDesiredCount::new(&account_of(&double).await, 2);
    let (_, after) = turn(&hand, "shop/api", "8").await.expect("scaled");
    assert_eq!(after.value, "8");
    let refused = turn(&hand, "shop/api", "0").await.expect_err("below the floor");
    assert!(refused.to_string().contains("keeps at least 2 tasks; 0 is refused"), "{refused}");
    assert_eq!(double.calls("UpdateService").len(), 1);
}

#[tokio::test]
async fn a_service_that_does_not_exist_is_refused_by_name() {
    let double = AwsDouble::start().await;
    let hand = EcsDesiredCount::new(&account_of(&double).await, 1);
    let refused = hand.observe("shop/nobody").await.expect_err("missing");
    assert!(refused.to_string().contains("there is no ECS service shop/nobody"), "{refused}");
}

#[tokio::test]
async fn a_forced_deployment_begins_a_new_one() {
    let double = AwsDouble::start().await;
    double.world().ecs.add("shop", "api", 4, &["subnet-a"]);
    let hand = EcsDeployment::new(&account_of(&double).await);
    let (before, after) = turn(&hand, "shop/api", "new").await.expect("deployed");
    assert_ne!(before.value, after.value);
}

#[tokio::test]
async fn a_zone_is_left_through_the_subnets_and_the_rest_of_the_network_stays() {
    let double = AwsDouble::start().await;
    double.world().ecs.add("shop", "api", 4, &["subnet-b", "subnet-a"]);
    let hand = EcsSubnets::new(&account_of(&double).await);
    let (before, after) = turn(&hand, "shop/api", "subnet-b").await.expect("shifted");
    assert_eq!((before.value.as_str(), after.value.as_str()), ("subnet-a,subnet-b", "subnet-b"));
    let network = double.calls("UpdateService")[0]["networkConfiguration"]["awsvpcConfiguration"].clone();
    assert_eq!(network["securityGroups"], serde_json::json!(["sg-1"]));
    assert!(turn(&hand, "shop/api", " , ").await.is_err(), "no subnets at all is refused");
}

#[tokio::test]
async fn a_usage_plans_rate_and_burst_are_two_targets() {
    let double = AwsDouble::start().await;
    double.world().rest.plans.insert("web".into(), (2_000.0, 4_000));
    let hand = UsagePlan::new(&account_of(&double).await);
    turn(&hand, "web/rate", "5000").await.expect("rate");
    turn(&hand, "web/burst", "8000").await.expect("burst");
    assert_eq!(double.world().rest.plans["web"], (5_000.0, 8_000));
    assert!(turn(&hand, "web/rate", "0").await.is_err(), "a limit of 0 shuts everybody out");
}

#[tokio::test]
async fn a_sampling_boost_is_made_removed_and_swept_away_when_its_end_has_passed() {
    let double = AwsDouble::start().await;
    let hand = SamplingBoost::new(&account_of(&double).await);
    let (before, after) = turn(&hand, "checkout", "1").await.expect("boosted");
    assert_eq!((before.value.as_str(), after.value.as_str()), ("absent", "1"));
    assert_eq!(hand.sweep(Timestamp(59_999)).await, Ok(0));
    assert_eq!(hand.sweep(Timestamp(60_000)).await, Ok(1));
    assert!(double.world().rest.rules.is_empty());
}

async fn nodes(double: &AwsDouble) -> NodeType {
    double.world().elasticache.groups.insert("shop".into(), ("cache.r7g.large".into(), None));
    NodeType::new(account_of(double).await, Outbound::new().expect("certificates"), Clock::system())
}

#[tokio::test]
async fn a_larger_node_is_asked_for_once_and_counts_as_what_it_will_be_while_aws_works() {
    let double = AwsDouble::start().await;
    let (before, after) = turn(&nodes(&double).await, "shop", "cache.r7g.xlarge").await.expect("asked for");
    assert_eq!((before.value.as_str(), after.value.as_str()), ("cache.r7g.large", "cache.r7g.xlarge"));
    let wish = double.calls("ModifyReplicationGroup").remove(0);
    assert_eq!(
        (wish["CacheNodeType"].as_str(), wish["ApplyImmediately"].as_str()),
        (Some("cache.r7g.xlarge"), Some("true"))
    );
}

#[tokio::test]
async fn a_lost_answer_about_a_larger_node_is_seen_to_have_happened() {
    let double = AwsDouble::start().await;
    double.trouble("ModifyReplicationGroup", Trouble::LoseResponse, 1);
    let hand = nodes(&double).await;
    let unsure = turn(&hand, "shop", "cache.r7g.xlarge").await.expect_err("no answer");
    assert!(matches!(unsure, ActError::Unsure(_)), "{unsure:?}");
    assert_eq!(hand.observe("shop").await.expect("there").value, "cache.r7g.xlarge");
}

#[tokio::test]
async fn a_group_that_is_not_there_or_may_not_be_changed_is_refused_by_name() {
    let double = AwsDouble::start().await;
    let hand = nodes(&double).await;
    let missing = hand.observe("nobody").await.expect_err("missing");
    assert!(matches!(&missing, ActError::Refused(text) if text.contains("nobody")), "{missing:?}");
    double.trouble("ModifyReplicationGroup", Trouble::Deny, 1);
    let denied = turn(&hand, "shop", "cache.r7g.xlarge").await.expect_err("denied");
    assert!(denied.to_string().contains("the role lacks elasticache:ModifyReplicationGroup"), "{denied}");
    double.trouble("DescribeReplicationGroups", Trouble::Throttle, 1);
    assert!(matches!(hand.observe("shop").await, Err(ActError::Unsure(_))), "throttled is tried again");
}

#[tokio::test]
async fn a_cache_parameter_is_found_on_a_later_page_set_and_read_back() {
    let double = AwsDouble::start().await;
    let parameter = |name: &str, value: &str, changes| (name.to_owned(), value.to_owned(), changes);
    let all = vec![
        parameter("activedefrag", "no", true),
        parameter("databases", "16", false),
        parameter("maxmemory-policy", "volatile-lru", true),
    ];
    double.world().elasticache.parameters.insert("shop".into(), all);
    let hand = CacheParameter::new(account_of(&double).await, Outbound::new().expect("certificates"), Clock::system());
    let (before, after) = turn(&hand, "shop/maxmemory-policy", "allkeys-lfu").await.expect("set");
    assert_eq!((before.value.as_str(), after.value.as_str()), ("volatile-lru", "allkeys-lfu"));
    for (target, why) in
        [("shop/databases", "lets nobody change"), ("shop/nothing", "has no parameter"), ("shop", "write")]
    {
        let refused = hand.observe(target).await.expect_err(target);
        assert!(matches!(&refused, ActError::Refused(text) if text.contains(why)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_cdn_invalidation_is_made_once_however_often_it_is_asked_for() {
    let double = AwsDouble::start().await;
    double.world().cloudfront.distributions.push("E2QWRUHAPOMQZL".into());
    double.trouble("CreateInvalidation", Trouble::LoseResponse, 1);
    let hand = CdnInvalidation::new(account_of(&double).await, Outbound::new().expect("certificates"), Clock::system());
    let lost = turn(&hand, "E2QWRUHAPOMQZL", "/product/*, /a&b").await.expect_err("no answer");
    assert!(matches!(lost, ActError::Unsure(_)), "{lost:?}");
    turn(&hand, "E2QWRUHAPOMQZL", "/product/*, /a&b").await.expect("asked again");
    assert_eq!(double.world().cloudfront.invalidations["o-1"], ["/product/*", "/a&b"]);
    let refused = turn(&hand, "E0000000000000", "/x").await.expect_err("missing");
    assert!(matches!(&refused, ActError::Refused(text) if text.contains("NoSuchDistribution")), "{refused:?}");
    assert!(turn(&hand, "E2QWRUHAPOMQZL", " , ").await.is_err(), "no paths at all is refused");
}
