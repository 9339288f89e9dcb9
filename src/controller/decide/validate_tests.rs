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

#[test]
fn what_a_service_cannot_take_is_said_before_it_is_asked() {
    let told = |aws: &str, within: &str| {
        let text = CALM.replace("set: { knob: retry.max_attempts, to: 0 }", &format!("aws: {{ {aws} }}"));
        complaints(&text.replace("within: 60s", &format!("within: {within}")).replace("for: 10m", "for: 2h"))
    };
    for (aws, why) in [
        ("kind: elasticache_node_type, target: shop, to: huge", "`huge` is no node type"),
        ("kind: elasticache_parameter, target: default.redis7/x, to: y", "make one of your own"),
        ("kind: elasticache_parameter, target: shop, to: y", "write `GROUP/PARAMETER`"),
        ("kind: cdn_invalidation, target: E1, to: '/*'", "empties the whole distribution"),
        ("kind: cdn_invalidation, target: E1, to: product", "each starts with `/`"),
    ] {
        let told = told(aws, "30m");
        assert!(told.contains(why), "{aws}: {told}");
    }
    let node = "kind: elasticache_node_type, target: shop, to: cache.r7g.xlarge";
    assert!(told(node, "30m").contains("Write `mode: approve`"), "approval is not left to chance");
    assert!(told(node, "2m").contains("2m is too short to see an effect"), "{}", told(node, "2m"));
    assert_eq!(told("kind: cdn_invalidation, target: E1, to: '/product/*,/price'", "5m"), "");
}
