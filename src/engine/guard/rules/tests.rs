//! What rules find, and what is wrong with a file of them.

use super::*;
use crate::{
    config::{files::Files, problem::Problems},
    engine::understand::Understanding,
};

/// The shipped intents with these rules beside them.
fn read(rules: &str) -> (Rules, Vec<String>) {
    let files = Files::shipped().with("policies/guardrails.yaml", rules);
    let mut problems = Problems::default();
    let understanding = Understanding::load(&files, &mut problems).expect("the shipped intents");
    let rules = load(&files, &understanding, &mut problems);
    (rules, problems.sorted().iter().map(ToString::to_string).collect())
}

fn rules(text: &str) -> Rules {
    let (rules, problems) = read(text);
    assert_eq!(problems, [""; 0]);
    rules
}

fn look(rules: &Rules, intent: &str, text: &str) -> Finding {
    rules.look(Passage { side: Side::Answer, intent, text }, |_, _| {})
}

#[test]
fn words_are_found_in_any_case_and_not_inside_of_others() {
    let rules = rules("rule: bad\nwords: [ass, 成人向け]\naction: block\n");
    let by = || Finding::Blocked { by: "bad".into(), says: None };
    assert_eq!(look(&rules, "faq", "You ASS!"), by());
    assert_eq!(look(&rules, "faq", "これは成人向けの漫画です"), by());
    assert_eq!(look(&rules, "faq", "Assassination Classroom, class"), Finding::Clean);
}

#[test]
fn everything_that_is_to_be_masked_is_masked_and_a_block_outweighs_it() {
    let masks = "rule: mail\npersonal: email\naction: mask\nexcept: ['@shop.example']\n---\nrule: card\npersonal: card_number\naction: mask\nmask: '####'\n";
    let masked = rules(masks);
    let text = "help@shop.example, a@b.example paid with 4111111111111111.";
    let Finding::Masked { text: told, .. } = look(&masked, "faq", text) else { panic!("not masked") };
    assert_eq!(told, "help@shop.example, [e-mail address] paid with ####.");
    let blocked = rules(&format!("{masks}---\nrule: pay\nwords: [paid]\naction: block\n"));
    assert!(matches!(look(&blocked, "faq", text), Finding::Blocked { by, .. } if &*by == "pay"));
}

#[test]
fn a_rule_holds_for_its_intents_and_its_side() {
    let rules = rules("rule: prices\nprices: true\naction: block\nintents: [faq]\n");
    assert!(matches!(look(&rules, "faq", "It costs ¥528."), Finding::Blocked { .. }));
    assert_eq!(look(&rules, "pricing", "It costs ¥528."), Finding::Clean);
    assert_eq!((rules.concerning(Side::Question, "faq"), rules.concerning(Side::Answer, "faq")), (0, 1));
}

#[test]
fn a_note_is_told_and_changes_nothing() {
    let rules = rules("rule: phone\npersonal: phone\naction: note\n");
    let mut heard = Vec::new();
    let text = "Call 03-1234-5678.";
    let found = rules.look(Passage { side: Side::Answer, intent: "faq", text }, |rule, action| {
        heard.push((rule.to_owned(), action));
    });
    assert_eq!((found, heard), (Finding::Noted { by: "phone".into() }, vec![("phone".into(), Action::Note)]));
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_remedy() {
    let (_, told) = read(
        "rule: a\npatterns: ['(', 'x*']\naction: block\n---\nrule: b\naction: mask\nin: both\nwords: [x]\nintents: [faqs]\n---\nrule: b\naction: note\n",
    );
    let expected = [
        "policies/guardrails.yaml:11:7: a rule looks for one kind of thing",
        "policies/guardrails.yaml:11:7: there are two rules `b`",
        "policies/guardrails.yaml:2:12: `(` is no pattern: unclosed group",
        "policies/guardrails.yaml:2:17: `x*` is found in every text",
        "policies/guardrails.yaml:6:9: a question is passed on as it is",
        "policies/guardrails.yaml:9:11: no intent is called `faqs`; did you mean `faq`?",
    ];
    for part in expected {
        assert!(told.iter().any(|told| told.starts_with(part)), "{part} is missing in\n{}", told.join("\n"));
    }
    assert_eq!(told.len(), expected.len(), "{}", told.join("\n"));
}
