//! Alarms and dashboards against CloudWatch: plan, apply, and then nothing left to change.

use std::time::Duration;

use banto::{
    aws::{cloudwatch::CloudWatch, fault::Fault},
    config::{files::Files, problem::Problems},
    controller::judge::rules::Rules,
    deploy::{
        alarm::{self, DeployedAlarm, MARK},
        apply::apply,
        cloud::Cloud,
        dashboard::{DeployedDashboard, Home},
        panel,
        plan::{Plan, Resource, Step},
    },
};
use serde_json::{Value, json};

use crate::support::aws::{AwsDouble, Trouble, account_of};

const HOME: Home<'_> = Home { region: "ap-northeast-1", account: "123456789012" };

fn rules() -> Rules {
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::shipped(), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    rules
}

/// What the shipped files want deployed.
fn shipped_alarms() -> Vec<DeployedAlarm> {
    let mut problems = Problems::default();
    let alarms = alarm::desired(&rules(), &["arn:aws:sns:ap-northeast-1:1:oncall".into()], &mut problems);
    assert!(problems.is_empty(), "{problems}");
    assert!(alarms.len() > 20, "the shipped alarms are deployable");
    alarms
}

fn shipped_dashboards() -> Vec<DeployedDashboard> {
    let mut problems = Problems::default();
    let boards = panel::load(&Files::shipped(), &rules(), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    boards.iter().map(|board| board.for_cloudwatch(&HOME)).collect()
}

async fn cloud() -> (AwsDouble, CloudWatch) {
    let double = AwsDouble::start().await;
    let cloud = CloudWatch::new(&account_of(&double).await);
    (double, cloud)
}

/// Plans and applies; how many changes were made. No waiting: the pace is tested beside `apply`.
async fn bring<R: Resource>(desired: &[R], cloud: &CloudWatch, prune: bool) -> usize
where
    CloudWatch: Cloud<R>,
{
    let plan = Plan::new(desired, &cloud.present().await.expect("listed"), prune);
    apply(&plan, cloud, Duration::ZERO, |_| ()).await.expect("applied")
}

async fn left<R: Resource>(desired: &[R], cloud: &CloudWatch) -> String
where
    CloudWatch: Cloud<R>,
{
    Plan::new(desired, &cloud.present().await.expect("listed"), false).to_string()
}

#[tokio::test]
async fn every_shipped_alarm_is_created_once_and_then_nothing_is_left_to_change() {
    let (double, cloud) = cloud().await;
    let desired = shipped_alarms();
    double.world().cloudwatch.page = 7;
    assert_eq!(bring(&desired, &cloud, false).await, desired.len());
    assert_eq!(left(&desired, &cloud).await, "nothing to change\n");
    assert_eq!(bring(&desired, &cloud, false).await, 0);
}

/// A small set: one metric, one composite over it.
fn small(threshold: u32) -> Vec<DeployedAlarm> {
    let file = format!(
        "alarm: Throttles\nseverity: P2\nmetric: model.throttles\nstatistic: Sum\nperiod: 1m\nevaluation_periods: 1\n\
         comparison_operator: GreaterThanThreshold\nthreshold: {threshold}\n---\ncomposite: Storm\nrule: ALARM(Throttles)\n"
    );
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", file.as_str())]), &mut problems);
    let alarms = alarm::desired(&rules, &[], &mut problems);
    assert!(problems.is_empty(), "{problems}");
    alarms
}

#[tokio::test]
async fn drift_is_shown_field_by_field_and_mended() {
    let (double, cloud) = cloud().await;
    bring(&small(100), &cloud, false).await;
    double.world().cloudwatch.alarms.get_mut("Throttles").expect("there")["Threshold"] = json!(5_000.0);
    let shown = left(&small(100), &cloud).await;
    assert_eq!(shown, "~ Throttles\n    Threshold: 5000.0 → 100.0\n0 to create, 1 to change, 0 to delete\n");
    assert_eq!(bring(&small(100), &cloud, false).await, 1);
    assert_eq!(double.world().cloudwatch.alarms["Throttles"]["Threshold"], json!(100.0));
}

#[tokio::test]
async fn what_no_file_says_any_more_is_deleted_only_when_asked_and_parents_first() {
    let (double, cloud) = cloud().await;
    bring(&small(100), &cloud, false).await;
    assert_eq!(bring::<DeployedAlarm>(&[], &cloud, false).await, 0);
    assert_eq!(bring::<DeployedAlarm>(&[], &cloud, true).await, 2);
    let world = double.world();
    assert!(world.cloudwatch.alarms.is_empty() && world.cloudwatch.composites.is_empty());
}

#[tokio::test]
async fn an_alarm_that_somebody_else_made_is_left_alone() {
    let (double, cloud) = cloud().await;
    let theirs = json!({ "AlarmName": "Throttles", "AlarmDescription": "ours for years", "Threshold": 1.0, "EvaluationPeriods": 1 });
    double.world().cloudwatch.alarms.insert("Throttles".into(), theirs.clone());
    assert_eq!(bring(&small(100)[..1], &cloud, true).await, 0);
    assert_eq!(double.world().cloudwatch.alarms["Throttles"], theirs);
    assert!(left(&small(100)[..1], &cloud).await.contains("! Throttles was made by somebody else"));
}

#[tokio::test]
async fn throttling_and_lost_answers_are_overcome_because_a_put_can_be_repeated() {
    let (double, cloud) = cloud().await;
    double.trouble("PutMetricAlarm", Trouble::Throttle, 4);
    double.trouble("PutCompositeAlarm", Trouble::LoseResponse, 1);
    assert_eq!(bring(&small(100), &cloud, false).await, 2);
    assert_eq!(left(&small(100), &cloud).await, "nothing to change\n");
}

#[tokio::test]
async fn a_missing_right_stops_with_the_right_and_what_was_done_before() {
    let (double, cloud) = cloud().await;
    double.trouble("PutCompositeAlarm", Trouble::Deny, 1);
    let plan = Plan::new(&small(100), &[], false);
    let stopped = apply(&plan, &cloud, Duration::ZERO, |_| ()).await.expect_err("denied");
    assert!(matches!(stopped.fault, Fault::Refused { .. }));
    let said = stopped.to_string();
    assert!(
        said.contains("the role lacks cloudwatch:PutCompositeAlarm") && said.contains("1 changes were made"),
        "{said}"
    );
}

#[tokio::test]
async fn a_percentile_and_metric_math_arrive_as_cloudwatch_spells_them() {
    let (double, cloud) = cloud().await;
    bring(&shipped_alarms(), &cloud, false).await;
    let world = double.world();
    let alarm = &world.cloudwatch.alarms["CacheWriteLatencyHigh"];
    assert!(alarm["ExtendedStatistic"].is_string() || alarm["Metrics"].is_array(), "{alarm}");
    let share = world.cloudwatch.alarms["CacheMissRateSpike"]["Metrics"].as_array().expect("metric math").clone();
    let returned: Vec<_> =
        share.iter().filter(|metric| metric["ReturnData"] == true).map(|metric| &metric["Id"]).collect();
    assert_eq!(returned, ["share"]);
    let composite = &world.cloudwatch.composites["CacheStampedeDetected"];
    assert!(composite["AlarmRule"].as_str().is_some_and(|rule| rule.contains("AT_LEAST(")), "{composite}");
    assert!(composite["AlarmDescription"].as_str().is_some_and(|text| text.ends_with(MARK)), "{composite}");
    assert_eq!(composite["AlarmActions"], json!(["arn:aws:sns:ap-northeast-1:1:oncall"]));
}

#[tokio::test]
async fn every_shipped_dashboard_is_put_once_and_a_foreign_hand_is_seen() {
    let (double, cloud) = cloud().await;
    let desired = shipped_dashboards();
    double.world().cloudwatch.dashboards.insert("theirs".into(), r#"{"widgets":[]}"#.into());
    assert_eq!(bring(&desired, &cloud, true).await, desired.len());
    assert_eq!(left(&desired, &cloud).await, "nothing to change\n");
    let mut body: Value = serde_json::from_str(&double.world().cloudwatch.dashboards["banto-cache"]).expect("JSON");
    body["widgets"][1]["properties"]["title"] = json!("mine");
    double.world().cloudwatch.dashboards.insert("banto-cache".into(), body.to_string());
    let plan = Plan::new(&desired, &cloud.present().await.expect("listed"), true);
    let [Step::Update(dashboard, differences)] = plan.steps.as_slice() else { panic!("{plan}") };
    assert_eq!((dashboard.name(), differences[0].field.as_str()), ("banto-cache", "widgets.1.properties.title"));
    assert!(double.world().cloudwatch.dashboards.contains_key("theirs"));
}

#[tokio::test]
async fn no_panel_reaches_beyond_the_24_columns_or_lies_on_another() {
    for dashboard in shipped_dashboards() {
        let widgets = dashboard.body["widgets"].as_array().expect("widgets").clone();
        let area = |widget: &Value| ["x", "y", "width", "height"].map(|side| widget[side].as_u64().expect("a number"));
        let areas: Vec<_> = widgets.iter().map(area).collect();
        for (at, [x, y, w, h]) in areas.iter().enumerate() {
            assert!(x + w <= 24, "{}: panel {at}", dashboard.name);
            let apart = |[ox, oy, ow, oh]: &[u64; 4]| x + w <= *ox || ox + ow <= *x || y + h <= *oy || oy + oh <= *y;
            assert!(areas[..at].iter().all(apart), "{}: panel {at} lies on another", dashboard.name);
        }
    }
}

/// Runs the command line against the double.
async fn banto(double: &AwsDouble, arguments: &[&str]) -> (i32, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_banto"))
        .args(arguments)
        .args(["--region", "ap-northeast-1", "--endpoint", &double.url])
        .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .env_remove("AWS_PROFILE")
        .output()
        .await
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

#[tokio::test]
async fn the_command_line_plans_with_2_applies_with_0_and_then_has_nothing_to_say() {
    let (double, _) = cloud().await;
    let account = ["--account", "123456789012"];
    let command = |verb| [&["dashboards", verb][..], &account[..]].concat();
    let (code, said) = banto(&double, &command("plan")).await;
    assert_eq!((code, said.contains("+ banto-overview")), (2, true), "{said}");
    assert_eq!(double.calls("PutDashboard").len(), 0, "a plan changes nothing");
    let (code, said) = banto(&double, &command("apply")).await;
    assert_eq!((code, said.contains("4 changes made")), (0, true), "{said}");
    assert_eq!(banto(&double, &command("plan")).await, (0, "nothing to change\n".to_owned()));
}

#[tokio::test]
async fn the_command_line_says_what_right_is_missing() {
    let (double, _) = cloud().await;
    double.trouble("DescribeAlarms", Trouble::Deny, 1);
    let (code, said) = banto(&double, &["alarms", "plan"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("the role lacks cloudwatch:DescribeAlarms"), "{said}");
}
