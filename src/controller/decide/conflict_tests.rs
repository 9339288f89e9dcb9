use super::*;
use crate::{
    config::files::Files,
    controller::decide::{
        tests::{catalogue, rules},
        validate::{Known, load},
    },
};

fn policy(name: &str, alarm: &str, knob: &str, to: &str, more: &str) -> String {
    format!(
        "policy: {name}\nseverity: P2\nwhen: {{ alarm: {alarm} }}\ndo:\n  - set: {{ knob: {knob}, to: {to} }}\n\
         verify: {{ that: '!alarm(\"Storm\")', within: 2m }}\nrunbook: look\n{more}"
    )
}

fn conflicts(one: &str, other: &str) -> Vec<String> {
    let mut problems = Problems::default();
    let (rules, knobs) = (rules(), catalogue());
    let known = Known { rules: &rules, trees: Default::default(), knobs: &knobs };
    let text = format!("{one}---\n{other}");
    let policies = load(&Files::of([("policies/p.yaml", text.as_str())]), &known, &mut problems);
    find(&policies, &|a, b| crate::controller::decide::apart::apart(&rules, a, b), &mut problems);
    problems.sorted().iter().map(ToString::to_string).collect()
}

#[test]
fn a_higher_threshold_against_a_lower_one_is_found_with_both_places() {
    let strict = policy("protect-answers", "Storm", "threshold.recommendation", "0.97", "");
    let loose = policy("protect-models", "Other", "threshold.recommendation", "0.87", "");
    let found = conflicts(&strict, &loose);
    assert_eq!(
        found,
        [
            "policies/p.yaml:5:48: `protect-answers` sets threshold.recommendation to 0.97 and `protect-models` sets it to \
          0.87 (policies/p.yaml:13:48), and both can be triggered at once. Give one of them a higher `priority`, or say \
          `excludes: [protect-models]` or `unless: [ALARM]`"
        ]
    );
}

#[test]
fn a_shorter_life_against_a_longer_one_is_found() {
    let shorter = policy("save-memory", "Storm", "ttl.recommendation", "1h", "");
    let longer = policy("save-calls", "Other", "ttl.recommendation", "8h", "");
    assert_eq!(conflicts(&shorter, &longer).len(), 1);
}

#[test]
fn two_words_for_one_knob_are_a_conflict_and_two_numbers_on_one_side_are_not() {
    let mode = |name, to| policy(name, "Storm", "engine.mode", to, "");
    assert_eq!(conflicts(&mode("a", "cache_only"), &mode("b", "secondary_only")).len(), 1);
    let rate = |name, to| policy(name, "Storm", "rate_limit.rate", to, "");
    assert!(conflicts(&rate("a", "3000"), &rate("b", "5000")).is_empty());
}

#[test]
fn what_the_author_has_settled_is_no_conflict() {
    let up = |more: &str| policy("up", "Storm", "ttl.recommendation", "8h", more);
    let down = |alarm: &str, more: &str| policy("down", alarm, "ttl.recommendation", "1h", more);
    for (one, other) in [
        (up("priority: 5\n"), down("Other", "")),
        (up(""), down("Other", "excludes: [up]\n")),
        (up("unless: [Other]\n"), down("Other", "")),
        (up(""), down("Calm", "")), // the composite Calm says NOT ALARM(Storm)
    ] {
        assert_eq!(conflicts(&one, &other), Vec::<String>::new());
    }
}
