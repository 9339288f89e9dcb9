//! The decisions of policies against a small world: alarms that we set, a board whose knobs turn, answers that we give.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{
    episode::Phase,
    policy::Policy,
    state::{Hold, State},
    validate::{Known, load},
    verdict::{Decision, Tell, Verdict, Why},
    *,
};
use crate::{
    config::{files::Files, problem::Problems},
    controller::{
        alarm::AlarmState,
        incident::Outcome,
        judge::rules::Rules,
        order::{Order, Status},
    },
    knob::{
        board::{Board, Change},
        catalogue::{Catalogue, EngineDefaults, IntentDefaults, ModelDefaults},
        value::Value,
    },
    units::{Ratio, TimeSpan},
};

pub(super) const CALM: &str = r#"
policy: calm
severity: P2
when: { alarm: Storm }
do:
  - set: { knob: retry.max_attempts, to: 0 }
  - set: { knob: engine.mode, to: cache_only }
    if: alarm("Worse")
verify: { that: '!alarm("Storm")', within: 60s, at_least: 3 }
revert: { when: clear for 2m, over: 5m, steps: 5 }
cooldown: 10m
for: 10m
runbook: look
"#;

pub(super) fn catalogue() -> Catalogue {
    let intent = IntentDefaults {
        intent: "recommendation".into(),
        threshold: Ratio::basis_points(9_200),
        ttl: TimeSpan::secs(14_400),
        budget: Some(Ratio::basis_points(1_000)),
    };
    let models = ["primary", "secondary"].map(|model| ModelDefaults { model: model.into(), pool_size: 10 });
    Catalogue::new(&EngineDefaults::default(), &[intent], &models)
}

