//! What is told from a minute of requests. Pure.

use serde::Serialize;

use super::slice::Slice;

/// A minute of requests in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Signs {
    /// Requests.
    pub requests: f64,
    /// Requests for each client; `None` when fewer than half of the requests say who they are from.
    pub per_client: Option<f64>,
    /// Clients, if each sent as much as the others, as a share of those there are: near 0 when a few send nearly everything.
    pub evenness: Option<f64>,
    /// Networks (/24, /48), if each sent as much as the others; `None` when fewer than half of the requests have an address.
    pub networks: Option<f64>,
    /// Share of requests that ask what the same client has asked within the minute.
    pub repetition: Option<f64>,
    /// Different questions for each request.
    pub wordings: f64,
    /// Questions, if each came as often as the others.
    pub questions: f64,
    /// Share of clients that were not seen within the last hour.
    pub newcomers: Option<f64>,
    /// Share of the newcomers of half a minute that asked again in the next one. `None` before that is known.
    pub follow_up: Option<f64>,
}

impl Signs {
    /// The signs of a minute, with what is known of earlier newcomers.
    pub(super) fn read(minute: &Slice, follow_up: Option<f64>) -> Self {
        let requests = minute.requests as f64;
        let share = |part: f64| if requests > 0.0 { part / requests } else { 0.0 };
        let most_say = |said: u64| said as f64 * 2.0 >= requests && said > 0;
        let said = minute.client_spread.occurrences();
        let clients = most_say(said).then(|| minute.clients.count().max(1.0));
        let networks = most_say(minute.network_spread.occurrences()).then(|| minute.network_spread.effective());
        Self {
            requests,
            per_client: clients.map(|clients| said as f64 / clients),
            evenness: clients.map(|clients| (minute.client_spread.effective() / clients).min(1.0)),
            networks,
            repetition: clients.map(|_| (1.0 - minute.pairs.count() / said as f64).clamp(0.0, 1.0)),
            wordings: share(minute.questions.count()).min(1.0),
            questions: minute.question_spread.effective(),
            newcomers: clients.map(|clients| (minute.newcomers.count() / clients).min(1.0)),
            follow_up,
        }
    }
}
