//! Two nodes fill the same answer while one of them invalidates it: in every order there is, nobody serves the old answer
//! once the invalidation is done, and a fill begun afterwards is served.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use banto::store::{Change, Entry, Store, Tag};
use bytes::Bytes;

use super::contract::{Pair, begin, entry, hear, key, tag};

/// What may happen next. A fill begins, asks the origin, and writes; the origin changes before its change is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begin(usize),
    Ask(usize),
    Put(usize),
    Change,
    Invalidate,
}

/// Every way to mix these sequences that keeps the order within each.
fn mixtures(rest: &[Vec<Step>]) -> Vec<Vec<Step>> {
    if rest.iter().all(Vec::is_empty) {
        return vec![vec![]];
    }
    let open = (0..rest.len()).filter(|at| !rest[*at].is_empty());
    let start_with = |at: usize| {
        let mut left = rest.to_vec();
        let first = left[at].remove(0);
        mixtures(&left).into_iter().map(move |tail| [vec![first], tail].concat())
    };
    open.flat_map(start_with).collect()
}

/// One order, on a question and a tag of its own.
struct World {
    nodes: [Arc<dyn Store>; 2],
    question: String,
    title: String,
    origin: AtomicU64,
    noted: [Vec<(Tag, u64)>; 2],
    answers: [u64; 2],
    is_invalidated: bool,
}

impl World {
    async fn step(&mut self, step: Step) {
        match step {
            Step::Begin(node) => self.noted[node] = begin(&self.nodes[node], &[&self.title]).await,
            Step::Ask(node) => self.answers[node] = self.origin.load(SeqCst),
            Step::Put(node) => {
                let answer = Bytes::from(self.answers[node].to_string());
                let filled = entry(&self.question, self.noted[node].clone());
                let filled = Entry { chunks: vec![answer], ..(*filled).clone() };
                self.nodes[node].put(Arc::new(filled)).await.expect("put");
            }
            Step::Change => self.origin.store(2, SeqCst),
            Step::Invalidate => {
                let mut heard = self.nodes[0].changes();
                let tags = [tag(&self.title)];
                self.nodes[1].invalidate(&tags).await.expect("invalidate");
                hear(&mut heard, |change| matches!(change, Change::Invalidated(heard) if *heard == tags)).await;
                self.is_invalidated = true;
            }
        }
    }

    async fn served(&self, node: usize) -> Option<u64> {
        let entry = self.nodes[node].get(&key(&self.question)).await.expect("get")?;
        Some(std::str::from_utf8(&entry.chunks[0]).expect("text").parse().expect("a number"))
    }
}

/// Goes through every order on two nodes.
pub async fn no_order_brings_an_old_answer_back(pair: Pair) {
    let fill = |node| vec![Step::Begin(node), Step::Ask(node), Step::Put(node)];
    let orders = mixtures(&[fill(0), fill(1), vec![Step::Change, Step::Invalidate]]);
    assert_eq!(orders.len(), 560);
    let mut served = 0;
    for (n, order) in orders.iter().enumerate() {
        let nodes = [pair.one.clone(), pair.two.clone()];
        let (question, title) = (format!("question {n}"), format!("title:{n}"));
        let (origin, noted) = (AtomicU64::new(1), [vec![], vec![]]);
        let mut world = World { nodes, question, title, origin, noted, answers: [0; 2], is_invalidated: false };
        for step in order {
            world.step(*step).await;
            for node in 0..2 {
                let answer = world.served(node).await;
                served += usize::from(answer.is_some());
                assert!(!world.is_invalidated || answer != Some(1), "{order:?}: node {node} serves it after {step:?}");
            }
        }
        for step in [Step::Begin(0), Step::Ask(0), Step::Put(0)] {
            world.step(step).await;
        }
        assert_eq!((world.served(0).await, world.served(1).await), (Some(2), Some(2)), "{order:?}: the new answer");
    }
    assert!(served > 1_000, "nothing was served on the way: this would prove nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_two_nodes_brings_an_old_answer_back_from_one_server() {
    no_order_brings_an_old_answer_back(super::redis::pair().await).await;
}

#[tokio::test]
async fn no_order_of_two_nodes_brings_an_old_answer_back_in_memory() {
    no_order_brings_an_old_answer_back(super::embedded::in_memory()).await;
}
