//! What a few seconds of requests look like.

use std::time::Duration;

use super::sketch::{distinct::Distinct, evenness::Evenness, pauses::Pauses};

/// A request, reduced to hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traces {
    /// Its user, or else its address.
    pub(super) client: Option<u64>,
    /// The network that its address belongs to.
    pub(super) network: Option<u64>,
    /// Its words.
    pub(super) question: u64,
    /// Its words without its numbers.
    pub(super) form: u64,
    /// Client and words together.
    pub(super) pair: Option<u64>,
}

/// What its client is known for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    /// Whether it was not here long ago.
    pub(super) newcomer: bool,
    /// How long it has waited since it asked something else.
    pub(super) pause: Option<Duration>,
}

/// The requests of a slice of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Slice {
    pub(super) requests: u64,
    pub(super) clients: Distinct,
    pub(super) newcomers: Distinct,
    pub(super) pairs: Distinct,
    pub(super) questions: Distinct,
    pub(super) client_spread: Evenness,
    pub(super) network_spread: Evenness,
    pub(super) question_spread: Evenness,
    pub(super) pauses: Pauses,
}

impl Slice {
    pub(super) fn add(&mut self, traces: &Traces, history: History) {
        self.requests += 1;
        self.questions.add(traces.question);
        self.question_spread.add(traces.form);
        if let Some(client) = traces.client {
            self.clients.add(client);
            self.client_spread.add(client);
            if history.newcomer {
                self.newcomers.add(client);
            }
        }
        if let Some(pause) = history.pause {
            self.pauses.add(pause);
        }
        if let Some(pair) = traces.pair {
            self.pairs.add(pair);
        }
        if let Some(network) = traces.network {
            self.network_spread.add(network);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.clients.merge(&other.clients);
        self.newcomers.merge(&other.newcomers);
        self.pairs.merge(&other.pairs);
        self.questions.merge(&other.questions);
        self.client_spread.merge(&other.client_spread);
        self.network_spread.merge(&other.network_spread);
        self.question_spread.merge(&other.question_spread);
        self.pauses.merge(&other.pauses);
    }
}
