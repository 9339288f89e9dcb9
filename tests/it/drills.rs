//! The shipped drills, played: they show what they promise, and one seed makes one report.

use std::{sync::Arc, time::Duration};

use banto::{
    config::files::Files,
    drill::{
        expect::Side,
        fleet::{Fleet, Setting},
        house::House,
        offset::Offset,
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
fn wordings_that_are_wrongly_declared_the_same_are_noticed_and_the_threshold_comes_back() {
    holds("false-positives");
}

#[test]
fn prices_whose_events_nobody_understands_are_dropped_before_they_are_told() {
    holds("stale-price");
}

#[test]
#[ignore = "three weeks take minutes without optimisation: nextest --run-ignored all, or banto drill run slow-cache-writes"]
fn three_weeks_of_growth_are_noticed_by_the_writes_and_relieved() {
    holds("slow-cache-writes");
}

#[test]
fn an_error_that_nobody_knows_is_told_to_operators_and_not_to_users() {
    holds("unknown-error-format");
}

#[test]
fn a_pool_that_was_sized_for_an_ordinary_day_is_widened() {
    holds("pool-exhaustion");
}

#[test]
fn a_frozen_store_costs_hits_and_no_answer() {
    holds("redis-freezes");
}

#[test]
fn a_zone_whose_resolver_fails_is_left_before_that_can_hurt_anybody() {
    holds("dns-resolver-fails-in-one-zone");
}

#[test]
fn an_outage_of_every_model_shows_nobody_an_error() {
    holds("regional-outage");
}

#[test]
fn a_viral_tweet_is_let_in_and_the_limits_fall_again_slowly() {
    holds("organic-spike");
}

#[test]
fn a_flood_that_looks_like_a_crowd_raises_no_limit_and_people_are_served() {
    holds("disguised-flood");
}

/// What somebody would have got who took the flood for a crowd: the limits of the viral tweet. The models cannot bear it, refuse machines
/// and people alike, and people get messages in place of answers for as long as the flood lasts.
#[test]
fn raising_the_limits_for_the_flood_would_have_overwhelmed_the_models() {
    let plans = Plan::all(&Files::shipped()).expect("good files");
    let plan = plans.iter().find(|plan| &*plan.name == "disguised-flood").expect("a shipped drill");
    let raised = Plan { limits: Some((50, 80)), ..plan.clone() };
    let played = play(&raised, plan.seed, Some(Side::Without), shipped, |_, _| {}).expect("it plays");
    let people = played.without.expect("a run").grade;
    assert!(people.harmed_s >= 800, "{people:?}");
    assert!(people.degraded_answers >= 800, "{people:?}");
}

#[test]
fn a_prompt_that_the_provider_does_not_keep_is_named_and_taken_back() {
    holds("prompt-update");
}

#[test]
fn a_store_that_fills_up_is_relieved_before_it_is_full() {
    holds("memory-exhaustion");
}

#[test]
fn a_store_that_comes_back_empty_sends_no_herd_to_the_models() {
    holds("cold-node");
}

#[test]
fn a_slow_guardrail_is_moved_off_the_critical_path_and_everybody_it_failed_is_told() {
    holds("guardrail-slows-down");
}

/// What a flow does between two moments.
fn clip(corners: &[(Offset, f64)], from: Offset, to: Offset) -> Vec<(Offset, f64)> {
    let rate = |at: Offset| {
        let stretch = corners.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&at));
        stretch.map_or(0.0, |pair| {
            let ((start, low), (end, high)) = (pair[0], pair[1]);
            low + (high - low) * (at.0 - start.0) as f64 / (end.0 - start.0).max(1) as f64
        })
    };
    let inner = corners.iter().copied().filter(|(at, _)| from < *at && *at < to);
    [(from, rate(from))].into_iter().chain(inner).chain([(to, rate(to))]).collect()
}

/// A tenth of the people on a fleet of three, for two minutes: enough to see whether two runs differ.
fn small(mut plan: Plan) -> Plan {
    let nodes = plan.nodes.min(3);
    (plan.nodes, plan.warm_up, plan.lasts) = (nodes, Duration::from_secs(30), Duration::from_secs(120));
    for traffic in &mut plan.traffic {
        traffic.users = traffic.users.div_ceil(10);
        if let Arrivals::Flow(corners) = &mut traffic.arrivals {
            *corners = clip(corners, Offset(-30_000), Offset(120_000));
            corners.iter_mut().for_each(|(_, rate)| *rate /= 2.0);
        }
    }
    plan
}

#[test]
fn one_seed_makes_one_report() {
    for plan in Plan::all(&Files::shipped()).expect("good files").into_iter().map(small) {
        let report = |seed| {
            let played = play(&plan, seed, Some(Side::With), shipped, |_, _| {}).expect("it plays");
            let asked = played.with.as_ref().map_or(0, |run| run.served.len());
            assert!(asked > 0, "nobody came to {}", plan.name);
            (json::report(&played), html::page(&played))
        };
        assert!(report(7) == report(7), "two runs of {} with seed 7 differ", plan.name);
    }
}
