//! CloudWatch and Logs as sources, over the SDK's real wire.

use std::time::Duration;

use banto::{
    aws::{account::Account, cloudwatch::CloudWatch, logs::Logs},
    clock::Timestamp,
    controller::{
        alarm::AlarmState,
        judge::{judge, memory::Memory, rules::Rules},
        query::{MetricQuery, Series},
        sense::{
            cloudwatch::{CloudWatchSource, Terms},
            history::History,
            logs::{LogQuery, LogsSource},
        },
    },
    telemetry::registry::Registry,
    units::TimeSpan,
};
use serde_json::json;

use crate::support::aws::{AwsDouble, Sample, Trouble, account_of};

const NOW: Timestamp = Timestamp(1_763_600_400_000);

/// A history fed by a CloudWatch source that asks the double.
struct Watching {
    double: AwsDouble,
    history: History,
    source: CloudWatchSource,
}

impl Watching {
    async fn with(terms: Terms) -> Self {
        let double = AwsDouble::start().await;
        let registry = Registry::default();
        let data = Box::new(CloudWatch::new(&account_of(&double).await));
        Self { double, history: History::new(&registry), source: CloudWatchSource::new(data, terms, &registry) }
    }

    /// Values of a metric of AWS/Bedrock, all within the minute that ended `minutes` ago.
    fn sample(&self, metric: &str, minutes: i64, values: &[f64]) {
        let at = (NOW.seconds() - minutes * 60 - 30) as f64;
        let sample = |value: &f64| Sample {
            namespace: "AWS/Bedrock".into(),
            metric: metric.into(),
            dimensions: [("ModelId".to_owned(), "sonnet".to_owned())].into(),
            at,
            value: *value,
        };
        self.double.world().cloudwatch.samples.extend(values.iter().map(sample));
    }

    /// Asks, lets the source look, and asks again.
    async fn points(&mut self, query: &str, count: usize) -> Vec<Option<f64>> {
        let query = query.parse().expect(query);
        self.history.points(&query, NOW, count);
        self.source.look(&self.history, NOW).await;
        self.history.points(&query, NOW, count)
    }

    fn gap(&self, query: &str) -> Option<String> {
        self.history.gap(&query.parse().expect(query), NOW)
    }
}

const THROTTLES: &str = "Sum AWS/Bedrock:InvocationThrottles{ModelId=sonnet} over 1m";

#[tokio::test]
async fn what_an_alarm_asks_is_fetched_period_by_period_with_holes_where_there_was_nothing() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.sample("InvocationThrottles", 0, &[3.0, 4.0]);
    watching.sample("InvocationThrottles", 2, &[5.0]);
    assert_eq!(watching.points(THROTTLES, 3).await, [Some(5.0), None, Some(7.0)]);
    assert_eq!(watching.gap(THROTTLES), None);
}

#[tokio::test]
async fn percentiles_are_cloudwatchs_own() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.sample("InvocationLatency", 0, &(1..=100).map(f64::from).collect::<Vec<_>>());
    assert_eq!(watching.points("p95 AWS/Bedrock:InvocationLatency{ModelId=sonnet} over 1m", 1).await, [Some(95.0)]);
}

#[tokio::test]
async fn an_answer_of_many_pages_is_read_to_its_end() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.double.world().cloudwatch.page = 2;
    let names: Vec<_> = (0..7).map(|n| format!("Metric{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        watching.sample(name, 0, &[n as f64]);
        watching.history.points(
            &format!("Sum AWS/Bedrock:{name}{{ModelId=sonnet}} over 1m").parse().expect("a query"),
            NOW,
            1,
        );
    }
    watching.source.look(&watching.history, NOW).await;
    for (n, name) in names.iter().enumerate() {
        let query: MetricQuery = format!("Sum AWS/Bedrock:{name}{{ModelId=sonnet}} over 1m").parse().expect("a query");
        assert_eq!(watching.history.points(&query, NOW, 1), [Some(n as f64)], "{name}");
    }
    assert_eq!(watching.double.calls("GetMetricData").len(), 4);
}

#[tokio::test]
async fn a_series_is_not_asked_again_before_its_period_has_passed() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.points(THROTTLES, 1).await;
    watching.points(THROTTLES, 1).await;
    assert_eq!(watching.double.calls("GetMetricData").len(), 1);
}

#[tokio::test]
async fn a_throttled_cloudwatch_is_a_gap_until_it_delivers_again() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.sample("InvocationThrottles", 0, &[9.0]);
    watching.double.trouble("GetMetricData", Trouble::Throttle, 3);
    assert_eq!(watching.points(THROTTLES, 1).await, [None]);
    assert!(watching.gap(THROTTLES).is_some_and(|gap| gap.contains("throttled")), "{:?}", watching.gap(THROTTLES));
    assert_eq!(watching.points(THROTTLES, 1).await, [Some(9.0)]);
    assert_eq!(watching.gap(THROTTLES), None);
}

#[tokio::test]
async fn a_missing_right_is_a_gap_that_names_the_right() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.double.trouble("GetMetricData", Trouble::Deny, 1);
    watching.points(THROTTLES, 1).await;
    let gap = watching.gap(THROTTLES).expect("a gap");
    assert!(gap.contains("lacks cloudwatch:GetMetricData"), "{gap}");
}

