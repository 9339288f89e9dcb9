//! Brings what is due in the outbox to the channels that want it.
//!
//! Level-triggered: every look starts from what the outbox says, so a restart is an ordinary look.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tracing::{info, warn};

use super::{
    channel::{Channel, NotSent},
    dedup::{Grouping, Need, need},
    outbox::{Delivery, DeliveryState, Open, Outbox, OutboxError},
    pace::Pace,
};
use crate::{
    clock::{Clock, Timestamp},
    controller::{
        alarm::Severity,
        notice::{Notice, NoticeKind},
    },
    telemetry::{catalogue, registry::Registry},
};

/// Notices looked at in one go.
const MOST: usize = 100;
/// Failures in a row after which a channel is reported through the others.
const FAILING: u32 = 3;
/// A delivery that failed for this long is given up. A resolve never is.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// What a report about a channel is about.
const ABOUT_CHANNEL: &str = "banto:channel:";

/// A channel, and what it wants to hear.
pub struct Route {
    /// Its name in the configuration.
    pub name: String,
    /// The way to its people.
    pub channel: Box<dyn Channel>,
    /// Which incidents; never empty.
    pub severities: Vec<Severity>,
    /// Whether remedies are told too.
    pub changes: bool,
}

impl Route {
    /// A channel hears of every other channel's trouble, and of the end of whatever it was told of.
    fn wants(&self, notice: &Notice) -> bool {
        if let Some(channel) = notice.dedup_key.strip_prefix(ABOUT_CHANNEL) {
            return channel != self.name;
        }
        match notice.kind {
            NoticeKind::Resolve => true,
            NoticeKind::Change => self.changes && self.severities.contains(&notice.severity),
            NoticeKind::Trigger | NoticeKind::Acknowledge => self.severities.contains(&notice.severity),
        }
    }
}

/// The dispatcher.
pub struct Dispatcher {
    outbox: Arc<dyn Outbox>,
    routes: Vec<Route>,
    grouping: Grouping,
    registry: Arc<Registry>,
    health: BTreeMap<String, Health>,
}

/// How a channel does.
#[derive(Debug, Default)]
struct Health {
    pace: Pace,
    /// Failures in a row.
    failures: u32,
    /// After a failure it is left alone until then, so that one dead receiver does not hold up the others.
    resting: Timestamp,
}

impl Dispatcher {
    /// Nothing is sent before the first look.
    pub fn new(outbox: Arc<dyn Outbox>, routes: Vec<Route>, grouping: Grouping, registry: Arc<Registry>) -> Self {
        Self { outbox, routes, grouping, registry, health: BTreeMap::new() }
    }

