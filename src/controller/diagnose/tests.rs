use std::time::Duration;

use super::{
    diagnose,
    trees::{self, Trees},
};
use crate::{
    clock::Timestamp,
    config::{files::Files, problem::Problems},
    controller::{
        diagnosis::Diagnosis,
        expression::evidence::Scene,
        judge::{
            memory::Memory,
            rules::Rules,
            table::{Column, Table},
        },
    },
};

const TREE: &str = "\
diagnosis: fever
questions:
  - id: hot
    question: Is it hot?
    ask: metric(\"Sum requests over 1m\") > 100
    yes: { cause: sun, summary: It is summer., fix: Drink. }
    no: thin
    unknown: thin
  - id: thin
    question: Is the coat thin?
    ask: metric(\"Sum cache.evictions over 1m\") > 0
    yes: { cause: wind, summary: It is windy. }
    no: { cause: nothing, summary: All is well. }
    show:
      evictions a second: metric(\"Sum cache.evictions over 1m\") / 60
";

fn load(text: &str) -> (Trees, Vec<String>) {
    let mut problems = Problems::default();
    let files = Files::of([("policies/diagnosis/fever.yaml", text)]);
    let trees = trees::load(&files, &Rules::default(), &mut problems);
    (trees, problems.sorted().iter().map(ToString::to_string).collect())
}

fn walk(measured: &[(&str, f64)]) -> Diagnosis {
    let (trees, problems) = load(TREE);
    assert_eq!(problems, Vec::<String>::new());
    let mut table = Table::default();
    for (metric, value) in measured {
        table.fill(&Column::own(metric), Timestamp(0), Duration::from_secs(60), [Some(*value)]);
    }
    let memory = Memory::default();
    let scene =
        Scene { series: &table, memory: &memory, events: &[], now: Timestamp(60_000), cause: None, severity: None };
    diagnose(&trees["fever"], &scene)
}

#[test]
fn a_diagnosis_names_the_cause_the_way_and_the_evidence() {
    let found = walk(&[("requests", 30.0), ("cache.evictions", 90.0)]);
    assert_eq!(found.cause, Some("wind".into()));
    assert_eq!(
        found.path.iter().map(|step| (step.question.as_str(), step.answer)).collect::<Vec<_>>(),
        [("Is it hot?", false), ("Is the coat thin?", true)]
    );
    assert_eq!(found.path[1].evidence, ["Sum cache.evictions over 1m = 90", "evictions a second = 1.5"]);
    assert_eq!(walk(&[("requests", 300.0)]).summary, "It is summer. Drink.");
}

#[test]
fn a_question_that_nobody_can_answer_is_kept_and_the_tree_goes_on_where_it_says_how() {
    let found = walk(&[("cache.evictions", 0.0)]);
    assert_eq!(found.cause, Some("nothing".into()));
    assert_eq!(found.unanswered, ["Is it hot? (Sum requests over 1m has no data)"]);
    let found = walk(&[]);
    assert_eq!((found.cause, found.unanswered.len()), (None, 2));
    assert!(
        found.summary.starts_with("The cause is not known: nobody can tell \"Is the coat thin?"),
        "{}",
        found.summary
    );
}

#[test]
fn a_tree_that_leads_nowhere_in_circles_or_past_a_question_is_refused() {
    let (trees, problems) = load(&TREE.replace("no: thin", "no: hot"));
    assert!(trees.is_empty());
    assert!(
        problems[0].starts_with("policies/diagnosis/fever.yaml:3:9: `hot` can lead back to itself"),
        "{problems:?}"
    );
    let (_, problems) = load(&TREE.replace("no: thin", "no: thick"));
    assert!(
        problems[0].starts_with("policies/diagnosis/fever.yaml:7:9: no question has the id `thick`"),
        "{problems:?}"
    );
    let (_, problems) = load(
        &TREE
            .replace(": thin\n", ": { cause: x, summary: why }\n")
            .replace("- id: { cause: x, summary: why }", "- id: thin"),
    );
    assert!(problems[0].contains("no answer leads to `thin`"), "{problems:?}");
}

#[test]
fn a_misshapen_end_says_how_to_write_one() {
    let (_, problems) = load(&TREE.replace("summary: It is windy.", "sumary: It is windy."));
    assert!(problems[0].contains("write the id of a question"), "{problems:?}");
}