pub(super) fn rules() -> Rules {
    let alarm = |name: &str| {
        format!(
            "alarm: {name}\nmetric: requests\nstatistic: Sum\nperiod: 1m\nthreshold: 10\n\
             comparison_operator: GreaterThanThreshold\n"
        )
    };
    let text = ["Storm", "Worse", "Other", "Abuse"].map(alarm).join("---\n");
    let composite = "---\ncomposite: Calm\nrule: NOT ALARM(Storm) AND ALARM(Other)\n";
    let mut problems = Problems::default();
    let rules = Rules::load(&Files::of([("alarms/a.yaml", format!("{text}{composite}").as_str())]), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    rules
}

fn policies(text: &str) -> Vec<Policy> {
    let mut problems = Problems::default();
    let (rules, knobs) = (rules(), catalogue());
    let known = Known { rules: &rules, trees: ["upstream".to_owned()].into(), knobs: &knobs };
    let policies = load(&Files::of([("policies/p.yaml", text)]), &known, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    policies
}

/// A world in which orders are carried out at once.
struct Bench {
    policies: Vec<Policy>,
    limits: Limits,
    state: State,
    alarms: BTreeMap<AlarmName, Judgement>,
    answers: BTreeMap<String, Result<bool, String>>,
    events: Vec<Event>,
    lagging: Vec<String>,
    board: Board,
    now: Timestamp,
    told: Vec<Tell>,
    refusing: bool,
}

impl Bench {
    fn new(text: &str) -> Self {
        let mut bench = Self {
            policies: policies(text),
            limits: Limits::default(),
            state: State::default(),
            alarms: BTreeMap::new(),
            answers: BTreeMap::new(),
            events: Vec::new(),
            lagging: Vec::new(),
            board: Board::new(catalogue()),
            now: Timestamp(1_000_000_000),
            told: Vec::new(),
            refusing: false,
        };
        for name in ["Storm", "Worse", "Other", "Abuse"] {
            bench.alarm(name, AlarmState::Ok);
        }
        bench
    }

    fn alarm(&mut self, name: &str, state: AlarmState) {
        let judged = Judgement {
            alarm: name.into(),
            state,
            since: self.now,
            reason: format!("{name} is {state}"),
            points: Vec::new(),
            impaired: None,
            ever_had_data: true,
        };
        self.alarms.insert(name.into(), judged);
    }

    fn answer(&mut self, condition: &str, answer: Result<bool, &str>) {
        self.answers.insert(condition.to_owned(), answer.map_err(str::to_owned));
    }

    fn decide(&self) -> Decision {
        let catalogue = self.board.catalogue();
        let names = || catalogue.iter().map(|(name, _)| name.clone());
        let settings = names().filter_map(|name| Some((name.clone(), self.board.get(&name)?))).collect();
        // What is not answered is read from the alarms: `alarm("X")` and `!alarm("X")`.
        let holds = |condition: &Condition, _: Option<&Diagnosis>| {
            if let Some(answer) = self.answers.get(&condition.text) {
                return answer.clone();
            }
            let name = condition.text.split('"').nth(1).expect("a condition about an alarm");
            let on = self.alarms[name].state == AlarmState::Alarm;
            Ok(on != condition.text.starts_with('!'))
        };
        let nothing = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let seen = Seen {
            alarms: &self.alarms,
            suppressed: &nothing.0,
            diagnoses: &nothing.1,
            incidents: &nothing.2,
            settings: &settings,
            lagging: &self.lagging,
            events: &self.events,
            holds: &holds,
        };
        decide(&self.policies, &self.limits, &self.state, &seen, self.now)
    }

    /// Decides and carries out until nothing moves; the last decision.
    fn settle(&mut self) -> Decision {
        for _ in 0..100 {
            let decision = self.decide();
            let mut moved = false;
            for verdict in decision.verdicts.values() {
                let Verdict::Move(step, _) = verdict else { continue };
                moved = true;
                self.told.extend(step.tell.clone());
                self.state.adopt(step, self.now);
            }
            for mut order in
                self.state.episodes.values().filter_map(|episode| episode.order.clone()).collect::<Vec<_>>()
            {
                if order.not_before <= self.now {
                    self.carry_out(&mut order);
                    moved = true;
                }
            }
            if !moved {
                return decision;
            }
        }
        panic!("it never comes to rest");
    }

    fn carry_out(&mut self, order: &mut Order) {
        let kind = self.board.get(&order.target).expect("a knob").value;
        order.from = Some(kind.to_string());
        let change = Change {
            knob: order.target.as_str().into(),
            to: kind.parse_like(&order.to).expect("of its kind"),
            expect: None,
            author: format!("policy:{}", order.policy),
            reason: String::new(),
            incident: None,
            expires: order.expires,
        };
        order.status = match self.refusing {
            true => Status::Failed,
            false => self.board.set(change, self.now).map_or(Status::Failed, |_| Status::Done),
        };
        self.state.episodes.get_mut(&order.episode).expect("open").settle(order);
    }

    /// Lets time pass, second by second.
    fn pass(&mut self, seconds: u64) -> Decision {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.board.expire(self.now);
            self.settle();
        }
        self.settle()
    }

    fn why(&mut self, policy: &str) -> Why {
        self.settle().verdicts[policy].why().clone()
    }

    fn knob(&self, name: &str) -> String {
        self.board.get(name).expect("a knob").value.to_string()
    }

    fn phase(&self) -> Option<Phase> {
        self.state.episodes.values().next().map(|episode| episode.phase)
    }

    fn outcome(&self, policy: &str) -> Option<Outcome> {
        self.state.records[policy].outcome
    }

    fn turn(&mut self, knob: &str, to: Value, author: &str) {
        let change = Change {
            knob: knob.into(),
            to,
            expect: None,
            author: author.into(),
            reason: String::new(),
            incident: None,
            expires: None,
        };
        self.board.set(change, self.now).expect("within bounds");
    }
}

/// The storm begins, the remedy is applied and helps.
fn held() -> Bench {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.answer("!alarm(\"Storm\")", Ok(true));
    bench.pass(10);
    assert_eq!(bench.phase(), Some(Phase::Holding));
    bench
}

#[test]
fn a_silent_source_never_counts_as_healthy_nor_as_a_reason_to_act() {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::InsufficientData);
    assert_eq!(bench.why("calm"), Why::Blind { alarm: "Storm".into() });
}

