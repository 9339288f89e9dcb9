//! Engines in other processes as a source: asked for their measurements once a second, all at the same time.
//!
//! A look waits for the nodes that answered lately, and briefly; one that is slow delivers when it does, and a silent one
//! costs no look anything. Counts of a node that restarted begin at 0 again; what it counted before stays counted.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::{
    fleet::{MOST_APART, PATIENCE, source},
    history::History,
    own::{Measured, Own, Part, Row},
};
use crate::{
    clock::Timestamp,
    controller::nodes::{
        Roster,
        client::{NodeClient, NodeError},
    },
    tasks::Tasks,
    telemetry::{
        metric::Spread,
        registry::{Reading, Value},
        wire::Snapshot,
    },
};

/// How long a look waits for nodes that are on their way.
const WAIT: Duration = Duration::from_millis(400);
/// A node is worth waiting for if it delivered within this time.
const LATELY: Duration = Duration::from_secs(3);

type Answer = Result<Snapshot, NodeError>;

/// The nodes in other processes.
pub struct RemoteSource {
    roster: Arc<Roster>,
    tasks: Tasks,
    nodes: Vec<Remote>,
}

struct Remote {
    client: NodeClient,
    asked: Option<oneshot::Receiver<Answer>>,
    delivered: Option<Timestamp>,
    seen: Seen,
}

/// A series' metric and the values of its labels.
type Name = (&'static str, Vec<Arc<str>>);

/// What a node showed at the last look.
#[derive(Default)]
struct Seen {
    life: u64,
    /// The second of the last look.
    last: Option<i64>,
    series: BTreeMap<Name, (Row, Value)>,
}

impl RemoteSource {
    /// Looks at the nodes of the roster; what is under way ends with `tasks`.
    pub fn new(roster: Arc<Roster>, tasks: Tasks) -> Self {
        let unseen = |client| Remote { client, asked: None, delivered: None, seen: Seen::default() };
        let nodes = roster.clients().into_iter().map(unseen).collect();
        Self { roster, tasks, nodes }
    }

    /// Asks every node and takes in what has come. What came since a node's last look counts in the second before `now`.
    pub async fn look(&mut self, history: &History, now: Timestamp) {
        for node in &mut self.nodes {
            history.gaps(|gaps| gaps.expect(&source(node.client.name()), PATIENCE, now));
            node.ask(&self.tasks);
        }
        let lately = |node: &&mut Remote| node.delivered.is_some_and(|at| now.since(at) <= LATELY);
        let answers = self.nodes.iter_mut().filter(lately).map(Remote::answer);
        let _ = tokio::time::timeout(WAIT, futures_util::future::join_all(answers)).await;
        for node in &mut self.nodes {
            if let Some(answer) = node.came() {
                take_in(node, answer, &self.roster, history, now);
            }
        }
    }
}

fn take_in(node: &mut Remote, answer: Answer, roster: &Roster, history: &History, now: Timestamp) {
    let name = node.client.name();
    match answer {
        Ok(snapshot) => {
            let (knobs, second) = (snapshot.knobs, Timestamp(now.0 - 1).seconds());
            let (news, refused) = history.measure(|own| node.seen.look(own, snapshot, second));
            history.refuse(refused);
            history.gaps(|gaps| gaps.delivered(&source(name), now));
            roster.delivered(name, knobs, &news, now);
            node.delivered = Some(now);
        }
        Err(error) => {
            let why = error.to_string();
            history.gaps(|gaps| gaps.failed(&source(name), why.as_str(), now));
            roster.failed(name, &why);
        }
    }
}

impl Remote {
    /// Asks unless an answer is on its way.
    fn ask(&mut self, tasks: &Tasks) {
        if self.asked.is_none() {
            let (tell, asked) = oneshot::channel();
            let client = self.client.clone();
            tasks.spawn_until_stopped(async move {
                let _ = tell.send(client.measurements().await);
            });
            self.asked = Some(asked);
        }
    }

    /// Resolves when the answer is there to be taken. Safe to drop.
    async fn answer(&mut self) {
        if let Some(asked) = &mut self.asked {
            let came = asked.await;
            let (tell, ready) = oneshot::channel();
            self.asked = Some(ready);
            if let Ok(answer) = came {
                let _ = tell.send(answer);
            }
        }
    }

    /// The answer, if it has come.
    fn came(&mut self) -> Option<Answer> {
        let answer = self.asked.as_mut()?.try_recv();
        if matches!(answer, Err(TryRecvError::Empty)) {
            return None;
        }
        self.asked = None;
        answer.ok()
    }
}

impl Seen {
    /// Takes in what moved: it, and how many series found no room.
    fn look(&mut self, own: &mut Own, snapshot: Snapshot, second: i64) -> (Vec<Reading>, u64) {
        if self.life != snapshot.life {
            self.life = snapshot.life;
            self.series.clear();
        }
        let from = self.last.filter(|last| second - last <= MOST_APART).map_or(second, |last| (last + 1).min(second));
        self.last = Some(second);
        own.alive(Part::Engine, from, second);
        let (mut news, mut refused) = (Vec::new(), 0);
        for reading in snapshot.readings().filter(|reading| Part::Engine.measures(reading.metric)) {
            match self.since_last(own, &reading) {
                Some((row, value)) => {
                    if let Some(measured) = measured(&value) {
                        own.add(row, from, second, &measured);
                        news.push(Reading { value, ..reading });
                    }
                }
                None => refused += 1,
            }
        }
        (news, refused)
    }

    /// A series' place and what came since the last look; `None` when it finds no room.
    fn since_last(&mut self, own: &mut Own, reading: &Reading) -> Option<(Row, Value)> {
        let labels = reading.labels.iter().map(|(_, value)| value.clone()).collect();
        match self.series.entry((reading.metric.name, labels)) {
            Entry::Occupied(mut known) => {
                let (row, last) = known.get_mut();
                let since = since(&reading.value, last);
                *last = reading.value.clone();
                Some((*row, since))
            }
            Entry::Vacant(new) => {
                let row = own.row(reading.metric, &reading.labels)?;
                new.insert((row, reading.value.clone()));
                Some((row, reading.value.clone()))
            }
        }
    }
}

fn since(now: &Value, last: &Value) -> Value {
    match (now, last) {
        (Value::Count(now), Value::Count(last)) => Value::Count(now.saturating_sub(*last)),
        (Value::Spread(now), Value::Spread(last)) => Value::Spread(now.since(last)),
        (now, _) => now.clone(),
    }
}

/// What is worth keeping: a count that grew, a level, values.
fn measured(value: &Value) -> Option<Measured> {
    match value {
        Value::Count(grown) => (*grown > 0).then_some(Measured::Growth(*grown)),
        Value::Level(level) => Some(Measured::Level(*level)),
        Value::Spread(values) if *values == Spread::default() => None,
        Value::Spread(values) => Some(Measured::Values(values.clone())),
    }
}

#[cfg(test)]
#[path = "remote/tests.rs"]
mod tests;
