//! The whole loop against a table of measurements, a board, and a journal that outlives controllers.

use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    config::{files::Files, problem::Problems},
    controller::{
        act::knobs::Knobs,
        decide::validate::{Known, load},
        diagnose::trees,
        incident::{Incident, Outcome, Stage},
        judge::table::{Column, Table},
        notice::{Notice, NoticeKind},
        notify::outbox::Outbox,
    },
    knob::catalogue::{Catalogue, EngineDefaults},
};

const ALARMS: &str = r#"
alarm: Storm
metric: model.throttles
statistic: Sum
period: 10s
threshold: 10
comparison_operator: GreaterThanThreshold
treat_missing_data: notBreaching
description: models refuse
severity: P2
links: { dashboard: "https://example.org/d" }
---
alarm: Lonely
metric: cache.evictions
statistic: Sum
period: 10s
threshold: 10
comparison_operator: GreaterThanThreshold
treat_missing_data: notBreaching
severity: P3
"#;

const POLICY: &str = r#"
policy: calm
severity: P1
when: { alarm: Storm }
diagnose: upstream
do:
  - set: { knob: retry.max_attempts, to: 0 }
verify: { that: 'metric("Sum model.throttles over 10s") < 20', within: 60s }
revert: { when: clear for 30s, over: 60s, steps: 2 }
for: 5m
runbook: Look at the provider's status page.
---
policy: watch
severity: P3
when: { alarm: Storm }
do:
  - set: { knob: rate_limit.rate, to: 1000 }
verify: { that: 'metric("Sum model.throttles over 10s") < 20', within: 60s }
mode: observe
runbook: ""
"#;

const TREE: &str = r#"
diagnosis: upstream
questions:
  - id: many
    question: Are there many refusals?
    ask: metric("Sum model.throttles over 10s") > 100
    yes: { cause: regional_throttling, summary: The provider refuses for its own load., fix: Wait. }
    no: { cause: other, summary: Something else., fix: Look. }
"#;

/// A table that the test fills.
struct Eyes {
    table: Table,
    events: Vec<Event>,
}

#[async_trait]
impl Senses for Eyes {
    async fn look(&mut self, _: Timestamp) {}

    fn series(&self) -> &(dyn Series + Send + Sync) {
        &self.table
    }

    fn events(&self, since: Timestamp) -> Vec<Event> {
        self.events.iter().filter(|event| event.at >= since).cloned().collect()
    }
}

/// What outlives a controller.
struct House {
    board: Arc<Board>,
    clock: Clock,
    journal: Arc<Journal>,
    eyes: Eyes,
    rates: std::collections::BTreeMap<&'static str, f64>,
    start: Timestamp,
}

impl House {
    fn new() -> Self {
        Self::with(Journal::in_memory().expect("a journal"))
    }

    fn at(path: &Path) -> Self {
        Self::with(Journal::open(path).expect("a journal"))
    }