#[test]
fn while_a_node_lags_behind_the_knobs_nothing_that_is_seen_counts_as_proof() {
    let mut bench = Bench::new(CALM);
    bench.lagging = vec!["b has version 1 of the knobs, not 2".into()];
    bench.alarm("Storm", AlarmState::Alarm);
    bench.answer("!alarm(\"Storm\")", Ok(true));
    bench.pass(30);
    assert_eq!(bench.phase(), Some(Phase::Verifying));
    assert!(matches!(bench.why("calm"), Why::Converging { .. }), "{}", bench.why("calm"));
    bench.lagging.clear();
    bench.pass(10);
    assert_eq!(bench.phase(), Some(Phase::Holding));
}

#[test]
fn a_node_that_never_follows_leaves_the_verdict_open_and_is_named() {
    let mut bench = Bench::new(CALM);
    bench.lagging = vec!["b has version 1 of the knobs, not 2".into()];
    bench.alarm("Storm", AlarmState::Alarm);
    bench.answer("!alarm(\"Storm\")", Ok(true));
    bench.pass(70);
    let told = format!("{:?}", bench.told);
    assert!(told.contains("b has version 1 of the knobs"), "{told}");
    assert!(!told.contains("InHand"), "nobody may say that it helped: {told}");
}

#[test]
fn doing_nothing_has_its_reason() {
    let mut bench = Bench::new(CALM);
    assert_eq!(bench.why("calm"), Why::NotTriggered);
    bench.alarm("Storm", AlarmState::Alarm);
    let hold = Hold { by: "aiko".into(), reason: "migration".into(), since: bench.now };
    bench.state.standing.hold = Some(hold);
    assert_eq!(bench.why("calm"), Why::Held { by: "aiko".into(), reason: "migration".into() });
    bench.state.standing.hold = None;
    bench.turn("retry.max_attempts", Value::Count(0), "operator:aiko");
    bench.turn("engine.mode", Value::Choice("cache_only".into()), "operator:aiko");
    assert_eq!(bench.why("calm"), Why::AlreadyThere);
}

#[test]
fn a_condition_that_nobody_can_tell_holds_back_like_one_that_is_false() {
    let mut bench = Bench::new(&CALM.replace("when: {", "if: alarm(\"Other\")\nwhen: {"));
    bench.alarm("Storm", AlarmState::Alarm);
    assert_eq!(bench.why("calm"), Why::ConditionFalse { condition: "alarm(\"Other\")".into(), cause: None });
    bench.answer("alarm(\"Other\")", Err("no data"));
    let unknown = Why::ConditionUnknown { condition: "alarm(\"Other\")".into(), missing: "no data".into() };
    assert_eq!(bench.why("calm"), unknown);
}

#[test]
fn a_remedy_is_applied_verified_held_and_taken_back_in_steps() {
    let mut bench = Bench::new(&CALM.replace("retry.max_attempts, to: 0", "rate_limit.rate, to: 5000"));
    bench.alarm("Storm", AlarmState::Alarm);
    bench.settle();
    assert_eq!((bench.phase(), bench.knob("rate_limit.rate").as_str()), (Some(Phase::Verifying), "5000"));
    bench.answer("!alarm(\"Storm\")", Ok(true));
    bench.pass(10);
    assert_eq!(bench.phase(), Some(Phase::Holding));
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(119);
    assert_eq!(bench.phase(), Some(Phase::Holding), "clear, but not for long enough");
    bench.pass(1);
    assert_eq!(bench.phase(), Some(Phase::Reverting));
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(bench.knob("rate_limit.rate"));
        bench.pass(60);
    }
    assert_eq!(seen, ["5000", "4400", "3800", "3200", "2600", "2000"]);
    assert_eq!((bench.phase(), bench.outcome("calm")), (None, Some(Outcome::Pass)));
    let back = bench.board.get("rate_limit.rate").expect("a knob");
    assert_eq!(back.expires, None, "it is back for good");
}

