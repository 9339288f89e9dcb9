//! One model with everything that stands between it and a request: its pool, its breaker, its prices, its metrics.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    Deadlines, Events, Model, Reply,
    breaker::{Breaker, Ticket, machine::Outcome},
    cascade::ConfiguredModel,
    deadline::Stage,
    election::{Election, Vote},
    failure::{Class, Failure},
    pool::{Full, Pool, Verdict},
    prices::Prices,
    retry::Credit,
    translated,
    usage::Usage,
};
use crate::{
    clock::Clock,
    dice::Dice,
    engine::{
        answer_log::LogWriter,
        asked::Asked,
        source::{Origin, Source},
    },
    ids::ModelName,
    store::{Shape, Store},
    telemetry::{
        catalogue,
        metric::{Counter, Distribution},
        registry::Registry,
    },
    units::Usd,
};

/// One request on its way down the cascade.
pub(super) struct Errand<'a> {
    pub(super) asked: &'a Asked,
    pub(super) writer: &'a mut LogWriter,
    pub(super) deadline: Instant,
    /// Attempts sent so far, to any model.
    pub(super) sends: u32,
    /// Who waits for it.
    pub(super) purpose: Purpose,
    /// How long the first event took, when it came in events.
    pub(super) first_token: Option<Duration>,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whoever asked.
    Answer,
    /// Nobody: what it costs is counted elsewhere.
    Aside,
    /// Nobody, and it is no question either: it is sent for its prefix, and its tokens are no evidence of users'.
    Probe,
}

impl Errand<'_> {
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What an answer told beside itself.
struct Told {
    usage: Option<Usage>,
    /// `None`: it did not come as a stream.
    first_token: Option<Duration>,
}

/// One model of the cascade.
pub(super) struct Lane {
    pub(super) name: ModelName,
    pub(super) pool: Pool,
    pub(super) breaker: Breaker,
    pub(super) credit: Credit,
    pub(super) meters: Meters,
    election: Election,
    source: Source,
    kind: Arc<dyn Model>,
    deadlines: Deadlines,
    prices: Prices,
    clock: Clock,
}

impl Lane {
    /// A model and what it counts as: the primary or a secondary.
    pub(super) fn new(
        model: ConfiguredModel,
        source: Source,
        metrics: &Registry,
        store: Arc<dyn Store>,
        dice: Arc<Dice>,
        clock: Clock,
    ) -> Self {
        let ConfiguredModel { name, kind, pool, breaker, deadlines, prices, .. } = model;
        let breaker = Breaker::new(name.clone(), breaker, metrics, dice, clock);
        let (pool, meters) = (Pool::new(&name, pool, metrics), Meters::new(&name, metrics));
        let (election, credit) = (Election::new(&name, store), Credit::default());
        Self { name, pool, breaker, credit, meters, election, source, kind, deadlines, prices, clock }
    }

    /// Whether this is the first model of the configuration.
    pub(super) fn is_primary(&self) -> bool {
        self.source == Source::Primary
    }

    /// Sends one attempt and writes down what comes back. What it was paid and which tokens it took are counted here.
    pub(super) async fn attempt(&self, errand: &mut Errand<'_>) -> Result<(Option<Usage>, Usd), Failure> {
        let _slot = self.pool.check_out(errand.deadline).await.map_err(|full| self.full(full))?;
        let ticket = self.breaker.admit().map_err(|until| {
            Failure::new(Class::NotSent, format!("the breaker of `{}` is open until {until}", self.name))
        })?;
        if !ticket.is_probe() {
            return self.send(errand, ticket).await;
        }
        match self.election.stand().await {
            Vote::Alone => self.send(errand, ticket).await,
            Vote::Elected(fence) => {
                let sent = self.send(errand, ticket).await;
                self.election.tell(&fence, &self.breaker).await;
                sent
            }
            Vote::Outvoted => {
                ticket.settle(Outcome::Outvoted);
                let why = format!("another node finds out whether `{}` is back", self.name);
                Err(Failure::new(Class::NotSent, why).coded("probed_elsewhere"))
            }
        }
    }

    async fn send(&self, errand: &mut Errand<'_>, ticket: Ticket<'_>) -> Result<(Option<Usage>, Usd), Failure> {
        errand.sends += 1;
        self.meters.attempts.inc();
        let begun = Instant::now();
        match self.answer(errand, begun).await {
            Ok(Told { usage, first_token }) => {
                ticket.settle(Outcome::Answered);
                self.pool.answered(begun, first_token);
                self.meters.latency.record_time(begun.elapsed());
                Ok((usage, self.pay(usage, errand.purpose)))
            }
            Err(failure) => {
                ticket.settle(self.evidence(&failure, errand, begun));
                self.meters.failed(failure.class);
                Err(failure)
            }
        }
    }

    /// Has a prompt's tokens counted, in a place of the pool. It says nothing about the model's health.
    pub(super) async fn count(&self, asked: &Asked, deadline: Instant) -> Result<u64, Failure> {
        let _slot = self.pool.check_out(deadline).await.map_err(|full| self.full(full))?;
        let (began, counting) = (Instant::now(), translated::count(&*self.kind, asked, &self.deadlines));
        timeout_at(deadline, counting).await.map_err(|_| Stage::Deadline.overdue(began.elapsed()))?
    }

