use std::time::Duration;

use proptest::prelude::*;

use super::{Answer, Expression, Yields, evidence::Scene};
use crate::{
    clock::Timestamp,
    config::{document::Document, files::Files, problem::Problems},
    controller::{
        alarm::Severity,
        event::Event,
        judge::{
            judge,
            memory::Memory,
            rules::Rules,
            table::{Column, Table},
        },
    },
    ids::Cause,
};

const NOW: Timestamp = Timestamp(3_600_000);

fn rules() -> Rules {
    let alarm = |name: &str, metric: &str| {
        format!(
            "alarm: {name}\nmetric: {metric}\nstatistic: Sum\nperiod: 1m\nthreshold: 10\ncomparison_operator: GreaterThanThreshold\n"
        )
    };
    let text = [alarm("Busy", "requests"), alarm("Quiet", "cache.evictions"), alarm("Blind", "answers.repeated")]
        .join("---\n");
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", text.as_str())]), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    rules
}

/// One request a second for an hour, two in the last minute; no evictions; a deployment five minutes ago.
fn ask(source: &str) -> Answer<bool> {
    let mut table = Table::default();
    let values = (0..3_600).map(|second| Some(if second < 3_540 { 1.0 } else { 2.0 }));
    table.fill(&Column::own("requests"), Timestamp(0), Duration::from_secs(1), values);
    table.fill(&Column::own("cache.evictions"), Timestamp(0), Duration::from_secs(1), [Some(0.0); 3_600]);
    let memory = judge(&rules(), Memory::default(), &table, NOW);
    let event = Event {
        at: NOW - Duration::from_secs(300),
        kind: "deployment".into(),
        subject: "prompt v2.4".into(),
        details: Default::default(),
    };
    let cause = Cause::from("prompt_changed");
    let scene = Scene {
        series: &table,
        memory: &memory,
        events: &[event],
        now: NOW,
        cause: Some(&cause),
        severity: Some(Severity::P2),
    };
    Expression::compile(source, Yields::Truth).expect(source).eval(&scene)
}

fn complaint(source: &str) -> String {
    Expression::compile(source, Yields::Truth)
        .map_err(|misprint| format!("{}: {misprint}", misprint.at))
        .expect_err(source)
}

#[test]
fn conditions_read_what_can_be_seen() {
    for (source, expected) in [
        ("metric(\"Sum requests over 1m\") == 120", true),
        ("metric(\"Sum requests over 1m\") > 1.5 * before(\"Sum requests over 1m\", \"10m\")", true),
        ("metric(\"Sum cache.evictions over 1m\") / metric(\"Sum requests over 1m\") * 100 < 1", true),
        ("alarm(\"Busy\") && !alarm(\"Quiet\")", true),
        ("event(\"deployment\", \"10m\") && !event(\"deployment\", \"4m\") && !event(\"sale\", \"10m\")", true),
        ("diagnosis.cause in [\"prompt_changed\", \"model_changed\"]", true),
        ("severity == \"P1\"", false),
        ("[\"P1\", \"P2\"].exists(p, p == severity)", true),
    ] {
        assert_eq!(ask(source).value, Ok(expected), "{source}");
    }
}

#[test]
fn what_nobody_has_measured_is_unknown_and_never_false() {
    for source in [
        "metric(\"Sum model.throttles over 1m\") > 100",
        "!(metric(\"Sum model.throttles over 1m\") > 100)",
        "metric(\"Sum model.throttles over 1m\") > 100 && true",
        "alarm(\"Blind\")",
        "before(\"Sum requests over 1m\", \"2h\") > 0",
        "metric(\"Sum requests over 1m\") / metric(\"Sum cache.evictions over 1m\") > 1",
    ] {
        assert!(ask(source).value.is_err(), "{source}");
    }
    let why = ask("metric(\"Sum model.throttles over 1m\") > 100").value.expect_err("is unknown").why;
    assert_eq!(why, "Sum model.throttles over 1m has no data");
}

#[test]
fn an_unknown_part_does_not_matter_when_the_rest_decides() {
    let unknown = "metric(\"Sum model.throttles over 1m\") > 100";
    for (source, expected) in [
        (format!("{unknown} && alarm(\"Quiet\")"), false),
        (format!("alarm(\"Quiet\") && {unknown}"), false),
        (format!("{unknown} || alarm(\"Busy\")"), true),
        (format!("alarm(\"Busy\") || {unknown}"), true),
    ] {
        assert_eq!(ask(&source).value, Ok(expected), "{source}");
    }
}

#[test]
fn an_answer_shows_what_it_was_read_from() {
    let answer = ask("metric(\"Sum requests over 1m\") > 100 && alarm(\"Blind\")");
    assert_eq!(answer.readings[0], "Sum requests over 1m = 120");
    assert!(
        answer.readings[1].starts_with("Blind in ALARM = unknown (Blind has insufficient data"),
        "{:?}",
        answer.readings
    );
}

#[test]
fn mistakes_are_told_with_their_column() {
    assert!(complaint("metric(\"Sum requests over 1m\") >").starts_with("32: the expression ends too early"));
    assert_eq!(complaint("alarm(\"a\") alarm(\"b\")"), "11: `alarm` does not belong here");
    assert!(complaint("1 < 2 # really").starts_with("6: `#` means nothing here"));
    assert!(complaint("\"日本\" == shop").starts_with("8: nothing is called `shop`"));
    assert!(complaint("true && metrics(\"x\")").contains("metrics"));
    assert!(complaint("true && load > 1").starts_with("8: nothing is called `load`"));
    assert!(complaint("metric(\"requests\") > 1").contains("write it like"));
    assert!(complaint("metric(severity) > 1").contains("in quotes"));
    assert!(complaint("event(\"deployment\") || true").contains("a span such as"));
    assert!(complaint("metric(\"Sum requests over 1m\")").contains("no yes or no"));
    assert!(complaint("alarm(\"Busy\") > 1").contains("does not work on"));
    assert!(complaint("diagnosis.couse == \"x\"").contains("has a `cause`"));
    assert!(complaint(&"(".repeat(1_000)).contains("deeply nested"));
}

#[test]
fn a_name_that_does_not_exist_is_told_at_its_place_in_the_file() {
    let text = "policy: x\nif: alarm(\"Bussy\") || metric(\"Sum reqests over 1m\") > 1\n";
    #[derive(serde::Deserialize)]
    struct Raw {
        r#if: crate::config::document::Spanned<String>,
        #[expect(dead_code, reason = "the kind")]
        policy: String,
    }
    let mut problems = Problems::default();
    let document = Document::split("p.yaml", text).remove(0);
    let raw: Raw = document.read(&mut problems).expect("fits");
    assert!(Expression::read(&document, &raw.r#if, Yields::Truth, &rules(), &mut problems).is_none());
    let problems: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
    assert!(
        problems[0].starts_with("p.yaml:2:12: no alarm in `alarms/` is called `Bussy`; did you mean `Busy`?"),
        "{problems:?}"
    );
    assert!(problems[1].starts_with("p.yaml:2:31: no metric of docs/metrics.md is called `reqests`"), "{problems:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_the_compiler_panic(text in "[a-z0-9 ()\\[\\]{}!&|.,\"+*/<>=?:-]{0,40}") {
        let _ = Expression::compile(&text, Yields::Truth);
    }
}
