//! Who asks: people, more of them than usual, or few who pretend to be many.
//!
//! Every request leaves traces (`slice`): its client, network and words as keyed hashes in sketches of fixed size, six
//! slices of ten seconds for the last minute; under two megabytes in all, whatever comes. `signs` reads them, [`verdict`] judges.
//! A request that is over a limit leaves traces like any other: a crowd shows before it is let in.
//!
//! What nobody tells is no sign of people: without addresses, or before anybody had time to come back, the verdict is never that
//! it is people. It cannot tell a flood of thousands of machines, each slow, each in a network of its own and each asking as
//! people do. Such a flood has to be stopped where its packets arrive.

mod long;
mod signs;
mod sketch;
mod slice;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    hash::Hasher,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use siphasher::sip::SipHasher13;
use tokio::time::Instant;
use tracing::info;

pub use self::signs::Signs;
use self::{
    long::Long,
    signs::Past,
    sketch::{distinct::Distinct, pauses::Last, seen::Seen},
    slice::{History, Slice, Traces},
    verdict::{Judgement, Part, Verdict, judge},
};
use crate::{
    dice::Dice,
    engine::asked::Caller,
    telemetry::{catalogue, metric::Gauge, registry::Registry},
};

/// One slice, and how many make a window.
const SLICE: Duration = Duration::from_secs(10);
const SLICES: usize = 6;
/// A minute is read anew so often; looks in between see the last judgement.
const LOOK: Duration = Duration::from_secs(5);
/// Newcomers of one such span are expected back in the next.
const STAY: Duration = Duration::from_secs(15);
/// When so many times more come first than in the span that is known, nothing is known of those who come now.
const SURGE: f64 = 3.0;
/// Clients are remembered for three such spans, and are no newcomers once they were seen in the one before the last: whoever
/// began to ask a moment ago does not become a regular by going on.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Fewer newcomers in a span say nothing about whether newcomers stay.
const FEW_NEWCOMERS: f64 = 30.0;

/// Watches who asks one node.
#[derive(Debug)]
pub struct Crowd {
    keys: (u64, u64),
    state: Mutex<State>,
    shown: Shown,
}

#[derive(Debug)]
struct State {
    slices: VecDeque<Slice>,
    since: Instant,
    began: Instant,
    seen: Seen<3>,
    seen_since: Instant,
    /// How often memory was handed on.
    spans: u32,
    stay: Stay,
    paused: Last,
    long: Long,
    last: Judgement,
    looked_at: Option<Instant>,
}

/// Whether those who come first stay: who did so in the span before, and how many of them came again.
#[derive(Debug)]
struct Stay {
    since: Instant,
    /// Newcomers of this span and of the one before, two generations.
    new: Seen<2>,
    count: Distinct,
    before: f64,
    again: Distinct,
    /// As measured over the last whole span, and of how many.
    follow_up: Option<(f64, f64)>,
}

#[derive(Debug)]
struct Shown {
    score: Arc<Gauge>,
    verdict: Arc<Gauge>,
    confidence: Arc<Gauge>,
    parts: [Arc<Gauge>; Part::ALL.len()],
}

impl Crowd {
    /// Nobody was here yet.
    pub fn new(registry: &Registry, dice: &Dice) -> Self {
        let now = Instant::now();
        let shown = Shown {
            score: registry.gauge(&catalogue::CROWD_SCORE, &[]),
            verdict: registry.gauge(&catalogue::CROWD_VERDICT, &[]),
            confidence: registry.gauge(&catalogue::CROWD_CONFIDENCE, &[]),
            parts: Part::ALL.map(|part| registry.gauge(&catalogue::CROWD_PART, &[part.label()])),
        };
        let state = State {
            slices: VecDeque::from([Slice::default()]),
            since: now,
            began: now,
            seen: Seen::default(),
            seen_since: now,
            spans: 0,
            paused: Last::default(),
            long: Long::new(now),
            stay: Stay {
                since: now,
                new: Seen::default(),
                count: Distinct::default(),
                before: 0.0,
                again: Distinct::default(),
                follow_up: None,
            },
            last: judge(Signs::default()),
            looked_at: None,
        };
        Self { keys: (dice.bits(), dice.bits()), state: Mutex::new(state), shown }
    }

    /// Notes a request, before anything is decided about it.
    pub fn note(&self, caller: &Caller, text: &str) {
        let traces = self.traces(caller, text);
        self.state().note(&traces, Instant::now());
    }