    fn with(journal: Journal) -> Self {
        let start = Timestamp(1_800_000_000_000);
        Self {
            board: Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[]))),
            clock: Clock::starting_at(start),
            journal: Arc::new(journal),
            eyes: Eyes { table: Table::default(), events: Vec::new() },
            rates: Default::default(),
            start,
        }
    }

    fn controller(&self, lease: Option<Lease>) -> Controller {
        let files =
            Files::of([("alarms/a.yaml", ALARMS), ("policies/p.yaml", POLICY), ("policies/diagnosis/t.yaml", TREE)]);
        let mut problems = Problems::default();
        let rules = Rules::load(&files, &mut problems);
        let trees = trees::load(&files, &rules, &mut problems);
        let names = trees.keys().map(ToString::to_string).collect();
        let known = Known { rules: &rules, trees: names, knobs: &self.board.catalogue() };
        let policies = load(&files, &known, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let hands = Hands::default().with("knob", Arc::new(Knobs::new(self.board.clone(), self.clock)));
        let parts = Parts {
            rules,
            trees,
            policies,
            limits: Limits::default(),
            board: self.board.clone(),
            hands,
            roster: Arc::default(),
            lease,
            journal: self.journal.clone(),
            clock: self.clock,
        };
        Controller::new(parts, &Registry::default()).expect("a readable journal")
    }

    /// From now on, so many per second.
    fn metric(&mut self, name: &'static str, per_second: f64) {
        self.rates.insert(name, per_second);
    }

    async fn pass(&mut self, controller: &Controller, seconds: u64) {
        for _ in 0..seconds {
            for (name, rate) in &self.rates {
                self.eyes.table.add(&Column::own(name), self.clock.now(), *rate, 1);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.clock.now();
            self.board.expire(now);
            controller.tick(&mut self.eyes, now).await;
        }
    }

    fn knob(&self, name: &str) -> String {
        self.board.get(name).expect("a knob").value.to_string()
    }

    async fn notices(&self) -> Vec<Notice> {
        let due = self.journal.due(Timestamp(i64::MAX), 1_000).await.expect("readable");
        due.into_iter().map(|open| open.notice).collect()
    }

    fn incident(&self) -> Incident {
        self.journal.incidents(1).expect("readable").remove(0)
    }

    fn stages(&self) -> Vec<(u64, Stage)> {
        let incident = self.incident();
        incident.timeline.iter().map(|entry| (entry.at.since(self.start).as_secs(), entry.stage)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_noticed_understood_remedied_verified_taken_back_and_told() {
    let mut house = House::new();
    let controller = house.controller(None);
    house.metric("model.throttles", 0.0);
    house.pass(&controller, 20).await;
    assert!(house.journal.incidents(1).expect("readable").is_empty());

    house.metric("model.throttles", 5.0);
    house.pass(&controller, 10).await;
    assert_eq!(house.knob("retry.max_attempts"), "0");
    house.metric("model.throttles", 0.0);
    house.pass(&controller, 200).await;
    assert_eq!(house.knob("retry.max_attempts"), "2");

    use Stage::*;
    let stages: Vec<_> = house.stages().into_iter().map(|(_, stage)| stage).collect();
    let expected = [Detected, Diagnosed, Acted, Cleared, Verified, Note, Reverted, Reverted, Closed, Closed];
    assert_eq!(stages, expected, "{:#?}", house.incident().timeline);
    let incident = house.incident();
    let action = &incident.actions[0];
    assert_eq!((action.words().as_str(), action.verdict), ("knob retry.max_attempts: 2 → 0", Some(Outcome::Pass)));
    assert!(action.undone.is_some() && incident.closed.is_some());
    let cause = incident.diagnosis.and_then(|found| found.cause);
    assert_eq!(cause.as_deref(), Some("other"), "ten refusals in ten seconds are not many");

    let notices = house.notices().await;
    let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
    use NoticeKind::*;
    assert_eq!(kinds, [Change, Trigger, Resolve, Change]);
    assert!(notices.iter().all(|notice| notice.dedup_key == incident.id));
}

#[tokio::test(start_paused = true)]
async fn a_page_says_what_happened_why_what_was_done_and_what_held_the_rest_back() {
    let mut house = House::new();
    let controller = house.controller(None);
    house.metric("model.throttles", 0.0);
    house.pass(&controller, 20).await;
    house.metric("model.throttles", 200.0);
    house.pass(&controller, 1).await;
    let notices = house.notices().await;
    let page = notices.iter().find(|notice| notice.kind == NoticeKind::Trigger).expect("somebody is told");
    let links: Vec<_> = page.links.iter().map(|(title, url)| format!("{title}: {url}\n")).collect();
    let text = format!("{:?} {}\n\n{}\n{}", page.severity, page.summary, page.body, links.concat());
    let golden = include_str!("../../../tests/golden/page.txt");
    assert_eq!(text, golden, "\n{text}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_without_a_policy_is_for_a_person() {
    let mut house = House::new();
    let controller = house.controller(None);
    house.metric("cache.evictions", 100.0);
    house.pass(&controller, 12).await;
    let notices = house.notices().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].body.contains("No policy acts on this alarm: it is for a person."), "{}", notices[0].body);
}

#[tokio::test(start_paused = true)]
async fn whenever_the_controller_dies_the_next_one_finishes_its_work_and_does_nothing_twice() {
    for seconds in (1..150).step_by(7) {
        let mut house = House::new();
        house.metric("model.throttles", 5.0);
        let first = house.controller(None);
        for second in 0..seconds {
            if second == 30 {
                house.metric("model.throttles", 0.0);
            }
            house.pass(&first, 1).await;
        }
        drop(first);
        let second = house.controller(None);
        if seconds <= 30 {
            house.pass(&second, 20).await;
            house.metric("model.throttles", 0.0);
        }
        house.pass(&second, 300).await;
        let turned: Vec<_> =
            house.board.history(100).into_iter().map(|changed| changed.setting.value.to_string()).collect();
        assert_eq!(turned, ["2", "1", "0"], "newest first, died after {seconds} s");
        assert!(house.incident().closed.is_some(), "died after {seconds} s");
        let resolved = house.notices().await.iter().filter(|notice| notice.kind == NoticeKind::Resolve).count();
        assert_eq!(resolved, 1, "died after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_stops_new_changes_and_a_resume_lets_them_happen() {
    let mut house = House::new();
    let controller = house.controller(None);
    controller.hold("aiko", "migration", false).expect("written");
    house.metric("model.throttles", 100.0);
    house.pass(&controller, 15).await;
    assert_eq!(house.knob("retry.max_attempts"), "2");
    assert_eq!(house.incident().guards["calm"], "aiko holds the controller: migration");
    controller.resume().expect("written");
    house.pass(&controller, 1).await;
    assert_eq!(house.knob("retry.max_attempts"), "0");
}

#[tokio::test(start_paused = true)]
async fn a_hold_can_take_everything_back_at_once() {
    let mut house = House::new();
    let controller = house.controller(None);
    house.metric("model.throttles", 100.0);
    house.pass(&controller, 15).await;
    assert_eq!(house.knob("retry.max_attempts"), "0");
    controller.hold("aiko", "it makes things worse", true).expect("written");
    house.pass(&controller, 2).await;
    assert_eq!(house.knob("retry.max_attempts"), "2");
}

#[tokio::test(start_paused = true)]
async fn the_hold_switch_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let house = House::at(&path);
    house.controller(None).hold("aiko", "migration", false).expect("written");
    drop(house);
    let house = House::at(&path);
    let hold = house.controller(None).overview().hold.expect("still held");
    assert_eq!((hold.by.as_str(), hold.reason.as_str()), ("aiko", "migration"));
}
