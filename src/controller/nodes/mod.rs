//! The engines that run elsewhere: who they are, how they stand, and what is asked of them over their API.
//!
//! [`Roster`] is what a controller knows of them; its [source](super::sense::remote) brings it up to date each second.
//! [`client`] asks one node, [`knobs`] keeps the knobs of all in step where no store does it, and [`hands`] acts on each.
//! A controller waits for [convergence](Roster::lagging) before it judges whether a change of knobs helped.

pub mod client;
pub mod hands;
pub mod knobs;
mod pulse;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use self::{client::NodeClient, pulse::Pulse};
use crate::{
    clock::Timestamp,
    ids::NodeId,
    telemetry::{registry::Reading, wire::Knobs},
};

/// The engines that run elsewhere.
#[derive(Debug, Default)]
pub struct Roster(Mutex<Vec<Node>>);

#[derive(Debug)]
struct Node {
    client: NodeClient,
    knobs: Option<Knobs>,
    delivered: Option<Timestamp>,
    trouble: Option<String>,
    pulse: Pulse,
}

/// How a node stands, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Its name.
    pub node: NodeId,
    /// Where it is asked.
    pub url: String,
    /// Whether it delivers.
    pub up: bool,
    /// When it delivered last; absent when it never did.
    pub delivered: Option<Timestamp>,
    /// What is wrong with it, if anything.
    pub trouble: Option<String>,
    /// The version of the knobs in force on it; absent when it never told.
    pub knobs: Option<u64>,
    /// Whether it has yet to take over the newest knobs.
    pub lags: bool,
    /// Questions a second over the last minute.
    pub requests: f64,
    /// Errors a second over the last minute.
    pub errors: f64,
    /// The 95th percentile of its answers over the last minute, in seconds; absent without answers.
    pub p95: Option<f64>,
}

impl Roster {
    /// These nodes, of which nothing is known yet.
    pub fn new(clients: impl IntoIterator<Item = NodeClient>) -> Self {
        let unknown = |client| Node { client, knobs: None, delivered: None, trouble: None, pulse: Pulse::default() };
        Self(Mutex::new(clients.into_iter().map(unknown).collect()))
    }

    /// How each may be asked.
    pub fn clients(&self) -> Vec<NodeClient> {
        self.nodes().iter().map(|node| node.client.clone()).collect()
    }

    /// A node delivered.
    pub fn delivered(&self, name: &NodeId, knobs: Knobs, news: &[Reading], now: Timestamp) {
        if let Some(node) = self.nodes().iter_mut().find(|node| *node.client.name() == *name) {
            (node.knobs, node.delivered, node.trouble) = (Some(knobs), Some(now), None);
            node.pulse.feel(news, now);
        }
    }

    /// A node did not deliver; `why` is a sentence for people.
    pub fn failed(&self, name: &NodeId, why: &str) {
        if let Some(node) = self.nodes().iter_mut().find(|node| *node.client.name() == *name) {
            node.trouble = Some(why.to_owned());
        }
    }

    /// A node was told the knobs, and says which are in force on it now.
    pub fn acknowledged(&self, name: &NodeId, knobs: Knobs) {
        if let Some(node) = self.nodes().iter_mut().find(|node| *node.client.name() == *name) {
            node.knobs = Some(knobs);
        }
    }

    /// Each node that delivers and has yet to take over this version of the knobs, in words. A silent one is a gap among the
    /// sources, and nobody waits for it.
    pub fn lagging(&self, version: u64) -> Vec<String> {
        let nodes = self.nodes();
        let behind = nodes.iter().filter_map(|node| {
            let has = node.knobs?.version;
            node.lags(version).then(|| format!("{} has version {has} of the knobs, not {version}", node.client.name()))
        });
        behind.collect()
    }

    /// How every node stands against this version of the knobs.
    pub fn standings(&self, version: u64, now: Timestamp) -> Vec<Standing> {
        self.nodes().iter().map(|node| node.standing(version, now)).collect()
    }

    /// The nodes that deliver and whose knobs are others than these.
    fn out_of_step(&self, with: Knobs) -> Vec<(NodeClient, Knobs)> {
        let nodes = self.nodes();
        let speaks = nodes.iter().filter(|node| node.trouble.is_none());
        speaks.filter_map(|node| Some((node.client.clone(), node.knobs.filter(|knobs| *knobs != with)?))).collect()
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn lags(&self, version: u64) -> bool {
        self.trouble.is_none() && self.knobs.is_some_and(|knobs| knobs.version < version)
    }

    fn standing(&self, version: u64, now: Timestamp) -> Standing {
        let (requests, errors, p95) = self.pulse.rates(now);
        Standing {
            node: self.client.name().clone(),
            url: self.client.url().to_owned(),
            up: self.delivered.is_some() && self.trouble.is_none(),
            delivered: self.delivered,
            trouble: self.trouble.clone(),
            knobs: self.knobs.map(|knobs| knobs.version),
            lags: self.lags(version),
            requests,
            errors,
            p95,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        Roster::new(["a", "b"].map(NodeClient::to_nowhere))
    }

    fn version(version: u64) -> Knobs {
        Knobs { version, digest: version }
    }

    #[test]
    fn a_node_with_older_knobs_lags_and_one_that_is_silent_is_not_waited_for() {
        let roster = roster();
        roster.delivered(&"a".into(), version(4), &[], Timestamp(1_000));
        roster.delivered(&"b".into(), version(5), &[], Timestamp(1_000));
        assert_eq!(roster.lagging(5), ["a has version 4 of the knobs, not 5"]);
        roster.failed(&"a".into(), "connection refused");
        assert_eq!(roster.lagging(5), [""; 0]);
        let standings = roster.standings(5, Timestamp(2_000));
        assert_eq!(
            standings.iter().map(|node| (node.up, node.lags)).collect::<Vec<_>>(),
            [(false, false), (true, false)]
        );
    }

    #[test]
    fn a_node_that_says_something_else_is_out_of_step_whatever_its_version() {
        let roster = roster();
        roster.delivered(&"a".into(), version(5), &[], Timestamp(1_000));
        roster.delivered(&"b".into(), Knobs { version: 5, digest: 1 }, &[], Timestamp(1_000));
        let out: Vec<_> = roster.out_of_step(version(5)).iter().map(|(client, _)| client.name().to_string()).collect();
        assert_eq!(out, ["b"]);
    }
}
