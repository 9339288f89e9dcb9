use std::time::Duration;

use proptest::prelude::*;

use super::{
    judge,
    memory::Memory,
    rules::Rules,
    table::{Column, Table},
};
use crate::{
    clock::Timestamp,
    config::{files::Files, problem::Problems},
    controller::alarm::AlarmState,
};

const ALARM: &str = "alarm: Busy\nmetric: requests\nstatistic: Sum\nperiod: 1s\ndeploy: false\nthreshold: 10\n\
                     comparison_operator: GreaterThanThreshold\n";

fn rules(text: &str) -> Rules {
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", text)]), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    rules
}

fn requests(values: &[f64]) -> Table {
    let mut table = Table::default();
    table.fill(&Column::own("requests"), Timestamp(0), Duration::from_secs(1), values.iter().map(|value| Some(*value)));
    table
}

/// The states of one alarm at the end of each second.
fn states(rules: &Rules, table: &Table, name: &str, seconds: i64) -> String {
    let mut memory = Memory::default();
    let mut states = String::new();
    for second in 1..=seconds {
        memory = judge(rules, memory, table, Timestamp(second * 1_000));
        states.push(match memory.state(name) {
            Some(AlarmState::Ok) => 'o',
            Some(AlarmState::Alarm) => 'A',
            _ => '?',
        });
    }
    states
}

#[test]
fn an_alarm_waits_out_its_pending_and_its_recovery_time() {
    let rules = rules(&format!("{ALARM}pending: 2s\nrecovery: 3s\n"));
    let table = requests(&[0., 99., 0., 99., 99., 99., 0., 99., 0., 0., 0., 0.]);
    assert_eq!(states(&rules, &table, "Busy", 12), "oooooAAAAAAo");
}

#[test]
fn the_time_in_a_state_counts_from_the_transition() {
    let rules = rules(ALARM);
    let table = requests(&[0., 99., 99.]);
    let mut memory = Memory::default();
    for second in 1..=3 {
        memory = judge(&rules, memory, &table, Timestamp(second * 1_000));
    }
    let judgement = memory.judgement("Busy").expect("was judged");
    assert_eq!((judgement.state, judgement.since), (AlarmState::Alarm, Timestamp(2_000)));
    assert_eq!(judgement.reason, "1 of 1 points above 10: 99");
    assert!(judgement.ever_had_data);
}

#[test]
fn what_was_remembered_survives_being_written_down() {
    let rules = rules(&format!("{ALARM}pending: 5s\n---\ncomposite: C\ndeploy: false\nrule: ALARM(Busy)\n"));
    let memory = judge(&rules, Memory::default(), &requests(&[99.]), Timestamp(1_000));
    let text = serde_json::to_string(&memory).expect("can be written");
    assert_eq!(serde_json::from_str::<Memory>(&text).expect("can be read"), memory);
}

#[test]
fn an_alarm_that_left_the_files_is_forgotten() {
    let memory = judge(&rules(ALARM), Memory::default(), &requests(&[1.]), Timestamp(1_000));
    assert_eq!(judge(&Rules::default(), memory, &Table::default(), Timestamp(2_000)).judgements().count(), 0);
}

#[test]
fn a_composite_says_which_of_its_alarms_made_it() {
    let rules = rules(&format!("{ALARM}---\ncomposite: C\ndeploy: false\nrule: ALARM(Busy) OR ALARM(Busy)\n"));
    let memory = judge(&rules, Memory::default(), &requests(&[99.]), Timestamp(1_000));
    let judgement = memory.judgement("C").expect("was judged");
    assert_eq!(judgement.state, AlarmState::Alarm);
    assert_eq!(judgement.reason, "in ALARM: Busy (1 of 1 points above 10: 99)");
}

