use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;

use super::*;
use crate::{
    controller::alarm::AlarmState,
    drill::{
        fleet::{NoAnswer, Told},
        plan::What,
        story::{AlarmTurn, Note, NoteOf},
    },
    engine::source::Source,
};

const DRILL: &str = "
drill: example
about: a model that is throttled for a minute
incident: { from: nowhere }
seed: 1
start: 2026-03-05T19:22:00+09:00
warm_up: 1m
lasts: 5m
nodes: 2
users: { patience: 3s, again_after_error: 0.5, again_after_degraded: 0, pause: 2s, most_again: 2, tiers: { anonymous: 1 } }
words: { title: [One Piece, Naruto] }
questions: { all: [{ share: 1, text: 'Is {title} in stock?' }] }
traffic: [{ flow: all, users: 9, asks: all, rate: [{ at: -1m, per_second: 5 }, { at: 5m, per_second: 5 }] }]
world:
  - { at: 30s, model: primary, now: { faults: [{ kind: throttle, share: 0.5 }] } }
  - { at: 90s, model: primary, now: {} }
models: [{ model: primary, first_token: 1s, per_token: 1ms, prices: { prompt: 3, cached: 0, written: 3, completion: 15 } }]
harm: { slower_than: 2s, share: 0.05 }
";

/// A fleet that refuses the share of questions that the world says, and takes up to two seconds for the others.
struct OneModel {
    dice: crate::dice::Dice,
    refuses: AtomicU64,
    calls: AtomicU64,
}

#[async_trait]
impl Fleet for OneModel {
    fn nodes(&self) -> u32 {
        2
    }

    async fn ask(&self, _: u32, visitor: &Visitor) -> Result<Told, NoAnswer> {
        self.calls.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_secs(2).mul_f64(self.dice.roll())).await;
        if self.dice.roll() * 100.0 < self.refuses.load(Relaxed) as f64 {
            return Err(NoAnswer("throttled".into()));
        }
        Ok(Told { source: Source::Primary, text: visitor.question.text.clone(), trace: String::new() })
    }

    async fn complain(&self, _: u32, _: &str) {}

    async fn happen(&self, what: &What) {
        if let What::Model { now, .. } = what {
            let share: f64 = now.faults.iter().map(|fault| fault.share.as_f64()).sum();
            self.refuses.store((share * 100.0) as u64, Relaxed);
        }
    }

    async fn tick(&self) {}

    fn is_busy(&self) -> bool {
        false
    }

    fn upstream(&self) -> Upstream {
        Upstream { calls: self.calls.load(Relaxed), ..Upstream::default() }
    }

    fn story(&self) -> Story {
        let note = |at, of, text: &str| Note { at: Offset(at), of, text: text.into() };
        let notes = vec![
            note(30_000, NoteOf::World, "primary refuses half of its calls"),
            note(90_000, NoteOf::World, "primary is as usual <again>"),
        ];
        let alarms = vec![AlarmTurn { at: Offset(40_000), alarm: "Throttled".into(), to: AlarmState::Alarm }];
        Story { notes, alarms, ..Story::default() }
    }
}

pub(in crate::drill) fn plan() -> Plan {
    Plan::read("example.yaml", DRILL).expect("a good file").remove(0)
}

/// The example, played: for tests of reports too.
pub(in crate::drill) fn played(seed: u64) -> Played {
    let plan = plan();
    let build = |setting: Setting<'_>| {
        let dice = crate::dice::Dice::seeded(setting.seed);
        Ok(Arc::new(OneModel { dice, refuses: AtomicU64::default(), calls: AtomicU64::default() }) as Arc<dyn Fleet>)
    };
    play(&plan, seed, None, build, |_, _| {}).expect("it plays")
}

#[test]
fn users_meet_what_the_world_does_when_it_does_it() {
    let run = played(1).with.expect("a run with the controller");
    let failed: Vec<_> = run.served.iter().filter(|it| it.is_error()).map(|it| it.ended.0 / 1_000).collect();
    assert!(failed.len() > 100, "{}", failed.len());
    assert!(failed.iter().all(|second| (30..92).contains(second)), "{failed:?}");
    assert_eq!(run.grade.errors, failed.len() as u64);
    let recovered = run.grade.recover_s.expect("it recovers");
    assert!((60.0..75.0).contains(&recovered), "{recovered} s after the break, which lasted a minute");
}

#[test]
fn some_people_ask_again_after_an_error_and_every_question_is_an_attempt() {
    let run = played(1).without.expect("a run without the controller");
    let first: u64 = traffic::draw(&played(1).plan, 1).iter().filter(|it| it.at.0 >= 0).count() as u64;
    assert!(run.grade.requests > first + 30, "{} of {first}", run.grade.requests);
    assert_eq!(run.served.len() as u64, run.upstream.last().expect("a reading").1.calls);
}

#[test]
fn one_seed_makes_one_report_and_another_seed_another() {
    let served = |seed| played(seed).with.map(|run| run.served);
    assert_eq!(served(1), served(1));
    assert_ne!(served(1), served(2));
}