#[tokio::test]
async fn an_alarm_on_an_unreachable_cloudwatch_is_insufficient_and_says_why() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let account = Account::at(&format!("http://{nobody}"), Duration::from_millis(1)).await;
    let registry = Registry::default();
    let history = History::new(&registry);
    let mut source = CloudWatchSource::new(Box::new(CloudWatch::new(&account)), Terms::default(), &registry);
    let file = banto::config::files::Files::of([(
        "alarms/throttles.yaml",
        "alarm: Throttles\nnamespace: AWS/Bedrock\nmetric: InvocationThrottles\nstatistic: Sum\nperiod: 1m\n\
         comparison_operator: GreaterThanThreshold\nthreshold: 100\nevaluation_periods: 1\ntreat_missing_data: notBreaching\n",
    )]);
    let mut problems = Default::default();
    let rules = Rules::load(&file, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    let memory = judge(&rules, Memory::default(), &history, NOW);
    source.look(&history, NOW).await;
    let memory = judge(&rules, memory, &history, NOW + Duration::from_secs(1));
    let judgement = memory.judgement("Throttles").expect("judged");
    assert_eq!(judgement.state, AlarmState::InsufficientData);
    let why = judgement.impaired.clone().unwrap_or_default();
    assert!(why.contains("cloudwatch has failed") && why.contains("got no answer"), "{why}");
}

#[tokio::test]
async fn a_used_up_budget_is_a_gap_not_a_bill() {
    let mut watching = Watching::with(Terms { budget: 1, ..Terms::default() }).await;
    watching.points(THROTTLES, 1).await;
    watching.history.points(&"Sum AWS/Bedrock:Invocations over 1m".parse().expect("a query"), NOW, 1);
    watching.source.look(&watching.history, NOW).await;
    assert_eq!(watching.double.calls("GetMetricData").len(), 1);
    assert!(watching.gap(THROTTLES).is_some_and(|gap| gap.contains("budget of 1 metrics")));
}

#[tokio::test]
async fn a_metric_that_comes_late_is_filled_in_later() {
    let mut watching = Watching::with(Terms::default()).await;
    watching.sample("InvocationThrottles", 0, &[2.0]);
    watching.double.world().cloudwatch.delay = 120.0;
    assert_eq!(watching.points(THROTTLES, 1).await, [None]);
    watching.double.world().cloudwatch.delay = 0.0;
    let later = NOW + Duration::from_secs(60);
    watching.source.look(&watching.history, later).await;
    let points = watching.history.points(&THROTTLES.parse().expect("a query"), later, 2);
    assert_eq!(points, [Some(2.0), None]);
}

/// Error lines of a log group: minutes before now, and their codes.
async fn logs(lines: &[(i64, &str)]) -> (AwsDouble, LogsSource) {
    let double = AwsDouble::start().await;
    let line = |(minutes, code): &(i64, &str)| (NOW.0 - minutes * 60_000 - 30_000, json!({ "errorCode": code }));
    double.world().logs.groups.insert("/banto/errors".into(), lines.iter().map(line).collect());
    let query = LogQuery {
        name: "errors".into(),
        group: "/banto/errors".into(),
        filter: None,
        field: "errorCode".into(),
        every: TimeSpan::secs(60),
    };
    let source = LogsSource::new(Box::new(Logs::new(&account_of(&double).await)), vec![query]);
    (double, source)
}

#[tokio::test]
async fn error_codes_in_logs_are_metrics_and_a_minute_without_errors_is_zero() {
    let (_double, mut source) = logs(&[(0, "ThrottlingException"), (2, "ThrottlingException"), (2, "Timeout")]).await;
    let history = History::new(&Registry::default());
    let all: MetricQuery = "Sum Logs:errors over 1m".parse().expect("a query");
    let timeouts: MetricQuery = "Sum Logs:errors{code=Timeout} over 1m".parse().expect("a query");
    history.points(&all, NOW, 3);
    history.points(&timeouts, NOW, 3);
    source.look(&history, NOW).await;
    assert_eq!(history.points(&all, NOW, 3), [Some(2.0), Some(0.0), Some(1.0)]);
    assert_eq!(history.points(&timeouts, NOW, 3), [Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(history.gap(&all, NOW), None);
}

#[tokio::test]
async fn a_code_that_was_never_seen_is_an_event() {
    let (double, mut source) = logs(&[(1, "Timeout")]).await;
    let history = History::new(&Registry::default());
    source.look(&history, NOW).await;
    assert!(history.events_since(Timestamp(0)).is_empty(), "what was there at the start is not new");
    let later = NOW + Duration::from_secs(60);
    let line = (NOW.0 + 1_000, json!({ "errorCode": "ModelErrorException" }));
    double.world().logs.groups.entry("/banto/errors".into()).or_default().push(line);
    double.world().logs.slow = 1;
    source.look(&history, later).await;
    let subjects: Vec<_> =
        history.events_since(Timestamp(0)).into_iter().map(|event| (event.kind, event.subject)).collect();
    assert_eq!(subjects, [("new_error_code".to_owned(), "ModelErrorException".to_owned())]);
}

#[tokio::test]
async fn a_log_group_that_does_not_exist_is_a_gap_with_its_name() {
    let (double, mut source) = logs(&[]).await;
    double.world().logs.groups.clear();
    let history = History::new(&Registry::default());
    source.look(&history, NOW).await;
    let gap = history.gap(&"Sum Logs:errors over 1m".parse().expect("a query"), NOW).expect("a gap");
    assert!(gap.contains("/banto/errors does not exist"), "{gap}");
}
