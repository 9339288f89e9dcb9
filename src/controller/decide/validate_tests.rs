use super::*;
use crate::controller::decide::tests::{CALM, catalogue, rules};

fn complaints(text: &str) -> String {
    let mut problems = Problems::default();
    let (rules, knobs) = (rules(), catalogue());
    let known = Known { rules: &rules, trees: ["upstream".to_owned()].into(), knobs: &knobs };
    load(&Files::of([("policies/p.yaml", text)]), &known, &mut problems);
    problems.sorted().iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_mistake_is_reported_with_its_place_and_what_to_do() {
    let golden = include_str!("../../../tests/golden/policies.txt");
    let said = complaints(include_str!("../../../tests/golden/policies.yaml"));
    assert_eq!(said, golden, "\n{said}");
}

#[test]
fn what_is_not_said_has_a_safe_default() {
    let mut problems = Problems::default();
    let (rules, knobs) = (rules(), catalogue());
    let known = Known { rules: &rules, trees: BTreeSet::new(), knobs: &knobs };
    let short = CALM.replace("cooldown: 10m\n", "").replace("for: 10m\n", "");
    let policies = load(&Files::of([("policies/p.yaml", short.as_str())]), &known, &mut problems);
    let policy = &policies[0];
    assert_eq!((policy.lasts, policy.cooldown, policy.most_per_hour), (LASTS, COOLDOWN, 6));
}

#[test]
fn a_multiple_is_taken_of_the_configured_value() {
    let mut problems = Problems::default();
    let (rules, knobs) = (rules(), catalogue());
    let known = Known { rules: &rules, trees: BTreeSet::new(), knobs: &knobs };
    let text = CALM.replace("retry.max_attempts, to: 0", "pool.primary, to: 2.5x");
    let policies = load(&Files::of([("policies/p.yaml", text.as_str())]), &known, &mut problems);
    assert_eq!(policies[0].knob(0).map(|set| set.to.to_string()).as_deref(), Some("25"), "{problems}");
}
