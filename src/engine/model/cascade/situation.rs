//! How the models stand, for people who ask whether the service works. It is read from this process alone: it can be told
//! while everything else is gone.

use super::Cascade;
use crate::{clock::Timestamp, engine::model::outages::Outage};

/// How well questions are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As usual.
    Operational,
    /// By fewer models than usual, or only those that were answered before.
    Limited,
    /// No model answers; what is kept is still served.
    Outage,
}

/// The models of one node at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// When.
    pub at: Timestamp,
    /// `normal`, `secondary_only` or `cache_only`.
    pub mode: String,
    /// Whether each model is asked, the primary first: its breaker lets a request through.
    pub up: Vec<bool>,
    /// Times when no model answered, the newest last; the last one may still go on.
    pub outages: Vec<Outage>,
    /// When the present outage should be over; `None` without one, or when nobody knows.
    pub recovery: Option<Timestamp>,
}

impl Situation {
    /// How well questions are answered.
    pub fn health(&self) -> Health {
        let may_ask = |place: usize| match self.mode.as_str() {
            "cache_only" => false,
            "secondary_only" => place > 0,
            _ => true,
        };
        let asked: Vec<_> =
            self.up.iter().enumerate().filter(|(place, _)| may_ask(*place)).map(|(_, up)| *up).collect();
        let nobody_is_up = !asked.is_empty() && asked.iter().all(|up| !up);
        if self.outage().is_some() || nobody_is_up {
            Health::Outage
        } else if self.mode != "normal" || self.up.contains(&false) {
            Health::Limited
        } else {
            Health::Operational
        }
    }

    /// The outage that goes on.
    pub fn outage(&self) -> Option<&Outage> {
        self.outages.last().filter(|outage| outage.end.is_none())
    }
}

impl Cascade {
    /// How the models stand now.
    pub fn situation(&self) -> Situation {
        self.follow_knobs();
        let (at, outages) = (self.clock.now(), self.outages());
        Situation {
            at,
            mode: self.course.load().mode().to_owned(),
            up: self.lanes.iter().map(|lane| !lane.breaker.refuses()).collect(),
            recovery: outages.estimate(at).map(|left| at + left),
            outages: outages.list(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(mode: &str, up: [bool; 2], outages: &[Outage]) -> Health {
        let outages = outages.to_vec();
        Situation { at: Timestamp(9), mode: mode.into(), up: up.into(), outages, recovery: None }.health()
    }

    #[test]
    fn the_mode_the_breakers_and_the_outages_decide_together() {
        let open = Outage { start: Timestamp(0), end: None };
        let over = Outage { start: Timestamp(0), end: Some(Timestamp(5)) };
        assert_eq!(health("normal", [true, true], &[over]), Health::Operational);
        assert_eq!(health("normal", [true, true], &[over, open]), Health::Outage);
        assert_eq!(health("normal", [false, true], &[]), Health::Limited);
        assert_eq!(health("normal", [false, false], &[]), Health::Outage);
        assert_eq!(health("secondary_only", [true, true], &[]), Health::Limited);
        assert_eq!(health("secondary_only", [true, false], &[]), Health::Outage);
        assert_eq!(health("cache_only", [false, false], &[]), Health::Limited, "nobody is asked, nobody fails");
    }
}