    /// Looks every second for as long as it is polled. Safe to drop at any await: what was sent and not yet written down is
    /// sent again.
    pub async fn run(mut self, clock: Clock) {
        loop {
            if let Err(error) = self.look(clock.now()).await {
                warn!(%error, "Notices wait.");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Does everything that is due.
    ///
    /// # Errors
    /// When the outbox does not answer; what is left is due again.
    pub async fn look(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        for open in self.outbox.due(now, MOST).await? {
            let wakes = self.deliver(&open, now).await?;
            match wakes {
                Some(at) => self.outbox.rest(&open.notice.id, at).await?,
                None => self.outbox.close(&open.notice.id).await?,
            }
        }
        Ok(())
    }

    /// Brings one notice to every channel that wants it; when to look again, if it is not done with.
    async fn deliver(&mut self, open: &Open, now: Timestamp) -> Result<Option<Timestamp>, OutboxError> {
        let mut wakes: Option<Timestamp> = None;
        for at in 0..self.routes.len() {
            if self.routes[at].wants(&open.notice)
                && let Some(wake) = self.bring(at, open, now).await?
            {
                wakes = Some(wakes.map_or(wake, |earlier| earlier.min(wake)));
            }
        }
        Ok(wakes)
    }

    /// One notice, one channel.
    async fn bring(&mut self, route: usize, open: &Open, now: Timestamp) -> Result<Option<Timestamp>, OutboxError> {
        let (name, notice) = (self.routes[route].name.clone(), &open.notice);
        let before = open.deliveries.get(&name);
        match before.map(|delivery| delivery.state) {
            Some(DeliveryState::GivenUp | DeliveryState::Skipped) => return Ok(None),
            Some(DeliveryState::Sent) if notice.kind != NoticeKind::Trigger => return Ok(None),
            Some(DeliveryState::Retry(at)) if at > now => return Ok(Some(at)),
            _ => {}
        }
        let retrying = matches!(before.map(|delivery| delivery.state), Some(DeliveryState::Retry(_)));
        let told = self.outbox.told(&name, &notice.dedup_key).await?;
        let overtaken = told.as_ref().is_some_and(|told| told.written > notice.at && told.notice != notice.id);
        if retrying && !overtaken {
            return self.send(route, open, now).await;
        }
        match need(notice, told.as_ref(), &self.grouping, now) {
            Need::Send(_) => self.send(route, open, now).await,
            Need::Wait(until, _) => Ok(Some(until)),
            Need::Skip(reason) => {
                let attempts = before.map_or(0, |delivery| delivery.attempts);
                let skipped =
                    Delivery { state: DeliveryState::Skipped, at: now, attempts, reason: reason.why().into() };
                self.outbox.record(&notice.id, &name, &skipped).await?;
                Ok(None)
            }
        }
    }

    async fn send(&mut self, route: usize, open: &Open, now: Timestamp) -> Result<Option<Timestamp>, OutboxError> {
        let Route { name, channel, .. } = &self.routes[route];
        let health = self.health.entry(name.clone()).or_default();
        if health.resting > now {
            return Ok(Some(health.resting));
        }
        if let Err(free) = health.pace.take(channel.most_per_minute(), now) {
            return Ok(Some(free));
        }
        let sent = channel.send(&open.notice).await;
        let failures_before = health.failures;
        health.failures = if sent.is_ok() { 0 } else { failures_before + 1 };
        let again = now + channel.patience(health.failures);
        let (state, reason) = outcome(&open.notice, sent, again, now);
        if let DeliveryState::Retry(again) = state {
            health.resting = again;
        }
        let report = self.report(route, failures_before, state, &reason, now);
        let name = self.routes[route].name.as_str();
        self.count(name, state, &open.notice, &reason);
        let attempts = open.deliveries.get(name).map_or(0, |delivery| delivery.attempts) + 1;
        self.outbox.record(&open.notice.id, name, &Delivery { state, at: now, attempts, reason }).await?;
        if let Some(report) = report {
            self.outbox.put(&report).await?;
        }
        Ok(match state {
            DeliveryState::Retry(at) => Some(at),
            DeliveryState::Sent if open.notice.kind == NoticeKind::Trigger => Some(now + self.grouping.repeat),
            _ => None,
        })
    }

    /// What the other channels are told when this one begins or ceases to fail.
    fn report(&mut self, route: usize, before: u32, state: DeliveryState, why: &str, now: Timestamp) -> Option<Notice> {
        let name = &self.routes[route].name;
        let health = self.health.get_mut(name)?;
        if state == DeliveryState::GivenUp {
            health.failures = health.failures.max(FAILING);
        }
        match (before >= FAILING, health.failures >= FAILING) {
            (false, true) => Some(report(name, NoticeKind::Trigger, why, now)),
            (true, false) => Some(report(name, NoticeKind::Resolve, why, now)),
            _ => None,
        }
    }

    fn count(&self, channel: &str, state: DeliveryState, notice: &Notice, reason: &str) {
        let result = match state {
            DeliveryState::Sent => "sent",
            DeliveryState::GivenUp => "given_up",
            DeliveryState::Retry(_) | DeliveryState::Skipped => "retried",
        };
        self.registry.counter(&catalogue::NOTICES, &[channel, result]).inc();
        if state == DeliveryState::Sent {
            info!(channel, notice = notice.id, "Notice sent.");
        } else {
            warn!(channel, notice = notice.id, result, reason, "Notice not sent.");
        }
    }
}

/// What a try means for the notice.
fn outcome(notice: &Notice, sent: Result<(), NotSent>, again: Timestamp, now: Timestamp) -> (DeliveryState, String) {
    let obliged = notice.kind == NoticeKind::Resolve || now.since(notice.at) < GIVE_UP_AFTER;
    match sent {
        Ok(()) => (DeliveryState::Sent, "the receiver took it".to_owned()),
        Err(NotSent::Later(why)) if obliged => (DeliveryState::Retry(again), why),
        Err(NotSent::Later(why) | NotSent::Never(why)) => (DeliveryState::GivenUp, why),
    }
}

/// A notice about a channel, for the other channels.
fn report(channel: &str, kind: NoticeKind, why: &str, now: Timestamp) -> Notice {
    let over = kind == NoticeKind::Resolve;
    let summary = if over {
        format!("Notices reach {channel} again")
    } else {
        format!("Notices do not reach {channel}: people who rely on it hear nothing")
    };
    let body = format!(
        "{summary}.\n\nWhat it said last: {why}\n\nWhat to do: look at the channel's settings under `notify:` and at the receiver."
    );
    Notice {
        id: format!("{ABOUT_CHANNEL}{channel}:{}:{}", if over { "up" } else { "down" }, now.0),
        dedup_key: format!("{ABOUT_CHANNEL}{channel}"),
        kind,
        severity: Severity::P2,
        at: now,
        summary,
        body,
        links: vec![],
    }
}
