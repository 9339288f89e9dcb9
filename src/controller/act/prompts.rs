//! The hand that takes back what was deployed lately: each prompt returns to the version before.
//!
//! What a person has put in force for good is left alone, and so is what was taken back already.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    clock::{Clock, Timestamp},
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    ids::KnobName,
    knob::{
        board::{Board, Change, Setting},
        catalogue::Returns,
    },
};

/// A deployment older than this is not what has just broken.
const LATELY: Duration = Duration::from_secs(3_600);
/// What the authors of a deployment's settings begin with; the deployment's time follows.
const DEPLOYMENT: &str = "deployment:";

/// Takes prompts back, on this board.
pub struct RollingBack {
    board: Arc<Board>,
    clock: Clock,
}

impl RollingBack {
    /// A hand on this board.
    pub fn new(board: Arc<Board>, clock: Clock) -> Self {
        Self { board, clock }
    }

    /// What was deployed lately and has somewhere to return to.
    fn deployed(&self) -> Vec<(KnobName, Setting)> {
        let (catalogue, now) = (self.board.catalogue(), self.clock.now());
        let is_recent = |setting: &Setting| {
            let made_at = setting.author.strip_prefix(DEPLOYMENT).and_then(|at| at.parse().ok()).map(Timestamp);
            setting.before.is_some() && made_at.is_some_and(|at| now.since(at) < LATELY)
        };
        let prompts = catalogue.iter().filter(|(_, knob)| knob.returns == Returns::Before);
        let settings = prompts.filter_map(|(name, _)| Some((name.clone(), self.board.get(name)?)));
        settings.filter(|(_, setting)| is_recent(setting)).collect()
    }
}

#[async_trait]
impl Actuator for RollingBack {
    async fn observe(&self, _target: &str) -> Result<Observed, ActError> {
        let shown = |(name, setting): &(KnobName, Setting)| format!("{name} {}", setting.value);
        let value = self.deployed().iter().map(shown).collect::<Vec<_>>().join(", ");
        Ok(Observed { value, version: None })
    }

    async fn set(&self, _target: &str, _to: &str, _expected: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        let deployed = self.deployed();
        if deployed.is_empty() {
            return Err(ActError::Refused(
                "no prompt was deployed within the last hour that could be taken back".into(),
            ));
        }
        for (knob, setting) in deployed {
            let Some(to) = setting.before else { continue };
            let change = Change {
                knob,
                to,
                expect: Some(setting.version),
                author: stamp.author.clone(),
                reason: stamp.reason.clone(),
                incident: Some(stamp.incident.clone()),
                expires: None,
            };
            self.board.set(change, self.clock.now()).map_err(|refused| ActError::Refused(refused.to_string()))?;
        }
        Ok(())
    }

    /// A second time finds nothing that a deployment made.
    fn replay(&self) -> Replay {
        Replay::Safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::{
        catalogue::{Catalogue, EngineDefaults},
        value::Value,
    };

    fn board() -> Arc<Board> {
        let mut knobs = Catalogue::new(&EngineDefaults::default(), &[], &[]);
        let words = ["off", "v1", "v2"].map(String::from).to_vec();
        knobs.add_prompts([("prompt.a".to_owned(), words.clone()), ("prompt.b".to_owned(), words)]);
        Arc::new(Board::new(knobs))
    }

    fn put(board: &Board, knob: &str, to: &str, author: &str) {
        let (to, author) = (Value::Choice(to.into()), author.into());
        let reason = "a test".into();
        let change = Change { knob: knob.into(), to, expect: None, author, reason, incident: None, expires: None };
        board.set(change, Timestamp(0)).expect("a known version");
    }

    fn value(board: &Board, knob: &str) -> String {
        board.get(knob).expect("a known knob").value.to_string()
    }

    fn stamp() -> Stamp {
        let (author, reason, incident) = ("policy:p".into(), "a test".into(), "i".into());
        Stamp { author, reason, incident, token: "t".into(), expires: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_deployed_lately_returns_once_and_what_a_person_keeps_stays() {
        let (board, clock) = (board(), Clock::starting_at(Timestamp(10_000_000)));
        put(&board, "prompt.a", "v1", "deployment:1000");
        put(&board, "prompt.a", "v2", "deployment:9000000");
        put(&board, "prompt.b", "v2", "operator:aiko");
        let hand = RollingBack::new(board.clone(), clock);
        let seen = hand.observe("prompts").await.expect("seen");
        assert_eq!(seen.value, "prompt.a v2");
        hand.set("prompts", "before", &seen, &stamp()).await.expect("taken back");
        assert_eq!((value(&board, "prompt.a"), value(&board, "prompt.b")), ("v1".into(), "v2".into()));
        let again = hand.set("prompts", "before", &seen, &stamp()).await.expect_err("nothing is left").to_string();
        assert!(again.contains("no prompt was deployed"), "{again}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_deployed_long_ago_is_not_what_broke() {
        let (board, clock) = (board(), Clock::starting_at(Timestamp(10_000_000)));
        put(&board, "prompt.a", "v2", "deployment:1000");
        assert_eq!(RollingBack::new(board, clock).observe("prompts").await.expect("seen").value, "");
    }
}
