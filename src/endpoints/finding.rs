//! What one look at an endpoint found, and whether that is as it should be. Pure, but for the log.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde::Serialize;
use tracing::{info, warn};

use super::Endpoint;
use crate::{clock::Timestamp, resolve::address::is_private};

/// What one look found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which endpoint.
    pub endpoint: Arc<str>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// When it was looked at.
    pub at: Timestamp,
    /// How it stands.
    pub state: State,
    /// What is the matter and what to do; `None` when all is well.
    pub trouble: Option<String>,
    /// Its addresses; those of the last good answer where the resolver gave none.
    pub addresses: Vec<IpAddr>,
    /// Whether all of them are private. `None`: there are none.
    pub private: Option<bool>,
    /// Whether they must be.
    pub must_be_private: bool,
    /// What the resolver took. `None`: it gave no answer.
    pub resolve_ms: Option<f64>,
    /// What the connection took. `None`: there was none.
    pub connect_ms: Option<f64>,
    /// What the TLS handshake took. `None`: there was none.
    pub tls_ms: Option<f64>,
}

/// How an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Up,
    /// It can be reached, but the resolver did not say where it is: the last good answer serves.
    Unresolved,
    /// It can be reached, and its address is public although it must be private.
    Public,
    /// It cannot be reached.
    Down,
}

/// What the parts of a look came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// How long the resolver took, or why it gave no answer.
    pub(super) resolved: Option<Result<Duration, String>>,
    /// Whether the resolver answered with public addresses for a name that must be private.
    pub(super) fell_back: bool,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) connected: Option<Result<Duration, String>>,
    pub(super) shaken: Option<Result<Duration, String>>,
}

impl Finding {
    /// Judges the parts of a look.
    pub(super) fn of(endpoint: &Endpoint, parts: Parts, at: Timestamp) -> Self {
        let Parts { resolved, fell_back, addresses, connected, shaken } = parts;
        let private = (!addresses.is_empty()).then(|| addresses.iter().all(|address| is_private(*address)));
        let failed = |part: &Option<Result<Duration, String>>| part.as_ref().and_then(|part| part.clone().err());
        let millis = |part: &Option<Result<Duration, String>>| {
            part.as_ref().and_then(|part| part.as_ref().ok()).map(|took| took.as_secs_f64() * 1e3)
        };
        let is_public = endpoint.private && (fell_back || private == Some(false));
        let (state, trouble) = match (failed(&connected).or_else(|| failed(&shaken)), failed(&resolved)) {
            (Some(why), _) => (State::Down, Some(why)),
            (None, why) if is_public => (State::Public, Some(public(endpoint, why))),
            (None, Some(why)) if addresses.is_empty() => (State::Down, Some(why)),
            (None, Some(why)) => (State::Unresolved, Some(format!("{why}. The last good address serves"))),
            (None, None) => (State::Up, None),
        };
        Self {
            endpoint: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            at,
            state,
            trouble,
            addresses,
            private,
            must_be_private: endpoint.private,
            resolve_ms: millis(&resolved),
            connect_ms: millis(&connected),
            tls_ms: millis(&shaken),
        }
    }

    /// Says how it stands now.
    pub(super) fn tell(&self) {
        let (endpoint, host) = (&*self.endpoint, &*self.host);
        match &self.trouble {
            Some(trouble) => warn!(endpoint, host, trouble, "An endpoint is not as it should be."),
            None => info!(endpoint, host, "An endpoint is as it should be again."),
        }
    }
}

fn public(endpoint: &Endpoint, why: Option<String>) -> String {
    let means = format!(
        "{} must be private and resolves to a public address: its VPC endpoint or private zone is not in use here. Look at the \
         endpoint's private DNS and at the resolver of this zone",
        endpoint.host
    );
    why.map_or(means.clone(), |why| format!("{means} ({why})"))
}

/// The findings that stand otherwise than before; of the first look those that are not as they should be.
pub(super) fn turned<'a>(before: &[Finding], now: &'a [Finding]) -> Vec<&'a Finding> {
    let stood = |finding: &Finding| {
        let old = before.iter().find(|old| old.endpoint == finding.endpoint);
        old.map_or(State::Up, |old| old.state)
    };
    now.iter().filter(|finding| stood(finding) != finding.state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(private: bool) -> Endpoint {
        Endpoint { name: "model:primary".into(), host: "models.example".into(), port: 443, tls: true, private }
    }

    fn took(millis: u64) -> Option<Result<Duration, String>> {
        Some(Ok(Duration::from_millis(millis)))
    }

    fn sound(address: [u8; 4]) -> Parts {
        Parts {
            resolved: took(3),
            fell_back: false,
            addresses: vec![IpAddr::from(address)],
            connected: took(5),
            shaken: took(9),
        }
    }

    fn state(private: bool, parts: Parts) -> State {
        Finding::of(&endpoint(private), parts, Timestamp(0)).state
    }

    #[test]
    fn what_must_be_private_and_is_public_is_told_although_it_answers() {
        assert_eq!(state(true, sound([10, 0, 0, 7])), State::Up);
        assert_eq!(state(true, sound([52, 94, 5, 1])), State::Public);
        assert_eq!(state(false, sound([52, 94, 5, 1])), State::Up);
        let fell_back = Parts { resolved: Some(Err("public".into())), fell_back: true, ..sound([10, 0, 0, 7]) };
        assert_eq!(state(true, fell_back), State::Public, "the last good address hides nothing");
    }

    #[test]
    fn a_resolver_that_fails_is_told_apart_from_an_endpoint_that_is_down() {
        let unresolved = Parts { resolved: Some(Err("late".into())), ..sound([10, 0, 0, 7]) };
        assert_eq!(state(false, unresolved.clone()), State::Unresolved);
        assert_eq!(state(false, Parts { connected: Some(Err("refused".into())), ..unresolved }), State::Down);
        let nowhere = Parts { resolved: Some(Err("late".into())), ..Parts::default() };
        assert_eq!(state(false, nowhere), State::Down);
        assert_eq!(state(false, Parts { shaken: Some(Err("no trust".into())), ..sound([10, 0, 0, 7]) }), State::Down);
    }

    #[test]
    fn only_what_turned_is_told() {
        let up = Finding::of(&endpoint(false), sound([10, 0, 0, 7]), Timestamp(0));
        let down = Finding::of(&endpoint(false), Parts::default(), Timestamp(0));
        let down = Finding { state: State::Down, ..down };
        assert_eq!(turned(&[], std::slice::from_ref(&up)).len(), 0);
        assert_eq!(turned(&[], std::slice::from_ref(&down)).len(), 1);
        assert_eq!(turned(std::slice::from_ref(&down), std::slice::from_ref(&down)).len(), 0);
        assert_eq!(turned(std::slice::from_ref(&down), std::slice::from_ref(&up)).len(), 1);
    }
}
