//! The hand on the engine's knobs.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    clock::Clock,
    controller::actuator::{ActError, Actuator, Observed, Replay, Stamp},
    ids::KnobName,
    knob::board::{Board, Change, Refused},
};

/// Turns knobs of a board, compare-and-set on each knob's version.
#[derive(Clone, Debug)]
pub struct Knobs {
    board: Arc<Board>,
    clock: Clock,
}

impl Knobs {
    /// A hand on this board.
    pub fn new(board: Arc<Board>, clock: Clock) -> Self {
        Self { board, clock }
    }
}

#[async_trait]
impl Actuator for Knobs {
    async fn observe(&self, target: &str) -> Result<Observed, ActError> {
        let setting = self.board.get(target).ok_or_else(|| {
            let nearest = self.board.catalogue().nearest(target).cloned();
            ActError::Refused(Refused::Unknown { knob: target.into(), nearest }.to_string())
        })?;
        Ok(Observed { value: setting.value.to_string(), version: Some(setting.version) })
    }

    async fn set(&self, target: &str, to: &str, expected: &Observed, stamp: &Stamp) -> Result<(), ActError> {
        let knob = KnobName::from(target);
        let kind = self.board.catalogue().get(target).map(|knob| knob.default.clone());
        let to = kind.map_or_else(|| Err(format!("no knob is called `{target}`")), |kind| kind.parse_like(to));
        let change = Change {
            knob,
            to: to.map_err(ActError::Refused)?,
            expect: expected.version,
            author: stamp.author.clone(),
            reason: stamp.reason.clone(),
            incident: Some(stamp.incident.clone()),
            expires: stamp.expires,
        };
        match self.board.set(change, self.clock.now()) {
            Ok(_) => Ok(()),
            Err(Refused::Moved { knob, .. }) => {
                let found = self.board.get(&knob).map_or_else(String::new, |now| now.value.to_string());
                Err(ActError::Moved { target: target.to_owned(), found, expected: expected.value.clone() })
            }
            Err(refused) => Err(ActError::Refused(refused.to_string())),
        }
    }

    fn replay(&self) -> Replay {
        Replay::LookFirst
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        knob::catalogue::{Catalogue, EngineDefaults},
    };

    fn stamp() -> Stamp {
        Stamp {
            author: "policy:p".into(),
            reason: "a test".into(),
            incident: "i".into(),
            token: "t".into(),
            expires: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_knob_that_somebody_turned_meanwhile_is_left_alone() {
        let board = Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[])));
        let hand = Knobs::new(board.clone(), Clock::starting_at(Timestamp(0)));
        let seen = hand.observe("retry.max_attempts").await.expect("a known knob");
        hand.set("retry.max_attempts", "1", &seen, &stamp()).await.expect("nobody else turned it");
        let late = hand.set("retry.max_attempts", "0", &seen, &stamp()).await;
        assert!(matches!(late, Err(ActError::Moved { .. })), "{late:?}");
        assert_eq!(hand.observe("retry.max_attempts").await.expect("a known knob").value, "1");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_knob_is_refused_with_the_nearest_name() {
        let board = Arc::new(Board::new(Catalogue::new(&EngineDefaults::default(), &[], &[])));
        let error = Knobs::new(board, Clock::starting_at(Timestamp(0))).observe("retry.max").await;
        let text = error.expect_err("no such knob").to_string();
        assert_eq!(text, "no knob is called `retry.max`; did you mean `retry.max_attempts`?");
    }
}