    async fn answer(&self, errand: &mut Errand<'_>, begun: Instant) -> Result<Told, Failure> {
        let asking = translated::ask(&*self.kind, errand.asked, &self.deadlines, &self.name, self.clock.now());
        let asking = timeout_at(errand.deadline, asking).await;
        let (reply, lost) = asking.map_err(|_| Stage::Deadline.overdue(begun.elapsed()))??;
        errand.writer.begin(Origin { lost, ..Origin::of(self.source, Some((&*self.name).into())) });
        match reply {
            Reply::Body(body) => {
                let usage = Usage::find(&body);
                errand.writer.push(Shape::Body, body);
                Ok(Told { usage, first_token: None })
            }
            Reply::Events(events) => self.follow(events, errand, begun).await,
        }
    }

    /// Writes down a stream. The request's deadline is for its first event: an answer that flows is not cut short, the
    /// model's own deadlines see to it that it goes on flowing.
    async fn follow(&self, mut events: Events, errand: &mut Errand<'_>, begun: Instant) -> Result<Told, Failure> {
        let first = timeout_at(errand.deadline, events.next()).await;
        let mut next = first.map_err(|_| Stage::Deadline.overdue(begun.elapsed()))?;
        let first_token = matches!(next, Some(Ok(_))).then(|| begun.elapsed());
        if errand.purpose != Purpose::Probe {
            first_token.iter().for_each(|after| self.meters.ttft.record_time(*after));
        }
        errand.first_token = first_token;
        let mut usage = None;
        while let Some(event) = next {
            let event: Bytes = event?;
            usage = Usage::find(&event).map(|found| found.and(usage)).or(usage);
            errand.writer.push(Shape::Events, event);
            next = events.next().await;
        }
        Ok(Told { usage, first_token })
    }

    fn pay(&self, usage: Option<Usage>, purpose: Purpose) -> Usd {
        let Some(usage) = usage else { return Usd::default() };
        let cost = self.prices.cost(&usage);
        if purpose == Purpose::Probe {
            return cost;
        }
        self.meters.prompt.add(usage.prompt);
        self.meters.cache_read.add(usage.cache_read);
        self.meters.cache_write.add(usage.cache_write);
        if purpose == Purpose::Answer {
            self.meters.cost.add(cost.as_micros().max(0) as u64);
        }
        cost
    }

    /// What a failure says about the model. When the request's own time ran out it says nothing. A refusal for its load is
    /// answered by a pool that adapts, and speaks against the model only when that pool can become no smaller.
    fn evidence(&self, failure: &Failure, errand: &Errand<'_>, begun: Instant) -> Outcome {
        let ours = errand.time_left().is_zero() && !errand.writer.has_begun();
        match failure {
            _ if ours => Outcome::Abandoned,
            // Nothing was sent.
            failure if failure.is_untranslatable() => Outcome::Abandoned,
            Failure { class, retry_after, .. } if class.is_throttle() => {
                match (self.pool.refused(begun), retry_after) {
                    (_, Some(wait)) => Outcome::AskedToWait(*wait),
                    (Some(Verdict::Cut | Verdict::AlreadyCut), None) => Outcome::Abandoned,
                    (Some(Verdict::AtLeast) | None, None) => Outcome::Failed,
                }
            }
            Failure { class, .. } if class.is_ill_health() => Outcome::Failed,
            _ => Outcome::Answered,
        }
    }

    fn full(&self, full: Full) -> Failure {
        let why = match full {
            Full::Queue => "its queue is full as well".to_owned(),
            Full::Wait(waited) => format!("no place came free in {} ms", waited.as_millis()),
        };
        Failure::new(Class::NotSent, format!("the pool of `{}` is full, and {why}", self.name)).coded("pool_full")
    }
}

/// What is measured of one model.
pub(super) struct Meters {
    pub(super) retries: Arc<Counter>,
    attempts: Arc<Counter>,
    throttles: Arc<Counter>,
    errors: Vec<Arc<Counter>>,
    latency: Arc<Distribution>,
    ttft: Arc<Distribution>,
    prompt: Arc<Counter>,
    cache_read: Arc<Counter>,
    cache_write: Arc<Counter>,
    cost: Arc<Counter>,
}

impl Meters {
    fn new(model: &ModelName, metrics: &Registry) -> Self {
        let counter = |metric| metrics.counter(metric, &[model]);
        let distribution = |metric| metrics.distribution(metric, &[model]);
        let error = |class: &Class| metrics.counter(&catalogue::ATTEMPT_ERRORS, &[model, class.label()]);
        Self {
            retries: counter(&catalogue::RETRIES),
            attempts: counter(&catalogue::ATTEMPTS),
            throttles: counter(&catalogue::THROTTLES),
            errors: Class::ALL.iter().map(error).collect(),
            latency: distribution(&catalogue::MODEL_LATENCY),
            ttft: distribution(&catalogue::MODEL_TTFT),
            prompt: counter(&catalogue::PROMPT_TOKENS),
            cache_read: counter(&catalogue::CACHE_READ_TOKENS),
            cache_write: counter(&catalogue::CACHE_WRITE_TOKENS),
            cost: counter(&catalogue::COST),
        }
    }

    fn failed(&self, class: Class) {
        if class.is_throttle() {
            self.throttles.inc();
        }
        let place = Class::ALL.iter().position(|known| *known == class);
        place.and_then(|place| self.errors.get(place)).into_iter().for_each(|counter| counter.inc());
    }
}
