use super::*;

const METRIC: &str = "alarm: Throttles\nseverity: P2\nmetric: model.throttles\nstatistic: Sum\nperiod: 1m\nthreshold: 100\ncomparison_operator: GreaterThanThreshold\n";

fn load(text: &str) -> (Rules, Vec<String>) {
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", text)]), &mut problems);
    (rules, problems.sorted().iter().map(ToString::to_string).collect())
}

fn composite(name: &str, rule: &str) -> String {
    format!("composite: {name}\ndeploy: false\nrule: {rule}\n")
}

#[test]
fn an_alarm_of_few_words_has_cloudwatchs_defaults() {
    let (rules, problems) = load(METRIC);
    assert_eq!(problems, Vec::<String>::new());
    let alarm = rules.alarm("Throttles").expect("is there");
    assert_eq!((alarm.quorum.m, alarm.quorum.n, alarm.range), (1, 1, 3));
    assert_eq!(alarm.queries()[0].to_string(), "Sum model.throttles over 1m");
    assert!(alarm.card.deploy && alarm.card.actions_enabled);
}

#[test]
fn every_mistake_of_an_alarm_is_told_at_its_place() {
    let text = METRIC
        .replace("model.throttles", "model.throtles")
        .replace("GreaterThanThreshold", "MoreThan")
        .replace("period: 1m", "period: 7s\nevaluation_periods: 2\ntreat_missing_data: never");
    let (_, problems) = load(&text);
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(
        problems[0]
            .starts_with("alarms/a.yaml:3:9: no metric of docs/metrics.md is called `model.throtles`; did you mean")
    );
    assert!(problems[1].starts_with("alarms/a.yaml:5:9: CloudWatch takes periods of 10s"));
    assert!(problems[2].starts_with("alarms/a.yaml:7:21: `never` is no way to treat missing data"));
    assert!(problems[3].starts_with("alarms/a.yaml:9:22: `MoreThan` is no comparison operator"));
}

#[test]
fn a_mistake_inside_an_expression_is_told_with_its_column() {
    let text = METRIC.replace(
        "metric: model.throttles\nstatistic: Sum",
        "metrics:\n  - { id: a, metric: model.throttles, statistic: Sum }\n  - id: share\n    expression: a / total",
    );
    let (_, problems) = load(&text);
    assert_eq!(problems, ["alarms/a.yaml:6:21: no metric has the id `total`; there are: a"]);
}

#[test]
fn expressions_that_wait_for_each_other_are_found() {
    let text = METRIC.replace(
        "metric: model.throttles\nstatistic: Sum",
        "metrics:\n  - { id: x, expression: y + 1, return_data: true }\n  - { id: y, expression: x + 1 }",
    );
    let (_, problems) = load(&text);
    assert!(problems.iter().all(|problem| problem.contains("Break the circle")) && problems.len() == 2, "{problems:?}");
}

#[test]
fn an_alarm_judges_one_series_and_nothing_else() {
    let with = |expression: &str| {
        let metrics = format!(
            "metrics:\n  - {{ id: a, metric: model.throttles, statistic: Sum }}\n  - {{ id: e, expression: \"{expression}\" }}"
        );
        load(&METRIC.replace("metric: model.throttles\nstatistic: Sum", &metrics)).1.join("\n")
    };
    assert_eq!(with("a * 2"), "");
    assert!(with("SUM(a)").contains("a single number"));
    assert!(with("METRICS()").contains("several series"));
}

#[test]
fn composites_come_after_what_they_name_whatever_the_order_of_the_file() {
    let text =
        [composite("Outer", "ALARM(Inner)"), composite("Inner", "ALARM(Throttles)"), METRIC.into()].join("---\n");
    let (rules, problems) = load(&text);
    assert_eq!(problems, Vec::<String>::new());
    let order: Vec<_> = rules.composites().map(|composite| composite.card.name.to_string()).collect();
    assert_eq!(order, ["Inner", "Outer"]);
}

#[test]
fn circles_and_unknown_names_are_found_where_they_are_written() {
    let text = [
        composite("A", "ALARM(B) AND TRUE"),
        composite("B", "NOT ALARM(A)"),
        composite("C", "ALARM(Throttels)"),
        METRIC.into(),
    ]
    .join("---\n");
    let (rules, problems) = load(&text);
    assert_eq!(rules.composites().count(), 0);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("alarms/a.yaml:3:13: `A` and `B` wait for each other"));
    assert!(problems[1].starts_with("alarms/a.yaml:7:17: `B` and `A`"));
    assert!(
        problems[2]
            .starts_with("alarms/a.yaml:11:13: no alarm in `alarms/` is called `Throttels`; did you mean `Throttles`?")
    );
}

#[test]
fn a_composite_for_cloudwatch_names_only_alarms_that_go_there() {
    let text =
        [METRIC.replace("severity: P2", "deploy: false"), "composite: Storm\nrule: ALARM(Throttles)\n".to_owned()]
            .join("---\n");
    assert!(load(&text).1[0].contains("CloudWatch gets this composite but not `Throttles`"));
}

#[test]
fn a_name_that_is_taken_and_a_kind_that_is_unknown_are_told() {
    let (_, problems) = load(&[METRIC, METRIC, "alram: X\n"].join("---\n"));
    assert!(problems[0].contains("defined already at alarms/a.yaml:1:8"), "{problems:?}");
    assert!(problems[1].contains("write `alarm:`, `composite:` or `alarm_test:`"));
}