#[test]
fn without_samples_verification_is_inconclusive_never_pass() {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.answer("!alarm(\"Storm\")", Err("no requests"));
    bench.settle();
    bench.pass(59);
    assert_eq!(bench.phase(), Some(Phase::Verifying));
    bench.pass(1);
    assert_eq!(bench.state.open("calm").expect("still open").outcome, Some(Outcome::Inconclusive));
    assert!(matches!(bench.told.last(), Some(Tell::Page(text)) if text.contains("inconclusive")), "{:?}", bench.told);
}

#[test]
fn success_must_stay() {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.settle();
    for second in 0..59 {
        bench.answer("!alarm(\"Storm\")", Ok(second % 3 != 0)); // two good looks, then a bad one
        bench.pass(1);
    }
    assert_eq!(bench.phase(), Some(Phase::Verifying));
}

#[test]
fn a_remedy_that_does_not_help_is_rolled_back_and_a_person_is_called() {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.pass(61);
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (Some(Phase::Escalated), "2"));
    assert!(matches!(bench.told.last(), Some(Tell::Page(_))));
    bench.pass(600);
    assert_eq!(bench.knob("retry.max_attempts"), "2", "the policy does nothing more in this incident");
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(125);
    assert_eq!((bench.phase(), bench.outcome("calm")), (None, Some(Outcome::Fail)));
}

#[test]
fn several_failures_in_a_row_lock_the_policy() {
    let mut bench = Bench::new(&CALM.replace("for: 10m", "for: 10m\nmost_per_hour: 60"));
    for _ in 0..3 {
        bench.alarm("Storm", AlarmState::Alarm);
        bench.pass(61);
        bench.alarm("Storm", AlarmState::Ok);
        bench.pass(800);
    }
    bench.alarm("Storm", AlarmState::Alarm);
    assert_eq!(bench.why("calm"), Why::LockedAfterFailures { failures: 3 });
}

#[test]
fn an_alarm_that_comes_back_soon_after_counts_against_the_remedy() {
    let mut bench = held();
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(430);
    assert_eq!((bench.phase(), bench.outcome("calm")), (None, Some(Outcome::Pass)));
    bench.pass(600);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.settle();
    assert_eq!(bench.state.records["calm"].failures, 1);
}

#[test]
fn an_alarm_that_returns_while_the_remedy_is_taken_back_brings_it_back() {
    let mut bench = held();
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(120 + 200);
    assert_eq!(bench.knob("retry.max_attempts"), "1", "on its way back");
    bench.alarm("Storm", AlarmState::Alarm);
    bench.settle();
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (Some(Phase::Verifying), "0"));
    bench.pass(10);
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(130);
    assert_eq!(bench.phase(), Some(Phase::Holding), "the second time it must be clear for twice as long");
    bench.pass(700);
    assert_eq!(
        (bench.phase(), bench.knob("retry.max_attempts").as_str()),
        (None, "2"),
        "back to where it was at first"
    );
}

#[test]
fn silence_does_not_take_a_remedy_back_and_keeps_its_deadline_ahead() {
    let mut bench = held();
    bench.alarm("Storm", AlarmState::InsufficientData);
    bench.pass(3_600);
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (Some(Phase::Holding), "0"));
}

#[test]
fn a_step_that_was_not_needed_is_taken_when_it_is() {
    let mut bench = held();
    assert_eq!(bench.knob("engine.mode"), "normal");
    bench.alarm("Worse", AlarmState::Alarm);
    bench.pass(1);
    assert_eq!((bench.phase(), bench.knob("engine.mode").as_str()), (Some(Phase::Verifying), "cache_only"));
}

