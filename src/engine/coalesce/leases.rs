//! The leads this node holds for the fleet, renewed by one task for all of them while their leaders work.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;

use super::Node;
use crate::store::Fence;

/// Leads held, by flight.
#[derive(Default)]
pub(super) struct Leases(BTreeMap<u64, Fence>);

impl Leases {
    /// Holds one; `true` when it is the only one.
    pub(super) fn hold(&mut self, flight: u64, fence: Fence) -> bool {
        self.0.insert(flight, fence);
        self.0.len() == 1
    }

    /// Holds one no longer.
    pub(super) fn drop(&mut self, flight: u64) -> Option<Fence> {
        self.0.remove(&flight)
    }
}

/// Renews for ever, three times a lease, while there is anything to renew.
pub(super) async fn renew(node: Arc<Node>) {
    loop {
        let held: Vec<_> = node.state().leases.0.iter().map(|(flight, fence)| (*flight, *fence)).collect();
        if held.is_empty() {
            node.leading.notified().await;
        }
        let renewals = held.iter().map(|(_, fence)| node.store.renew(fence, node.waits.lease));
        for ((flight, _), renewed) in held.iter().zip(join_all(renewals).await) {
            // Lost: another node leads as well by now. The answer here goes on, it is wanted; only the lead is not ours.
            if matches!(renewed, Ok(false)) {
                node.state().leases.drop(*flight);
            }
        }
        tokio::time::sleep(node.waits.lease / 3).await;
    }
}
