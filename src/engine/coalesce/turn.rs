//! The leader's side: clear it with the fleet, write the answer, hand it over.

use std::{future::Future, sync::Arc};

use tokio::time::{Instant, timeout};

use super::Node;
use crate::{
    digest::Digest,
    engine::{
        answer_log::{AnswerLog, LogWriter},
        model::failure::Failure,
        source::{Origin, Source},
    },
    store::{Entry, Fence, Lead, Waited},
};

/// The duty to answer for everybody on this node. Dropped without [`land`](Self::land) or [`fail`](Self::fail) it fails
/// the log; the fleet's lead then ends with its lease.
#[derive(Debug)]
pub struct LeadTurn {
    // Before the writer: nobody may join a flight whose log has failed.
    seat: Seat,
    writer: LogWriter,
    log: AnswerLog,
}

/// The leader's place among what is under way; given up when dropped.
#[derive(Debug)]
struct Seat {
    node: Arc<Node>,
    key: Digest,
    id: u64,
    /// Asks without the fleet's leave, because the flight before it was stuck.
    alone: bool,
    /// A leader elsewhere died while this one waited.
    saw_a_death: bool,
}

/// What the fleet says.
#[derive(Debug)]
pub enum Cleared {
    /// Ask the models, write, then [`LeadTurn::land`] or [`LeadTurn::fail`].
    Ask(LeadTurn),
    /// Another node had the answer: it is in the log, nothing is left to do.
    Served(Arc<Entry>),
}

impl LeadTurn {
    pub(super) fn new(node: Arc<Node>, key: Digest, id: u64, writer: LogWriter, log: AnswerLog, alone: bool) -> Self {
        Self { seat: Seat { node, key, id, alone, saw_a_death: false }, writer, log }
    }

    /// What the asking client and the followers read.
    pub fn log(&self) -> AnswerLog {
        self.log.clone()
    }

    /// Where the answer is written as it comes.
    pub fn writer(&mut self) -> &mut LogWriter {
        &mut self.writer
    }

    /// Takes the fleet's lead, or waits for who has it. `look` looks the key up in the cache again and gives what may be
    /// served now: between the miss and the lead somebody may have answered.
    pub async fn clear<F, L>(mut self, look: F) -> Cleared
    where
        F: Fn() -> L + Send,
        L: Future<Output = Option<Arc<Entry>>> + Send,
    {
        let give_up = Instant::now() + self.seat.node.waits.patience;
        loop {
            let is_cleared = self.seat.alone || self.seat.may_lead(give_up).await;
            if let Some(entry) = look().await {
                self.serve(&entry).await;
                return Cleared::Served(entry);
            }
            if is_cleared {
                return Cleared::Ask(self);
            }
        }
    }

    /// Ends a complete answer. `after` makes it visible to the other nodes (the cache write); the lead is given back when
    /// it is done, or late, so that waiters find the answer. Until then who joins here reads the finished log.
    pub async fn land(self, after: impl Future) {
        let Self { seat, writer, .. } = self;
        writer.seal();
        let _ = timeout(seat.node.waits.hand_over, after).await;
        seat.release().await;
    }

    /// Ends an answer that will never be complete. The followers here get the failure; a waiter elsewhere tries next.
    pub async fn fail(self, failure: Failure) {
        let Self { seat, writer, .. } = self;
        seat.end_flight();
        writer.fail(failure);
        seat.release().await;
    }

    async fn serve(mut self, entry: &Entry) {
        let origin = Origin::of(Source::Coalesced, Some(entry.model.clone()));
        self.writer.begin(origin);
        entry.chunks.iter().for_each(|chunk| self.writer.push(entry.shape, chunk.clone()));
        self.land(std::future::ready(())).await;
    }
}

impl Seat {
    /// One try for the fleet's lead; when it is taken, one wait. Whether this node is to ask: it leads, it has waited
    /// long enough, or there is no store to agree through.
    async fn may_lead(&mut self, give_up: Instant) -> bool {
        let Node { store, waits, timeouts, .. } = &*self.node;
        match store.lead(&self.key, waits.lease).await {
            Ok(Lead::Granted(fence)) => {
                self.hold(fence);
                return true;
            }
            Ok(Lead::Taken) => {}
            Err(_) => return true,
        }
        match store.released(&self.key, give_up.saturating_duration_since(Instant::now())).await {
            Ok(Waited::Released) => false,
            Ok(Waited::Expired) => {
                self.saw_a_death = true;
                false
            }
            Ok(Waited::StillLed) => {
                timeouts.inc();
                true
            }
            Err(_) => true,
        }
    }

    fn hold(&self, fence: Fence) {
        if self.saw_a_death {
            self.node.replaced.inc();
        }
        let is_first = self.node.state().leases.hold(self.id, fence);
        if is_first {
            self.node.leading.notify_one();
        }
    }

    async fn release(self) {
        self.end_flight();
        let fence = self.node.state().leases.drop(self.id);
        if let Some(fence) = fence {
            // A release that is lost costs the waiters one lease.
            let _ = self.node.store.release(&fence).await;
        }
    }

    fn end_flight(&self) {
        let mut state = self.node.state();
        state.flights.end(&self.key, self.id);
        self.node.show(&state.flights);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.end_flight();
        self.node.state().leases.drop(self.id);
    }
}