#[test]
fn a_composite_is_fine_in_silence_and_undecided_when_its_sensor_fails() {
    let rules = rules(&format!("{ALARM}---\ncomposite: C\ndeploy: false\nrule: ALARM(Busy)\n"));
    let mut table = Table::default();
    let state = |table: &Table| {
        let memory = judge(&rules, Memory::default(), table, Timestamp(1_000));
        (memory.state("C"), memory.judgement("C").and_then(|judgement| judgement.impaired.clone()))
    };
    assert_eq!(state(&table), (Some(AlarmState::Ok), None));
    table.break_source("Banto", "scrape failed");
    assert_eq!(state(&table), (Some(AlarmState::InsufficientData), Some("scrape failed".into())));
}

#[test]
fn a_suppressor_holds_back_actions_not_states() {
    let maintenance = ALARM.replace("Busy", "Maintenance").replace("metric: requests", "metric: answers.repeated");
    let rules = rules(&format!(
        "{ALARM}---\n{maintenance}---\ncomposite: C\ndeploy: false\nrule: ALARM(Busy)\n\
         suppressor: {{ alarm: Maintenance, wait: 2s, extension: 2s }}\n"
    ));
    let mut table = requests(&[0., 99., 99., 99., 99.]);
    let mut memory = Memory::default();
    let mut held = Vec::new();
    for second in 1..=5 {
        memory = judge(&rules, memory, &table, Timestamp(second * 1_000));
        held.push(memory.held("C").is_some());
    }
    assert_eq!(held, [true, true, true, false, false], "waits 2s after each transition, then acts");
    assert_eq!(memory.state("C"), Some(AlarmState::Alarm));
    table.add(&Column::own("answers.repeated"), Timestamp(1_000), 99.0, 1);
    memory = judge(&rules, Memory::default(), &table, Timestamp(2_000));
    assert_eq!(memory.held("C"), Some("held back while Maintenance is in ALARM"));
}

proptest! {
    #[test]
    fn judging_never_panics_and_repeats_itself(
        values in prop::collection::vec(prop::option::of(any::<f64>()), 0..12), second in 0i64..20,
    ) {
        let rules = rules(&format!(
            "{ALARM}---\nalarm: Math\nperiod: 1s\ndeploy: false\nthreshold: 0\nevaluation_periods: 3\n\
             comparison_operator: GreaterThanThreshold\nmetrics:\n  - {{ id: a, metric: requests, statistic: Sum }}\n  \
             - {{ id: e, expression: \"IF(a > 0, RATE(a) / a, FILL(a, LINEAR)) + STDDEV(a)\" }}\n"
        ));
        let mut table = Table::default();
        table.fill(&Column::own("requests"), Timestamp(0), Duration::from_secs(1), values);
        let once = judge(&rules, Memory::default(), &table, Timestamp(second * 1_000));
        prop_assert_eq!(format!("{once:?}"), format!("{:?}", judge(&rules, Memory::default(), &table, Timestamp(second * 1_000))));
    }
}

mod shipped {
    use super::*;
    use crate::controller::judge::trial::Trial;

    fn all() -> (Rules, Vec<Trial>) {
        let mut problems = Problems::default();
        let files = Files::shipped();
        let rules = Rules::load(&files, &mut problems);
        let trials = Trial::read(files.below("alarms/"), &rules, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        (rules, trials)
    }

    #[test]
    fn every_shipped_alarm_stands_as_its_unit_tests_say() {
        let (rules, trials) = all();
        for trial in trials {
            let failures = trial.run(&rules);
            assert!(failures.is_empty(), "{}: {failures:#?}", trial.name);
        }
    }

    #[test]
    fn every_shipped_alarm_is_seen_both_raised_and_not() {
        let (rules, trials) = all();
        let states = [AlarmState::Ok, AlarmState::Alarm];
        let all = rules.names().into_iter().flat_map(|name| states.map(|state| (name, state)));
        let unseen: Vec<_> =
            all.filter(|(name, state)| !trials.iter().any(|trial| trial.expects(name, *state))).collect();
        assert!(unseen.is_empty(), "no test in alarms/tests/ expects these: {unseen:?}");
    }
}
