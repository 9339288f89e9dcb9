//! The load balancer before the fleet: asks each node now and then whether it is ready, as `/readyz` would say, and sends
//! people to those that are; to all, when none is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
};

use crate::{clock::Timestamp, engine::readiness::Readiness};

/// How often a node is asked. Unit: seconds.
const EVERY: i64 = 10;

pub(super) struct Balancer {
    nodes: Vec<(Arc<Readiness>, AtomicBool)>,
    asked: AtomicI64,
}

impl Balancer {
    pub(super) fn new(nodes: impl Iterator<Item = Arc<Readiness>>) -> Self {
        let nodes = nodes.map(|node| (node, AtomicBool::new(true))).collect();
        Self { nodes, asked: AtomicI64::new(i64::MIN) }
    }

    /// Asks every node, when it is time.
    pub(super) fn look(&self, now: Timestamp) {
        let turn = now.seconds().div_euclid(EVERY);
        if self.asked.swap(turn, Relaxed) != turn {
            self.nodes.iter().for_each(|(node, in_service)| in_service.store(node.is_fit(), Relaxed));
        }
    }

    /// Where somebody goes who would go to this node: there, or to the next one that is in service.
    pub(super) fn pick(&self, node: u32) -> usize {
        let count = self.nodes.len().max(1);
        let from = node as usize % count;
        let next = (0..count).map(|step| (from + step) % count);
        let is_in_service = |at: &usize| self.nodes.get(*at).is_some_and(|(_, in_service)| in_service.load(Relaxed));
        next.into_iter().find(is_in_service).unwrap_or(from)
    }
}
