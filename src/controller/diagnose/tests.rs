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

/// The shipped trees, on the kinds of day that they are for.
mod shipped {
    use super::*;
    use crate::controller::event::Event;

    /// A day so far: one value a second for each series, the newest last.
    #[derive(Default)]
    struct Day {
        table: Table,
        events: Vec<Event>,
    }

    const NOW: Timestamp = Timestamp(7_200_000);

    impl Day {
        fn with(mut self, metric: &str, labels: &[(&str, &str)], before: f64, seconds: u64, lately: f64) -> Self {
            let column = labels.iter().fold(Column::own(metric), |column, (name, value)| column.with(name, value));
            let values = (0..7_200).map(|second| Some(if second < 7_200 - seconds { before } else { lately }));
            self.table.fill(&column, Timestamp(0), Duration::from_secs(1), values);
            self
        }

        fn after(mut self, kind: &str, minutes: u64) -> Self {
            let at = NOW - Duration::from_secs(minutes * 60);
            self.events.push(Event { at, kind: kind.into(), subject: "it".into(), details: Default::default() });
            self
        }

        fn cause(&self, tree: &str) -> String {
            let mut problems = Problems::default();
            let files = Files::shipped();
            let rules = Rules::load(&files, &mut problems);
            let trees = trees::load(&files, &rules, &mut problems);
            assert!(problems.is_empty(), "{problems}");
            let memory = Memory::default();
            let (series, events) = (&self.table, &self.events[..]);
            let scene = Scene { series, memory: &memory, events, now: NOW, cause: None, severity: None };
            diagnose(&trees[tree], &scene).cause.map(|cause| cause.to_string()).unwrap_or_default()
        }
    }

    const PRIMARY: &[(&str, &str)] = &[("model", "primary")];

    fn storm(seconds: u64) -> Day {
        Day::default()
            .with("requests", &[], 31.0, 0, 31.0)
            .with("model.attempts", PRIMARY, 31.0, seconds, 55.0)
            .with("model.throttles", PRIMARY, 0.0, seconds, 33.0)
            .with("model.retries", PRIMARY, 0.0, seconds, 24.0)
            .with("model.errors", PRIMARY, 0.0, seconds, 33.0)
    }

    #[test]
    fn a_region_short_of_capacity_is_the_cause_however_much_our_retries_add_to_it() {
        for seconds in [4, 10, 45] {
            assert_eq!(storm(seconds).cause("upstream-errors"), "regional_throttling", "after {seconds} s");
        }
    }

    #[test]
    fn throttling_is_ours_when_traffic_or_retries_came_first() {
        let grown = Day::default()
            .with("requests", &[], 31.0, 20, 90.0)
            .with("model.attempts", PRIMARY, 31.0, 20, 90.0)
            .with("model.throttles", PRIMARY, 0.0, 20, 40.0);
        assert_eq!(grown.cause("upstream-errors"), "own_traffic");
        let retried = Day::default()
            .with("requests", &[], 31.0, 0, 31.0)
            .with("model.attempts", PRIMARY, 60.0, 20, 80.0)
            .with("model.retries", PRIMARY, 29.0, 20, 49.0)
            .with("model.throttles", PRIMARY, 0.0, 20, 40.0);
        assert_eq!(retried.cause("upstream-errors"), "own_retries");
    }

    #[test]
    fn throttling_without_a_past_to_compare_with_has_no_known_cause() {
        let mut day = Day::default();
        for (metric, value) in [("requests", 31.0), ("model.attempts", 40.0), ("model.throttles", 20.0)] {
            let start = NOW - Duration::from_secs(10);
            day.table.fill(&Column::own(metric), start, Duration::from_secs(1), [Some(value); 10]);
        }
        assert_eq!(day.cause("upstream-errors"), "unknown_throttling");
    }

    #[test]
    fn a_crowd_is_named_before_what_follows_from_it() {
        let crowd = storm(10).with("coalesce.identical_in_flight", &[], 1.0, 10, 500.0);
        assert_eq!(crowd.cause("upstream-errors"), "stampede");
        let crowd = crowd.with("cache.lookups", &[("result", "miss")], 5.0, 10, 500.0);
        assert_eq!(crowd.cause("cache-stampede"), "stampede");
        assert_eq!(crowd.after("release", 2).cause("cache-stampede"), "no_cache_warming");
    }

