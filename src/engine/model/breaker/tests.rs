use std::time::Duration;

use proptest::prelude::*;

use super::machine::{Machine, Outcome, Settings, Trip};
use crate::{clock::Timestamp, units::Ratio};

const NO_JITTER: f64 = 0.0;

fn machine() -> Machine {
    Machine::new(Settings::default())
}

fn at(secs: i64) -> Timestamp {
    Timestamp(secs * 1_000)
}

fn send(machine: &mut Machine, outcome: Outcome, now: Timestamp) -> Option<Trip> {
    let pass = machine.admit(now).expect("admitted");
    machine.record(pass, outcome, now, NO_JITTER)
}

fn tripped() -> Machine {
    let mut machine = machine();
    assert_eq!(send(&mut machine, Outcome::Failed, at(0)), None);
    assert_eq!(send(&mut machine, Outcome::Failed, at(0)), Some(Trip::InARow(2)));
    machine
}

#[test]
fn two_failures_alone_open_it_for_fifteen_seconds() {
    let mut machine = tripped();
    assert_eq!(machine.admit(at(14)), Err(at(15)));
    assert!(machine.admit(at(15)).expect("time for a probe").probe);
}

#[test]
fn two_failures_among_many_answers_say_nothing() {
    let mut machine = machine();
    (0..50).for_each(|_| assert_eq!(send(&mut machine, Outcome::Answered, at(1)), None));
    assert_eq!(send(&mut machine, Outcome::Failed, at(1)), None);
    assert_eq!(send(&mut machine, Outcome::Failed, at(1)), None);
    assert!(!machine.is_open());
}

#[test]
fn half_of_many_attempts_failing_opens_it_even_when_none_follow_each_other() {
    let mut machine = machine();
    let mut trips = (0..40).map(|n| {
        let outcome = if n % 2 == 1 { Outcome::Failed } else { Outcome::Answered };
        send(&mut machine, outcome, at(1))
    });
    let tripped = trips.by_ref().take(20).flatten().next();
    assert_eq!(tripped, Some(Trip::Share(Ratio::basis_points(5_000))));
}

#[test]
fn one_probe_at_a_time_and_its_answer_closes() {
    let mut machine = tripped();
    let probe = machine.admit(at(15)).expect("a probe");
    assert_eq!(machine.admit(at(15)), Err(at(15)), "a second probe");
    machine.record(probe, Outcome::Answered, at(16), NO_JITTER);
    assert!(!machine.is_open());
    assert!(!machine.admit(at(16)).expect("closed").probe);
}

#[test]
fn a_failed_probe_keeps_it_open_for_twice_as_long() {
    let mut machine = tripped();
    assert_eq!(send(&mut machine, Outcome::Failed, at(15)), Some(Trip::ProbeFailed));
    assert_eq!(machine.admit(at(16)), Err(at(45)));
    assert_eq!(send(&mut machine, Outcome::Failed, at(45)), Some(Trip::ProbeFailed));
    assert_eq!(machine.admit(at(46)), Err(at(75)), "and no longer than that");
}

#[test]
fn a_probe_that_was_given_up_makes_room_for_the_next() {
    let mut machine = tripped();
    assert_eq!(send(&mut machine, Outcome::Abandoned, at(15)), None);
    assert!(machine.admit(at(15)).expect("another probe").probe);
}

#[test]
fn a_model_that_asks_for_time_is_left_alone_for_just_that_long() {
    let mut machine = machine();
    let wait = Duration::from_secs(7);
    assert_eq!(send(&mut machine, Outcome::AskedToWait(wait), at(0)), Some(Trip::AskedToWait(wait)));
    assert_eq!(machine.admit(at(6)), Err(at(7)));
    assert!(machine.admit(at(7)).is_ok());
}

#[test]
fn what_was_sent_before_it_opened_does_not_close_it() {
    let mut machine = machine();
    let early = machine.admit(at(0)).expect("closed");
    let _ = send(&mut machine, Outcome::Failed, at(0));
    let _ = send(&mut machine, Outcome::Failed, at(0));
    assert_eq!(machine.record(early, Outcome::Answered, at(1), NO_JITTER), None);
    assert_eq!(machine.admit(at(1)), Err(at(15)));
}

#[test]
fn in_an_outage_of_a_minute_fifteen_requests_with_retries_send_at_most_four_attempts() {
    let (mut machine, mut sent) = (machine(), 0);
    for request in 0..15 {
        for _retry in 0..3 {
            let now = at(request * 4);
            if let Ok(pass) = machine.admit(now) {
                machine.record(pass, Outcome::Failed, now, NO_JITTER);
                sent += 1;
            }
        }
    }
    assert!(sent <= 4, "{sent} attempts reached the model");
}

proptest! {
    #[test]
    fn whatever_happens_an_open_breaker_probes_one_at_a_time_and_reopens_in_time(
        steps in prop::collection::vec((0..4u8, 0..5_000i64, 0.0..1.0f64), 1..200),
    ) {
        let (mut machine, mut now, mut out) = (machine(), Timestamp(0), Vec::new());
        for (step, millis, roll) in steps {
            now = now + Duration::from_millis(millis as u64);
            if let Ok(pass) = machine.admit(now) {
                prop_assert!(!pass.probe || out.iter().all(|p: &super::machine::Pass| !p.probe || *p != pass));
                out.push(pass);
            }
            if step < 3 && !out.is_empty() {
                let outcome = [Outcome::Answered, Outcome::Failed, Outcome::Abandoned][step as usize];
                machine.record(out.remove(0), outcome, now, roll);
            }
        }
        for pass in out {
            machine.record(pass, Outcome::Abandoned, now, 0.0);
        }
        prop_assert!(machine.admit(now + Duration::from_secs(36)).is_ok(), "never open for longer than 36 s");
    }
}

#[test]
fn a_node_that_is_outvoted_asks_again_soon_and_nothing_has_tripped() {
    let mut machine = tripped();
    let probe = machine.admit(at(15)).expect("a probe");
    assert_eq!(machine.record(probe, Outcome::Outvoted, at(15), NO_JITTER), None);
    assert_eq!(machine.admit(at(16)), Err(at(17)));
    assert!(machine.admit(at(17)).expect("a probe").probe);
}
