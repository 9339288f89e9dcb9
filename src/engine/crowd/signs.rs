//! What is told from a minute of requests. Pure.

use serde::Serialize;

use super::slice::Slice;

/// Fewer pauses say nothing about how regular they are.
const FEW_PAUSES: f64 = 100.0;

/// A minute of requests in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Signs {
    /// Requests.
    pub requests: f64,
    /// Share of the requests that say who they are from: a user, or an address.
    pub named: f64,
    /// Share of the requests that have an address.
    pub placed: f64,
    /// Requests of the client of a usual request within the minute: of a few who send nearly everything, theirs. `None` when fewer than half of the requests say who they are from.
    pub per_client: Option<f64>,
    /// The same within ten minutes.
    pub asked: Option<f64>,
    /// Clients, if each sent as much as the others, as a share of those there are: near 0 when a few send nearly everything.
    pub evenness: Option<f64>,
    /// Networks (/24, /48), if each sent as much as the others; `None` when fewer than half of the requests have an address.
    pub networks: Option<f64>,
    /// Share of requests that ask what the same client has asked within the minute.
    pub repetition: Option<f64>,
    /// Different questions for each request.
    pub wordings: f64,
    /// Questions, if each came as often as the others. Those that differ in their numbers only are one.
    pub questions: f64,
    /// Lengths of the pause between two questions of a client, a tenth apart, if each came as often as the others. `None` where
    /// hardly anybody asked twice.
    pub pauses: Option<f64>,
    /// Share of clients that were not here a quarter of an hour ago or earlier. `None` before anybody can have been.
    pub newcomers: Option<f64>,
    /// Share of those who came first in a quarter of a minute that asked again in the next one. `None` before that is known, and when
    /// suddenly many more come first.
    pub follow_up: Option<f64>,
}

/// What is known of earlier minutes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    /// Whether clients could have been seen long enough ago to be no newcomers.
    pub(super) reaches_back: bool,
    /// Share of those who came first that asked again.
    pub(super) follow_up: Option<f64>,
    /// Requests of the client of a usual request within ten minutes.
    pub(super) asked: Option<f64>,
}

impl Signs {
    /// The signs of a minute, with what is known of those before.
    pub(super) fn read(minute: &Slice, past: Past) -> Self {
        let requests = minute.requests as f64;
        let share = |part: f64| if requests > 0.0 { part / requests } else { 0.0 };
        let most_say = |said: u64| said as f64 * 2.0 >= requests && said > 0;
        let said = minute.client_spread.occurrences();
        let clients = most_say(said).then(|| minute.clients.count().max(1.0));
        let networks = most_say(minute.network_spread.occurrences()).then(|| minute.network_spread.effective());
        let newcomers = clients.map(|clients| (minute.newcomers.count() / clients).min(1.0));
        let has_pauses = clients.is_some() && minute.pauses.count() >= FEW_PAUSES;
        Self {
            requests,
            named: share(said as f64),
            placed: share(minute.network_spread.occurrences() as f64),
            per_client: minute.client_spread.each().filter(|_| clients.is_some()),
            asked: past.asked.filter(|_| clients.is_some()),
            evenness: clients.map(|clients| (minute.client_spread.effective() / clients).min(1.0)),
            networks,
            repetition: clients.map(|_| (1.0 - minute.pairs.count() / said as f64).clamp(0.0, 1.0)),
            wordings: share(minute.questions.count()).min(1.0),
            questions: minute.question_spread.effective(),
            pauses: minute.pauses.effective().filter(|_| has_pauses),
            newcomers: newcomers.filter(|_| past.reaches_back),
            follow_up: past.follow_up.filter(|_| clients.is_some()),
        }
    }
}
