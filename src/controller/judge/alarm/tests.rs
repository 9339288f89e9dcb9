use std::time::Duration;

use super::*;
use crate::{
    config::{files::Files, problem::Problems},
    controller::judge::{
        rules::Rules,
        table::{Column, Table},
    },
};

fn alarm(body: &str) -> Alarm {
    let text = format!("alarm: A\nperiod: 1m\ncomparison_operator: GreaterThanThreshold\nthreshold: 100\n{body}");
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", text.as_str())]), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    rules.alarm("A").expect("is there").clone()
}

fn throttles(values: &[Option<f64>]) -> Table {
    let mut table = Table::default();
    let column = Column::own("model.throttles").with("model", "primary");
    table.fill(&column, Timestamp(0), Duration::from_secs(60), values.iter().copied());
    table
}

fn says(alarm: &Alarm, table: &Table, minutes: i64, before: AlarmState) -> Verdict {
    verdict(alarm, &look(alarm, table, Timestamp(minutes * 60_000)), before)
}

const SUM: &str = "metric: model.throttles\nstatistic: Sum\n";

#[test]
fn a_verdict_says_how_many_points_of_how_many_and_shows_them() {
    let alarm = alarm(&format!("{SUM}evaluation_periods: 3\n"));
    let table = throttles(&[Some(120.0), Some(131.0), Some(140.0), Some(90.0)]);
    let at = |minutes| says(&alarm, &table, minutes, AlarmState::Ok);
    assert_eq!(at(3), Verdict { state: AlarmState::Alarm, reason: "3 of 3 points above 100: 120, 131, 140".into() });
    assert_eq!(
        at(4),
        Verdict { state: AlarmState::Ok, reason: "2 of 3 points above 100, 3 needed: 131, 140, 90".into() }
    );
}

#[test]
fn silence_is_said_to_be_silence() {
    let quiet = alarm(&format!("{SUM}evaluation_periods: 3\n"));
    let verdict = says(&quiet, &Table::default(), 10, AlarmState::Ok);
    assert_eq!(verdict.state, AlarmState::InsufficientData);
    assert_eq!(verdict.reason, "no data in the last 5 periods of 1m");
    let calm = alarm(&format!("{SUM}treat_missing_data: notBreaching\n"));
    let verdict = says(&calm, &Table::default(), 10, AlarmState::Alarm);
    assert_eq!((verdict.state, verdict.reason.ends_with("missing data counts as fine")), (AlarmState::Ok, true));
}

#[test]
fn a_source_that_fails_is_never_taken_for_health() {
    let alarm = alarm(&format!("{SUM}treat_missing_data: notBreaching\n"));
    let mut table = throttles(&[Some(500.0)]);
    table.break_source("Banto", "node-2 has sent nothing for 40s");
    let verdict = says(&alarm, &table, 1, AlarmState::Alarm);
    assert_eq!(verdict.state, AlarmState::InsufficientData);
    assert_eq!(verdict.reason, "cannot be judged: node-2 has sent nothing for 40s");
}

#[test]
fn a_share_of_nothing_alarms_nobody() {
    let share = alarm(
        "metrics:\n  - { id: bad, metric: model.throttles, statistic: Sum }\n  - { id: all, metric: model.attempts, statistic: Sum }\n  \
         - { id: share, expression: \"IF(all >= 20, 100 * bad / all + 100, 0)\" }\n",
    );
    let mut table = throttles(&[Some(1.0), Some(30.0)]);
    let all = Column::own("model.attempts");
    table.fill(&all, Timestamp(0), Duration::from_secs(60), [Some(1.0), Some(60.0)]);
    assert_eq!(says(&share, &table, 1, AlarmState::Ok).state, AlarmState::Ok);
    assert_eq!(says(&share, &table, 2, AlarmState::Ok).reason, "1 of 1 points above 100: 150");
}

#[test]
fn a_percentile_of_a_handful_of_samples_changes_nothing_when_told_so() {
    let p99 = |policy: &str| {
        let text = format!("metric: answers.latency\nstatistic: p99\nevaluate_low_sample_count_percentile: {policy}\n");
        alarm(&text)
    };
    let with = |samples: u64| {
        let mut table = Table::default();
        table.add(&Column::own("answers.latency"), Timestamp(0), 900.0, samples);
        table
    };
    let state = |policy: &str, samples| says(&p99(policy), &with(samples), 1, AlarmState::Ok).state;
    assert_eq!(state("ignore", 999), AlarmState::Ok);
    assert_eq!(state("ignore", 1_000), AlarmState::Alarm);
    assert_eq!(state("evaluate", 5), AlarmState::Alarm);
}

#[test]
fn a_rate_has_the_point_before_the_range_to_start_from() {
    let rate = alarm(
        "evaluation_periods: 1\nevaluation_range: 1\nmetrics:\n  - { id: n, metric: cache.entries, statistic: Maximum }\n  \
         - { id: r, expression: DIFF(n) }\n",
    );
    let mut table = Table::default();
    table.fill(&Column::own("cache.entries"), Timestamp(0), Duration::from_secs(60), [Some(50.0), Some(200.0)]);
    assert_eq!(says(&rate, &table, 2, AlarmState::Ok).reason, "1 of 1 points above 100: 150");
}
