use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Count, Rule, Seen, parser::parse};
use crate::{
    controller::alarm::AlarmState::{self, Alarm, InsufficientData, Ok},
    ids::AlarmName,
};

fn holds(rule: &str, states: &[(&str, AlarmState)]) -> Option<bool> {
    let states: BTreeMap<&str, AlarmState> = states.iter().copied().collect();
    parse(rule).expect(rule).holds(&|name: &AlarmName| -> Seen { states.get(&**name).copied() })
}

fn complaint(rule: &str) -> String {
    parse(rule).map_err(|misprint| format!("{}: {misprint}", misprint.at)).expect_err(rule)
}

#[test]
fn the_grammar_is_cloudwatchs() {
    let states = [("a", Alarm), ("b", Ok), ("c", InsufficientData), ("d d", Alarm)];
    for (rule, expected) in [
        ("ALARM(a)", true),
        ("ALARM(b)", false),
        ("OK(\"b\")", true),
        ("INSUFFICIENT_DATA( c )", true),
        ("ALARM(\"d d\")", true),
        ("TRUE", true),
        ("NOT TRUE", false),
        ("ALARM(a) AND NOT ALARM(b)", true),
        ("ALARM(b) AND ALARM(b) OR ALARM(a)", true),
        ("ALARM(b) AND (ALARM(b) OR ALARM(a))", false),
        ("AT_LEAST(2, ALARM, (a, b, \"d d\"))", true),
        ("AT_LEAST(3, ALARM, (a, b, \"d d\"))", false),
        ("AT_LEAST(50%, ALARM, (a, b, c))", false),
        ("AT_LEAST(33%, ALARM, (a, b, c))", true),
        ("AT_LEAST(2, NOT ALARM, (a, b, c))", true),
    ] {
        assert_eq!(holds(rule, &states), Some(expected), "{rule}");
    }
}

#[test]
fn silence_is_not_an_alarm() {
    assert_eq!(holds("ALARM(c) OR ALARM(c)", &[("c", InsufficientData)]), Some(false));
}

#[test]
fn an_alarm_that_cannot_be_judged_leaves_open_only_what_hangs_on_it() {
    let states = [("a", Alarm), ("b", Ok)];
    assert_eq!(holds("ALARM(blind)", &states), None);
    assert_eq!(holds("NOT ALARM(blind)", &states), None);
    assert_eq!(holds("ALARM(a) OR ALARM(blind)", &states), Some(true));
    assert_eq!(holds("ALARM(b) OR ALARM(blind)", &states), None);
    assert_eq!(holds("ALARM(b) AND ALARM(blind)", &states), Some(false));
    assert_eq!(holds("AT_LEAST(1, ALARM, (a, blind))", &states), Some(true));
    assert_eq!(holds("AT_LEAST(2, ALARM, (a, blind))", &states), None);
    assert_eq!(holds("AT_LEAST(2, ALARM, (b, blind))", &states), Some(false));
}

#[test]
fn what_is_no_rule_is_told_with_its_place() {
    assert!(complaint("").starts_with("0: the rule ends here"));
    assert!(complaint("ALARM(a) ALARM(b)").starts_with("9: `ALARM(b)` stands here, but AND, OR"));
    assert!(complaint("ALARM a").starts_with("6: `a` stands here, but `(`"));
    assert!(complaint("alarm(a)").contains("ALARM(…)"));
    assert!(complaint("AT_LEAST(3, ALARM, (a, b))").contains("Ask for 1 to 2"));
    assert!(complaint("AT_LEAST(0, ALARM, (a, b))").contains("Ask for 1 to 2"));
    assert!(complaint("AT_LEAST(120%, ALARM, (a, b))").contains("more than all"));
    assert!(complaint("ALARM(\"a)").contains("never closed"));
    assert!(complaint(&"(".repeat(5_000)).contains("nested too deeply"));
    assert!(complaint(&"NOT ".repeat(2_000)).contains("nested too deeply"));
}

fn name() -> impl Strategy<Value = AlarmName> {
    prop::sample::select(vec!["a", "AND", "Cache Miss (spike), 95%", "OK"]).prop_map(AlarmName::from)
}

fn rule() -> impl Strategy<Value = Rule> {
    let state = || prop::sample::select(vec![Alarm, Ok, InsufficientData]);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Rule::Constant),
        (state(), name()).prop_map(|(state, name)| Rule::In(state, name)),
        (state(), any::<bool>(), prop::collection::vec(name(), 2..4), 1usize..=2, any::<bool>()).prop_map(
            |(state, wanted, names, count, percent)| {
                let count = if percent { Count::Percent(count * 50) } else { Count::Number(count) };
                Rule::AtLeast(count, wanted, state, names)
            }
        ),
    ];
    leaf.prop_recursive(5, 30, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|rule| Rule::Not(Box::new(rule))),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Rule::Both(Box::new(l), Box::new(r))),
            (inner.clone(), inner).prop_map(|(l, r)| Rule::Either(Box::new(l), Box::new(r))),
        ]
    })
}

proptest! {
    #[test]
    fn a_rule_reads_back_as_it_prints(rule in rule()) {
        prop_assert_eq!(parse(&rule.to_string()), Result::Ok(rule));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_sick_sensor_never_overturns_a_verdict_only_leaves_it_open(
        rule in rule(), states in prop::collection::vec(prop::sample::select(vec![Alarm, Ok, InsufficientData]), 4),
        blind in 0usize..4,
    ) {
        let names = ["a", "AND", "Cache Miss (spike), 95%", "OK"];
        let state = |name: &AlarmName| names.iter().position(|known| *name == *known).map(|at| states[at]);
        let whole = rule.holds(&state);
        let partly = rule.holds(&|name: &AlarmName| state(name).filter(|_| *name != *names[blind]));
        prop_assert!(partly.is_none() || partly == whole);
    }
}
