//! The engine as a source: reads the registries of the nodes in this process, once a second.
//!
//! A look costs one atomic read for each series that did not move. A node that restarts comes with a new registry, whose
//! counts start at 0; what it counted before stays counted.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    history::{ENGINE, History},
    own::{Measured, Own, Part, Row},
};
use crate::{
    clock::Timestamp,
    ids::NodeId,
    telemetry::{
        metric::{Counter, Distribution, Gauge, Spread},
        registry::{Cell, Registry},
    },
};

/// A node that was not looked at for this long leaves a gap in the seconds between.
pub(super) const MOST_APART: i64 = 5;
/// Silence longer than this is a gap.
pub(super) const PATIENCE: Duration = Duration::from_secs(MOST_APART as u64);

/// The nodes in this process.
#[derive(Debug, Default)]
pub struct EngineSource(BTreeMap<NodeId, Node>);

#[derive(Debug)]
struct Node {
    part: Part,
    registry: Arc<Registry>,
    cells: Vec<Watched>,
    known: usize,
    /// The second of the last look.
    last: Option<i64>,
}

/// A series and what it showed at the last look.
#[derive(Debug)]
struct Watched {
    row: Row,
    cell: Seen,
}

#[derive(Debug)]
enum Seen {
    Counter(Arc<Counter>, u64),
    Gauge(Arc<Gauge>),
    Distribution(Arc<Distribution>, u64, Spread),
}

impl EngineSource {
    /// Looks at a node from now on. A node that restarted is watched again, with its new registry.
    pub fn watch(&mut self, node: NodeId, registry: Arc<Registry>) {
        self.watch_part(node, Part::Both, registry);
    }

    /// Looks from now on at what this part of a process measures.
    pub fn watch_part(&mut self, node: NodeId, part: Part, registry: Arc<Registry>) {
        self.0.insert(node, Node { part, registry, cells: Vec::new(), known: 0, last: None });
    }

    /// A node is gone: nothing that it does not say counts as 0 any more.
    pub fn forget(&mut self, node: &NodeId, history: &History) {
        self.0.remove(node);
        history.gaps(|gaps| gaps.forget(&source(node)));
    }

    /// Looks at every node, in the order of their names. What came since the last look counts in the second before `now`.
    pub fn look(&mut self, history: &History, now: Timestamp) {
        let second = Timestamp(now.0 - 1).seconds();
        let refused = history.measure(|own| self.0.values_mut().map(|node| node.look(own, second)).sum());
        history.refuse(refused);
        history.gaps(|gaps| {
            for (node, _) in self.0.iter().filter(|(_, node)| node.part != Part::Controller) {
                gaps.expect(&source(node), PATIENCE, now);
                gaps.delivered(&source(node), now);
            }
        });
    }
}

/// The name of a node as a source.
pub(super) fn source(node: &NodeId) -> String {
    format!("{ENGINE}{node}")
}

impl Node {
    /// Takes in what moved; how many series found no room.
    fn look(&mut self, own: &mut Own, second: i64) -> u64 {
        let refused = self.meet_new_series(own);
        let from = self.last.filter(|last| second - last <= MOST_APART).map_or(second, |last| (last + 1).min(second));
        self.last = Some(second);
        own.alive(self.part, from, second);
        for watched in &mut self.cells {
            if let Some(measured) = watched.cell.look() {
                own.add(watched.row, from, second, &measured);
            }
        }
        refused
    }

    fn meet_new_series(&mut self, own: &mut Own) -> u64 {
        let new = self.registry.after(self.known);
        self.known += new.len();
        let mut refused = 0;
        for (metric, labels, cell) in new.into_iter().filter(|(metric, ..)| self.part.measures(metric)) {
            match own.row(metric, &labels) {
                Some(row) => self.cells.push(Watched { row, cell: Seen::from(cell) }),
                None => refused += 1,
            }
        }
        refused
    }
}

impl From<Cell> for Seen {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Counter(counter) => Self::Counter(counter, 0),
            Cell::Gauge(gauge) => Self::Gauge(gauge),
            Cell::Distribution(values) => Self::Distribution(values, 0, Spread::default()),
        }
    }
}

impl Seen {
    /// What came since the last look; `None` when nothing did.
    fn look(&mut self) -> Option<Measured> {
        match self {
            Self::Counter(counter, last) => {
                let count = counter.get();
                let grown = count - std::mem::replace(last, count);
                (grown > 0).then_some(Measured::Growth(grown))
            }
            Self::Gauge(gauge) => {
                let level = gauge.get();
                (!level.is_nan()).then_some(Measured::Level(level))
            }
            Self::Distribution(values, stamp, last) => {
                let seen = values.stamp();
                let moved = std::mem::replace(stamp, seen) != seen;
                let new = moved.then(|| values.load())?;
                let since = new.since(last);
                *last = new;
                Some(Measured::Values(since))
            }
        }
    }
}