    /// Judges the last minute and shows the verdict; a change of mind is logged with its reasons.
    pub fn look(&self) -> Judgement {
        let now = Instant::now();
        let mut state = self.state();
        if state.looked_at.is_some_and(|at| now.saturating_duration_since(at) < LOOK) {
            return state.last.clone();
        }
        state.looked_at = Some(now);
        state.roll(now);
        let judged = judge(state.signs());
        let before = std::mem::replace(&mut state.last, judged.clone());
        drop(state);
        self.shown.verdict.set(judged.verdict.level());
        self.shown.confidence.set(judged.confidence.unwrap_or(f64::NAN));
        self.shown.score.set(judged.score.unwrap_or(f64::NAN));
        for (part, gauge) in Part::ALL.iter().zip(&self.shown.parts) {
            gauge.set(judged.parts.iter().find(|(known, _)| known == part).map_or(f64::NAN, |(_, value)| *value));
        }
        let matters = |verdict| matches!(verdict, Verdict::Organic | Verdict::Abusive);
        if before.verdict != judged.verdict && (matters(before.verdict) || matters(judged.verdict)) {
            info!(
                from = ?before.verdict, to = ?judged.verdict, score = judged.score, missing = ?judged.missing, signs = ?judged.signs,
                "The crowd is judged anew."
            );
        }
        judged
    }

    /// The last judgement.
    pub fn last(&self) -> Judgement {
        self.state().last.clone()
    }

    fn traces(&self, caller: &Caller, text: &str) -> Traces {
        let client = match (&caller.user, caller.address) {
            (Some(user), _) => Some(self.hash(&[caller.tenant.as_bytes(), b"user", user.as_bytes()])),
            (None, Some(address)) => Some(self.hash(&[b"address", &octets(address)])),
            (None, None) => None,
        };
        let question = self.hash(&[text.as_bytes()]);
        Traces {
            client,
            network: caller.address.map(|address| self.hash(&[b"network", &network(address)])),
            question,
            form: self.hash_form(text),
            pair: client.map(|client| self.hash(&[&client.to_le_bytes(), &question.to_le_bytes()])),
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        for part in parts {
            hasher.write(part);
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// A number counts as a number, whichever it is.
    fn hash_form(&self, text: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        let mut in_number = false;
        for c in text.chars() {
            let digit = c.is_numeric();
            if !(digit && in_number) {
                hasher.write_u32(if digit { u32::from('0') } else { u32::from(c) });
            }
            in_number = digit;
        }
        hasher.finish()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, traces: &Traces, now: Instant) {
        self.roll(now);
        let history = traces.client.map_or_else(History::default, |client| self.history(client, traces.question, now));
        if let Some(slice) = self.slices.back_mut() {
            slice.add(traces, history);
        }
    }

    /// What is known of a client, which has come again.
    fn history(&mut self, client: u64, question: u64, now: Instant) -> History {
        let newcomer = !self.seen.holds_oldest(client);
        let first = !self.seen.note(client);
        self.stay.note(client, first);
        self.long.note(client);
        // Nothing was asked at the beginning itself.
        let at = now.saturating_duration_since(self.began) + Duration::from_millis(1);
        History { newcomer, pause: self.paused.note(client, question, at) }
    }

    /// Begins new slices and generations where their time has come. A node that slept begins afresh.
    fn roll(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= SLICE * SLICES as u32 {
            self.slices.clear();
            self.slices.push_back(Slice::default());
            self.since = now;
        }
        while now.saturating_duration_since(self.since) >= SLICE {
            self.since += SLICE;
            self.slices.push_back(Slice::default());
            if self.slices.len() > SLICES {
                self.slices.pop_front();
            }
        }
        if now.saturating_duration_since(self.seen_since) >= MEMORY {
            self.seen.age();
            self.seen_since = now;
            self.spans += 1;
        }
        self.stay.roll(now);
        self.long.roll(now);
    }

    fn signs(&self) -> Signs {
        let requests = self.slices.iter().map(|slice| slice.requests).sum::<u64>() as f64;
        if requests < verdict::FEWEST {
            return Signs { requests, ..Signs::default() };
        }
        let minute = self.slices.iter().fold(Slice::default(), |mut all, slice| {
            all.merge(slice);
            all
        });
        let past = Past { reaches_back: self.spans >= 2, follow_up: self.stay.follow_up(), asked: self.long.asked() };
        Signs::read(&minute, past)
    }
}

impl Stay {
    /// The share of newcomers that stay; `None` when it is not known, or known only of those before a surge.
    fn follow_up(&self) -> Option<f64> {
        let (share, of) = self.follow_up?;
        // This span, which is not over yet, and the whole one before it.
        let now = self.count.count().max(self.before);
        (now <= of * SURGE).then_some(share)
    }

    fn note(&mut self, client: u64, first: bool) {
        if first {
            self.new.note(client);
            self.count.add(client);
        } else if self.new.holds_oldest(client) {
            self.again.add(client);
        }
    }

    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed < STAY {
            return;
        }
        let known = self.before >= FEW_NEWCOMERS && passed < STAY * 2;
        self.follow_up = known.then(|| (self.again.count() / self.before, self.before));
        (self.before, self.since) = (self.count.count(), now);
        self.count = Distinct::default();
        self.again = Distinct::default();
        self.new.age();
    }
}

/// The network an address belongs to: /24 of IPv4, /48 of IPv6.
pub fn network(address: IpAddr) -> [u8; 6] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [4, a, b, c, 0, 0]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, ..] = address.octets();
            [a, b, c, d, e, f]
        }
    }
}

/// The part of an address that one client holds: all of IPv4, /64 of IPv6.
fn octets(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [4, a, b, c, d, 0, 0, 0]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}
