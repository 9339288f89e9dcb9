//! `banto alarms test` and `banto alarms replay`, as an operator runs them.

use std::{fs, path::Path, process::Command};

use crate::support::banto::run;

const ALARM: &str = "\
alarm: Busy
metric: requests
statistic: Sum
period: 1m
evaluation_periods: 3
datapoints_to_alarm: 2
threshold: 100
comparison_operator: GreaterThanThreshold
---
alarm: Idle
metric: requests
statistic: Sum
period: 1m
threshold: 1
comparison_operator: LessThanThreshold
";

fn alarms(folder: &Path, arguments: &[&str]) -> (i32, String) {
    run(Command::new(env!("CARGO_BIN_EXE_banto")).arg("alarms").args(arguments).current_dir(folder))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("alarms/tests")).expect("a folder");
    for (path, text) in files {
        fs::write(folder.path().join(path), text).expect("written");
    }
    folder
}

#[test]
fn the_shipped_alarms_pass_their_unit_tests() {
    let (code, text) = alarms(Path::new("."), &["test"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("ok    silence is no stampede (4 states)") && text.ends_with(" 0 failed\n"), "{text}");
}

#[test]
fn a_unit_test_that_fails_shows_what_was_expected_and_what_was_found() {
    let test = "alarm_test: busy\ninterval: 1m\nseries:\n  - { metric: requests, values: '50 120x3' }\n\
                expect:\n  - { at: 3m, states: { Busy: OK } }\n";
    let folder = folder(&[("alarms/a.yaml", ALARM), ("alarms/tests/a.yaml", test)]);
    for path in [".", "alarms", "alarms/tests/a.yaml"] {
        let (code, text) = alarms(folder.path(), &["test", path]);
        assert_eq!(code, 1, "{path}: {text}");
        assert!(text.contains("tests/a.yaml:6:31: after 3m Busy is\n        - expected  OK\n"), "{text}");
        assert!(text.contains("+ found     ALARM, because: 2 of 3 points above 100: 50, 120, 120"), "{text}");
        assert!(text.ends_with("1 tests, 1 failed\n"), "{text}");
    }
}

#[test]
fn a_unit_test_that_cannot_be_read_is_a_mistake_in_a_file() {
    let test = "alarm_test: busy\ninterval: 1m\nexpect:\n  - { at: 3m, states: { Bussy: OK } }\n";
    let folder = folder(&[("alarms/a.yaml", ALARM), ("alarms/tests/a.yaml", test)]);
    let (code, text) = alarms(folder.path(), &["test", "."]);
    assert_eq!(code, 78, "{text}");
    assert!(
        text.contains("alarms/tests/a.yaml:4:32: no alarm in `alarms/` is called `Bussy`; did you mean `Busy`?"),
        "{text}"
    );
}

#[test]
fn a_replay_prints_time_value_state_and_reason_of_each_evaluation() {
    let csv = "timestamp,value\n2026-03-05T10:00:00Z,50\n2026-03-05T10:01:00Z,\n2026-03-05T10:02:00Z,120\n2026-03-05T10:03:00Z,130\n";
    let folder = folder(&[("a.yaml", ALARM), ("rows.csv", csv)]);
    let (code, text) = alarms(folder.path(), &["replay", "--alarm", "a.yaml#Busy", "--csv", "rows.csv"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(
        lines,
        [
            ["2026-03-05T10:00:00Z", "50", "OK"],
            ["2026-03-05T10:01:00Z", "-", "OK"],
            ["2026-03-05T10:02:00Z", "120", "OK"],
            ["2026-03-05T10:03:00Z", "130", "ALARM"],
        ]
    );
    let (_, text) = alarms(folder.path(), &["replay", "--alarm", "a.yaml#Busy", "--csv", "rows.csv", "--json"]);
    let last: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["time"], "2026-03-05T10:03:00Z");
    assert_eq!((last["value"].as_f64(), last["state"].as_str()), (Some(130.0), Some("ALARM")));
    assert_eq!(last["reason"], "2 of 3 points above 100: 50, 120, 130");
    let missing: serde_json::Value = serde_json::from_str(text.lines().nth(1).expect("a line")).expect("JSON");
    assert!(missing["value"].is_null());
}

#[test]
fn a_replay_of_bad_rows_names_every_one_of_them() {
    let folder = folder(&[("a.yaml", ALARM), ("rows.csv", "timestamp,value\nnoon,1\n60,much\n120,5\n")]);
    let (code, text) = alarms(folder.path(), &["replay", "--alarm", "a.yaml#Busy", "--csv", "rows.csv"]);
    assert_eq!(code, 78);
    assert!(
        text.contains("rows.csv:2: `noon` is no time") && text.contains("rows.csv:3: `much` is no number"),
        "{text}"
    );
}

#[test]
fn a_replay_asks_which_alarm_is_meant() {
    let folder = folder(&[("a.yaml", ALARM), ("rows.csv", "0,1\n")]);
    let (code, text) = alarms(folder.path(), &["replay", "--alarm", "a.yaml", "--csv", "rows.csv"]);
    assert!(code == 78 && text.contains("one of Busy, Idle"), "{code} {text}");
    let (code, text) = alarms(folder.path(), &["replay", "--alarm", "a.yaml#Buzy", "--csv", "rows.csv"]);
    assert!(code == 78 && text.contains("no alarm is called `Buzy`"), "{code} {text}");
    let (code, text) = alarms(folder.path(), &["replay", "--alarm", "none.yaml", "--csv", "rows.csv"]);
    assert!(code == 1 && text.contains("cannot read none.yaml"), "{code} {text}");
}
