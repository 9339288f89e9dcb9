//! The shipped drills, played: they show what they promise, and one seed makes one report.

use std::{sync::Arc, time::Duration};

use banto::{
    config::files::Files,
    drill::{
        expect::Side,
        fleet::{Fleet, Setting},
        house::House,
        plan::{Arrivals, Plan},
        report::{html, json},
        run::{Played, play},
    },
};

fn shipped(setting: Setting<'_>) -> Result<Arc<dyn Fleet>, String> {
    House::open(setting, &Files::shipped())
}

fn played(name: &str) -> Played {
    let plans = Plan::all(&Files::shipped()).expect("good files");
    let plan = plans.iter().find(|plan| &*plan.name == name).expect("a shipped drill");
    play(plan, plan.seed, None, shipped, |_, _| {}).expect("it plays")
}

fn holds(name: &str) {
    let played = played(name);
    let failed = played.disappointments();
    assert!(failed.is_empty(), "{}\n{}", failed.join("\n"), json::report(&played));
}

#[test]
fn the_stampede_is_held_off() {
    holds("stampede");
}

#[test]
fn the_backoff_storm_is_calmed_and_the_controller_makes_nothing_worse() {
    holds("backoff-storm");
}

#[test]
fn a_promotion_flips_at_once_where_it_took_a_quarter_of_an_hour() {
    holds("promotion-flip");
}

#[test]
fn a_collapsed_embedding_model_gives_nobody_a_wrong_answer_because_the_gates_hold() {
    holds("false-positives");
}

#[test]
fn a_store_that_fills_up_is_relieved_before_it_is_full() {
    holds("memory-exhaustion");
}

#[test]
fn a_store_that_comes_back_empty_sends_no_herd_to_the_models() {
    holds("cold-node");
}

/// A tenth of the people on a fleet of six, for two minutes: enough to see whether two runs differ.
fn small(mut plan: Plan) -> Plan {
    (plan.nodes, plan.warm_up, plan.lasts) = (6, Duration::from_secs(30), Duration::from_secs(120));
    for traffic in &mut plan.traffic {
        traffic.users = traffic.users.div_ceil(10);
        if let Arrivals::Flow(corners) = &mut traffic.arrivals {
            corners.iter_mut().for_each(|(_, rate)| *rate /= 2.0);
            corners.retain(|(at, _)| (-30_000..=120_000).contains(&at.0));
        }
    }
    plan
}

#[test]
fn one_seed_makes_one_report_and_another_seed_another() {
    for plan in Plan::all(&Files::shipped()).expect("good files").into_iter().map(small) {
        let report = |seed| {
            let played = play(&plan, seed, Some(Side::With), shipped, |_, _| {}).expect("it plays");
            (json::report(&played), html::page(&played))
        };
        let first = report(7);
        assert!(first == report(7), "two runs of {} with seed 7 differ", plan.name);
        assert!(first != report(8), "{} does not depend on its seed", plan.name);
    }
}