#[test]
fn a_controller_that_was_away_finds_its_remedy_expired_and_applies_it_again() {
    let mut bench = held();
    bench.now = bench.now + Duration::from_secs(3_600);
    bench.board.expire(bench.now);
    assert_eq!(bench.knob("retry.max_attempts"), "2", "the engine took it back by itself");
    bench.settle();
    assert_eq!(bench.knob("retry.max_attempts"), "0");
}

#[test]
fn a_person_who_turns_the_knob_has_the_last_word() {
    let mut bench = held();
    bench.turn("retry.max_attempts", Value::Count(1), "operator:aiko");
    bench.pass(1_200);
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (None, "1"));
    assert!(bench.told.contains(&Tell::Change(
        "aiko set retry.max_attempts to 1; the policy leaves it to them and steps back".into()
    )));
    assert_eq!(bench.why("calm"), Why::DealtWith);
}

#[test]
fn an_unknown_writer_stops_the_policy_and_is_named() {
    let mut bench = held();
    bench.turn("retry.max_attempts", Value::Count(1), "script");
    bench.settle();
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (Some(Phase::Escalated), "1"));
    assert!(
        matches!(bench.told.last(), Some(Tell::Page(text)) if text.starts_with("script set retry.max_attempts to 1"))
    );
}

#[test]
fn a_knob_has_one_writer_and_the_higher_priority_goes_first() {
    let second = CALM.replace("policy: calm", "policy: another").replace("cooldown:", "priority: 5\ncooldown:");
    let mut bench = Bench::new(&format!("{CALM}---{second}"));
    bench.alarm("Storm", AlarmState::Alarm);
    let held = Why::HeldBy { target: "retry.max_attempts".into(), writer: "policy another".into() };
    assert_eq!(bench.why("calm"), held);
}

#[test]
fn it_cools_down_between_two_episodes() {
    let mut bench = held();
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(430);
    let closed = bench.state.records["calm"].closed.expect("it closed");
    bench.alarm("Storm", AlarmState::Alarm);
    let until = closed + Duration::from_secs(600);
    assert_eq!(bench.why("calm"), Why::CoolingDown { until });
    assert_eq!(bench.decide().wake_at, Some(until));
}

#[test]
fn all_policies_share_one_budget() {
    let mut bench = held();
    bench.limits.changes_per_hour = 1;
    bench.alarm("Storm", AlarmState::Ok);
    bench.pass(430 + 600);
    bench.alarm("Storm", AlarmState::Alarm);
    assert!(matches!(bench.why("calm"), Why::BudgetSpent { whose: "the controller's", .. }));
}

#[test]
fn an_observer_only_says_what_it_would_do() {
    let mut bench = Bench::new(&CALM.replace("cooldown:", "mode: observe\ncooldown:"));
    bench.alarm("Storm", AlarmState::Alarm);
    let would = "set retry.max_attempts to 0, then set engine.mode to cache_only if alarm(\"Worse\")".to_owned();
    assert_eq!(bench.why("calm"), Why::ObserveOnly { would });
    assert_eq!(bench.knob("retry.max_attempts"), "2");
}

#[test]
fn a_proposal_waits_and_is_forgotten_when_the_alarm_clears() {
    let mut bench = Bench::new(&CALM.replace("cooldown:", "mode: approve\ncooldown:"));
    bench.alarm("Storm", AlarmState::Alarm);
    assert!(matches!(bench.why("calm"), Why::AwaitingApproval { .. }));
    assert!(matches!(bench.told.last(), Some(Tell::Page(text)) if text.contains("banto approve calm@")));
    bench.pass(300);
    assert_eq!(bench.knob("retry.max_attempts"), "2");
    bench.alarm("Storm", AlarmState::Ok);
    bench.settle();
    assert_eq!(bench.phase(), None);
}