    #[test]
    fn a_stampede_after_a_lost_store_or_a_mass_invalidation_is_told_apart() {
        let crowd = || Day::default().with("coalesce.identical_in_flight", &[], 1.0, 10, 500.0);
        assert_eq!(crowd().with("store.up", &[], 1.0, 120, 0.0).cause("cache-stampede"), "store_lost");
        let flushed = crowd().with("cache.invalidations", &[("result", "applied")], 0.0, 60, 20.0);
        assert_eq!(flushed.cause("cache-stampede"), "mass_invalidation");
        assert_eq!(crowd().with("cache.entries", &[], 9e4, 60, 3e4).cause("cache-stampede"), "synchronised_expiry");
    }

    #[test]
    fn models_that_fail_without_refusing_are_told_apart() {
        let failing = |class: &str| {
            Day::default()
                .with("model.attempts", PRIMARY, 30.0, 0, 30.0)
                .with("model.throttles", PRIMARY, 0.0, 0, 0.0)
                .with("model.errors", &[("model", "primary"), ("class", class)], 0.0, 60, 20.0)
                .with("model.errors", &[("model", "primary"), ("class", "connect")], 0.0, 60, 0.0)
                .with("model.errors", &[("model", "primary"), ("class", "timeout")], 0.0, 60, 0.0)
        };
        assert_eq!(failing("server").cause("upstream-errors"), "provider_errors");
        assert_eq!(failing("connect").cause("upstream-errors"), "network");
        let full = Day::default().with("model.attempts", PRIMARY, 30.0, 0, 30.0).with(
            "pool.queue_depth",
            PRIMARY,
            0.0,
            30,
            45.0,
        );
        assert_eq!(full.cause("upstream-errors"), "pool_exhausted");
    }

    #[test]
    fn a_prompt_deployment_explains_a_cold_prompt_cache() {
        let cold = || Day::default().with("model.attempts", PRIMARY, 10.0, 0, 10.0);
        assert_eq!(cold().after("deployment", 5).cause("prompt-cache-misses"), "prompt_changed");
        let model = cold().after("deployment", 5).with("events.deployments", &[("kind", "model")], 0.0, 1, 1.0);
        assert_eq!(model.cause("prompt-cache-misses"), "model_changed");
        let always = cold().with("prompt_cache.write_tokens", PRIMARY, 22_000.0, 0, 22_000.0);
        assert_eq!(always.cause("prompt-cache-misses"), "dynamic_prefix");
        let night = Day::default().with("model.attempts", PRIMARY, 0.0, 120, 10.0);
        assert_eq!(night.cause("prompt-cache-misses"), "idle_eviction");
        assert_eq!(cold().after("deployment", 30).cause("prompt-cache-misses"), "provider_eviction");
    }

    #[test]
    fn wrong_semantic_answers_are_traced_to_titles_or_to_the_threshold() {
        let wrong = |signal: &str| {
            Day::default()
                .with("cache.false_positives", &[("intent", "recommendation"), ("signal", signal)], 0.0, 600, 1.0)
                .with("cache.false_positives", &[("intent", "faq"), ("signal", "entity_mismatch")], 0.0, 0, 0.0)
        };
        assert_eq!(wrong("entity_mismatch").cause("semantic-false-positives"), "franchise_titles");
        let near = wrong("feedback").with("cache.similarity", &[("intent", "faq")], 0.922, 0, 0.922);
        assert_eq!(near.cause("semantic-false-positives"), "threshold_too_low");
    }

    #[test]
    fn slow_writes_and_a_full_store_are_traced_to_what_fills_it() {
        let full = Day::default().with("cache.memory_utilization", &[], 0.9, 0, 0.92);
        assert_eq!(full.cause("cache-write-latency"), "memory_pressure");
        let slow = Day::default().with("store.latency", &[("operation", "get")], 0.002, 400, 0.02);
        assert_eq!(slow.cause("cache-write-latency"), "store_slow");
        let hoard = Day::default().with("cache.bytes", &[("intent", "recommendation")], 6e7, 0, 6e7).with(
            "cache.bytes",
            &[("intent", "faq")],
            4e7,
            0,
            4e7,
        );
        assert_eq!(hoard.cause("cache-memory"), "low_value_entries");
    }

    #[test]
    fn slow_answers_are_traced_to_their_segment() {
        let pool = Day::default().with("pool.utilization", PRIMARY, 0.4, 400, 0.95);
        assert_eq!(pool.cause("latency-by-segment"), "pool_exhausted");
        let model = Day::default().with("model.latency", PRIMARY, 0.8, 400, 2.0);
        assert_eq!(model.cause("latency-by-segment"), "model_slow");
    }
}
