//! Whether a load balancer should send questions to this node: not while the resolver of its zone fails and somebody says
//! that others do better.
//!
//! A node cannot know whether others do better, so it does not leave by itself: the knob `ready.needs_resolver` says so, for
//! all nodes, and each goes by its own resolver. At most one zone of a fleet leaves at a time, by a claim in the store; where
//! the store does not answer, or the zone is not known, nobody does. Questions that come all the same are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use tracing::warn;

use crate::{
    clock::{Clock, Timestamp},
    knob::{board::Board, value::Value},
    resolve::{Resolver, standing::Health, zone},
    store::{Store, claim::Claim},
    telemetry::{catalogue, metric::Gauge, registry::Registry},
};

/// The knob.
pub const NEEDS_RESOLVER: &str = "ready.needs_resolver";

/// A resolver that takes longer than this on average is as good as none.
const SLOW: Duration = Duration::from_millis(500);
/// For so long after its resolver was bad, a node does not come back.
const CALM: Duration = Duration::from_secs(90);
/// How long the claim of a zone lasts, and how often it is renewed.
const LASTS: Duration = Duration::from_secs(60);
const RENEWED: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_secs(1);

/// Whether this node is fit to serve.
#[derive(Debug)]
pub struct Readiness {
    withdrawn: AtomicBool,
    shown: Arc<Gauge>,
}

impl Readiness {
    /// Fit.
    pub fn new(zone: &str, registry: &Registry) -> Self {
        Self { withdrawn: AtomicBool::new(false), shown: registry.gauge(&catalogue::WITHDRAWN, &[zone]) }
    }

    /// Whether questions should come.
    pub fn is_fit(&self) -> bool {
        !self.withdrawn.load(Relaxed)
    }

    fn be(&self, withdrawn: bool, zone: &str) {
        self.shown.set(f64::from(u8::from(withdrawn)));
        if self.withdrawn.swap(withdrawn, Relaxed) != withdrawn {
            warn!(zone, withdrawn, "This node says that it is not ready while the resolver of its zone fails.");
        }
    }
}

/// What looking after a node's readiness takes.
pub struct Watch {
    /// Whose readiness.
    pub readiness: Arc<Readiness>,
    /// The node's resolver.
    pub resolver: Resolver,
    /// The knobs.
    pub board: Arc<Board>,
    /// Where zones agree on who leaves.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
}

impl Watch {
    /// Looks each second, until dropped.
    pub async fn run(self) {
        let claim = Claim::new("withdrawn-zone", self.resolver.zone());
        let is_placed = self.resolver.zone() != zone::UNKNOWN;
        let mut course = Course::default();
        loop {
            let (now, health) = (self.clock.now(), self.resolver.health());
            if course.asks(is_placed && self.needs_resolver(), &health, now) {
                let held = claim.hold(&*self.store, now, LASTS).await;
                course.told(held.unwrap_or(false), now);
            }
            self.readiness.be(course.is_away(now), self.resolver.zone());
            sleep(LOOK).await;
        }
    }

    fn needs_resolver(&self) -> bool {
        self.board.get(NEEDS_RESOLVER).is_some_and(|setting| setting.value == Value::Flag(true))
    }
}

/// How a node comes to leave and to return. Pure.
#[derive(Debug, Default)]
struct Course {
    /// When its resolver was bad last.
    bad: Option<Timestamp>,
    wants: bool,
    asked: Option<Timestamp>,
    held_until: Option<Timestamp>,
}

impl Course {
    /// Whether the claim is to be asked for now.
    fn asks(&mut self, needs: bool, health: &Health, now: Timestamp) -> bool {
        if health.is_bad(SLOW) {
            self.bad = Some(now);
        }
        self.wants = needs && self.bad.is_some_and(|bad| now.since(bad) < CALM);
        self.wants && self.asked.is_none_or(|asked| now.since(asked) >= RENEWED)
    }

    /// What became of the claim.
    fn told(&mut self, held: bool, now: Timestamp) {
        self.asked = Some(now);
        if held {
            self.held_until = Some(now + LASTS);
        }
    }

    fn is_away(&self, now: Timestamp) -> bool {
        self.wants && self.held_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow() -> Health {
        Health { latency: Some(Duration::from_millis(1_100)), lookups: 3, failed: 0 }
    }

    fn well() -> Health {
        Health { latency: Some(Duration::from_millis(4)), lookups: 3, failed: 0 }
    }

    /// Away or not, after these seconds, each with how the resolver does and whether the claim can be had.
    fn go(course: &mut Course, needs: bool, seconds: std::ops::Range<i64>, health: Health, claim: bool) -> bool {
        let mut away = false;
        for second in seconds {
            let now = Timestamp(second * 1_000);
            if course.asks(needs, &health, now) {
                course.told(claim, now);
            }
            away = course.is_away(now);
        }
        away
    }

    #[test]
    fn a_bad_resolver_alone_makes_nobody_leave() {
        assert!(!go(&mut Course::default(), false, 0..600, slow(), true));
        assert!(go(&mut Course::default(), true, 0..600, slow(), true));
    }

    #[test]
    fn a_zone_stays_while_another_is_away() {
        assert!(!go(&mut Course::default(), true, 0..600, slow(), false));
    }

    #[test]
    fn a_node_comes_back_when_its_resolver_has_been_well_for_a_while_or_it_is_told_to() {
        let mut course = Course::default();
        assert!(go(&mut course, true, 0..10, slow(), true));
        assert!(go(&mut course, true, 10..99, well(), true));
        assert!(!go(&mut course, true, 99..101, well(), true));
        let mut told = Course::default();
        assert!(go(&mut told, true, 0..10, slow(), true));
        assert!(!go(&mut told, false, 10..11, slow(), true));
    }

    #[test]
    fn a_zone_that_lost_its_claim_comes_back() {
        let mut course = Course::default();
        assert!(go(&mut course, true, 0..10, slow(), true));
        assert!(!go(&mut course, true, 10..75, slow(), false));
    }
}
