use super::*;
use crate::drill::{ledger::Ending, plan::Plan};

const DRILL: &str = "
drill: example
about: an example
incident: { from: nowhere }
seed: 1
start: 2026-03-05T19:22:00+09:00
warm_up: 1m
lasts: 5m
nodes: 1
users: { patience: 30s, again_after_error: 0, again_after_degraded: 0, pause: 1s, most_again: 0, tiers: { anonymous: 1 } }
questions: { all: [{ share: 1, text: Hello }] }
traffic: [{ flow: all, users: 1, asks: all, rate: [{ at: -1m, per_second: 1 }, { at: 5m, per_second: 1 }] }]
world: [{ at: 10s, model: primary, now: { faults: [{ kind: throttle }] } }]
models: [{ model: primary, first_token: 1s, per_token: 1ms, prices: { prompt: 3, cached: 0, written: 3, completion: 15 } }]
harm: { slower_than: 5s, share: 0.01 }
";

fn plan() -> Plan {
    Plan::read("example.yaml", DRILL).expect("a good file").remove(0)
}

fn fine() -> Ending {
    Ending::Answered { source: Source::Primary, right: true }
}

/// One request a second from the warm-up to the end, each taking a second; `ending` says how those of a second end.
fn run(ending: impl Fn(i64) -> Ending) -> Vec<Served> {
    let at =
        |s: i64| Served { asked: Offset((s - 1) * 1_000), ended: Offset(s * 1_000), ending: ending(s), abusive: false };
    (-59..=300).map(at).collect()
}

#[test]
fn the_warm_up_is_not_graded() {
    let grade = grade(&plan(), &run(|s| if s < 0 { Ending::Failed } else { fine() }), &[], None);
    assert_eq!((grade.requests, grade.errors), (300, 0));
}

#[test]
fn users_who_were_never_harmed_need_no_remedy() {
    let grade = grade(&plan(), &run(|_| fine()), &[], None);
    assert_eq!((grade.mitigate_s, grade.recover_s, grade.harmed_s), (Some(0.0), Some(0.0), 0));
    assert_eq!((grade.detect_s, grade.cause), (None, None));
}

#[test]
fn times_count_from_the_break_and_a_second_looks_ten_back() {
    let grade = grade(&plan(), &run(|s| if (20..40).contains(&s) { Ending::Failed } else { fine() }), &[], None);
    assert_eq!((grade.harmed_s, grade.mitigate_s, grade.recover_s), (29, Some(39.0), Some(39.0)));
}

#[test]
fn harm_that_lasts_to_the_end_is_never_over() {
    let grade = grade(&plan(), &run(|s| if s >= 20 { Ending::GaveUp } else { fine() }), &[], None);
    assert_eq!((grade.mitigate_s, grade.recover_s), (None, None));
}

#[test]
fn a_short_pause_is_no_relief_and_stale_answers_are_no_recovery() {
    let stale = Ending::Answered { source: Source::Stale, right: true };
    let ending = |s| match s {
        20..30 | 45..55 => Ending::Failed,
        55..120 => stale,
        _ => fine(),
    };
    let grade = grade(&plan(), &run(ending), &[], None);
    assert_eq!((grade.mitigate_s, grade.recover_s), (Some(54.0), Some(119.0)));
    assert_eq!(grade.stale_answers, 65);
}

#[test]
fn remedies_must_be_in_force_to_mitigate_and_gone_to_recover() {
    let watched = |settled| Watched {
        detected: Some(Offset(14_000)),
        diagnosed: Some(Offset(15_000)),
        remedied: Some(Offset(16_000)),
        settled,
        ..Watched::default()
    };
    let served = run(|_| fine());
    let settled = grade(&plan(), &served, &[], Some(&watched(Some(Offset(200_000)))));
    let times = (settled.detect_s, settled.diagnose_s, settled.mitigate_s, settled.recover_s);
    assert_eq!(times, (Some(4.0), Some(5.0), Some(6.0), Some(190.0)));
    assert_eq!(grade(&plan(), &served, &[], Some(&watched(None))).recover_s, None);
}

#[test]
fn upstream_calls_of_the_warm_up_are_not_counted() {
    let reading = |at: i64, calls| (Offset(at), Upstream { calls, cost_micros: calls * 10, ..Upstream::default() });
    let upstream = [reading(-60_000, 0), reading(0, 40), reading(300_000, 100)];
    let grade = grade(&plan(), &[], &upstream, None);
    assert_eq!((grade.upstream_calls, grade.cost_usd), (60, 0.0006));
    assert_eq!((grade.p50_ms, grade.p99_ms), (None, None));
}

#[test]
fn percentiles_are_those_of_what_users_waited() {
    let slow = |n: i64| Served { asked: Offset(0), ended: Offset(n * 100), ending: fine(), abusive: false };
    let grade = grade(&plan(), &(1..=100).map(slow).collect::<Vec<_>>(), &[], None);
    assert_eq!((grade.p50_ms, grade.p99_ms), (Some(5_000), Some(9_900)));
}

#[test]
fn what_becomes_of_machines_harms_nobody_and_is_counted_apart() {
    let abused =
        |s: i64| Served { asked: Offset(s * 1_000), ended: Offset(s * 1_000), ending: Ending::Failed, abusive: true };
    let answered = (0..7).map(|s| Served { ending: fine(), ..abused(s) });
    let mut served = run(|_| fine());
    served.extend((0..200).map(abused).chain(answered));
    served.sort_by_key(|it| it.ended);
    let plan = Plan::read("example.yaml", &DRILL.replace("users: 1, asks", "users: 1, abuse: true, asks"))
        .expect("a good file");
    let abused = grade(&plan[0], &served, &[], None);
    assert_eq!((abused.requests, abused.errors, abused.harmed_s, abused.abuse_answered), (300, 0, 0, Some(7)));
    assert_eq!(grade(&self::plan(), &served, &[], None).abuse_answered, None, "where there is none");
}