#[test]
fn an_alarm_that_rules_it_out_must_be_known_to_be_ok() {
    let mut bench = Bench::new(&CALM.replace("when: {", "unless: [Abuse]\nwhen: {"));
    bench.alarm("Storm", AlarmState::Alarm);
    bench.alarm("Abuse", AlarmState::InsufficientData);
    assert_eq!(bench.why("calm"), Why::RuledOut { alarm: "Abuse".into() });
}

#[test]
fn a_step_that_is_refused_takes_the_others_back() {
    let mut bench = Bench::new(CALM);
    bench.alarm("Storm", AlarmState::Alarm);
    bench.refusing = true;
    bench.settle();
    assert_eq!(bench.phase(), Some(Phase::Escalated));
}

#[test]
fn a_policy_that_is_gone_from_the_files_takes_its_changes_back() {
    let mut bench = held();
    bench.policies.clear();
    bench.settle();
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (None, "2"));
}

#[test]
fn an_event_is_dealt_with_once() {
    let text = CALM.replace("{ alarm: Storm }", "{ event: deployment, about: prompt }");
    let mut bench = Bench::new(&text);
    let event =
        |subject: &str, at| Event { at, kind: "deployment".into(), subject: subject.into(), details: BTreeMap::new() };
    bench.events.push(event("service 7", bench.now));
    assert_eq!(bench.why("calm"), Why::NotTriggered);
    bench.events.push(event("prompt v2.4", bench.now));
    bench.settle();
    assert_eq!(bench.knob("retry.max_attempts"), "0");
    bench.pass(2_000);
    assert_eq!((bench.phase(), bench.knob("retry.max_attempts").as_str()), (None, "2"));
}

#[test]
fn a_schedule_follows_its_own_calendar() {
    let text = CALM.replace("{ alarm: Storm }", "{ schedule: '0 0 3 * * *', zone: Asia/Tokyo }");
    let mut bench = Bench::new(&text);
    bench.now = Timestamp(18 * 3_600_000 - 1_000); // 02:59:59 in Tokyo
    assert_eq!(bench.why("calm"), Why::NotTriggered);
    assert_eq!(bench.decide().wake_at, Some(Timestamp(18 * 3_600_000)));
    bench.pass(1);
    assert_eq!(bench.knob("retry.max_attempts"), "0");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the alarms, the answers and the people do: no illegal turn, no knob out of bounds, and once everything is
    /// calm for long enough every knob that nobody else turned is back where it was.
    #[test]
    fn whatever_happens_everything_returns(moves in prop::collection::vec((0..8u8, 1..400u64), 1..30)) {
        let mut bench = Bench::new(CALM);
        for (what, seconds) in moves {
            match what {
                0 => bench.alarm("Storm", AlarmState::Alarm),
                1 => bench.alarm("Storm", AlarmState::Ok),
                2 => bench.alarm("Storm", AlarmState::InsufficientData),
                3 => bench.alarm("Worse", AlarmState::Alarm),
                4 => bench.alarm("Worse", AlarmState::Ok),
                5 => bench.answer("!alarm(\"Storm\")", Ok(true)),
                6 => bench.answer("!alarm(\"Storm\")", Ok(false)),
                _ => bench.answer("!alarm(\"Storm\")", Err("no data")),
            }
            bench.pass(seconds);
            prop_assert!(["0", "1", "2"].contains(&bench.knob("retry.max_attempts").as_str()));
        }
        bench.alarm("Storm", AlarmState::Ok);
        bench.alarm("Worse", AlarmState::Ok);
        bench.pass(3_000);
        prop_assert_eq!(bench.phase(), None);
        prop_assert_eq!(bench.knob("retry.max_attempts"), "2");
        prop_assert_eq!(bench.knob("engine.mode"), "normal");
    }
}
