//! The built-in model: answers in process, and breaks on request.
//!
//! It is what `banto serve` answers with when nothing else is configured, and what drills break. Its answers depend on the
//! model and the question alone and repeat the question's words, so that a wrong one shows; its times are tokio's, its
//! chance is the dice's, so that a drill repeats byte for byte.

mod load;
pub mod profile;
mod prompt_cache;
mod prose;
mod simulation;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use tokio::time::sleep;

use super::{
    Deadlines, Events, Model, Reply,
    deadline::{Stage, within},
    failure::{Class, Failure},
    usage::Usage,
};
use crate::{
    clock::Clock,
    engine::{asked::Asked, dialect::completion::Completion},
};
use profile::{Fault, FaultKind};
use prose::Prose;
pub use simulation::Simulation;
use simulation::{Fate, Served};

/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(20);

/// A simulated model. Several nodes may share one simulation, as they would share one provider.
pub struct Simulated {
    model: String,
    simulation: Arc<Simulation>,
    clock: Clock,
}

impl Simulated {
    /// A model that calls itself `model` in its answers.
    pub fn new(model: impl Into<String>, simulation: Arc<Simulation>, clock: Clock) -> Self {
        Self { model: model.into(), simulation, clock }
    }

    fn answer(&self, asked: &Asked, fate: &Fate) -> Answer {
        let prose = Prose::about(&self.model, asked, &fate.known);
        let usage = Usage { completion: prose.tokens(), ..fate.prompt };
        let completion = Completion::new(&self.model, self.clock.now().seconds(), &asked.context.0);
        Answer { prose, usage, completion }
    }
}

struct Answer {
    prose: Prose,
    usage: Usage,
    completion: Completion,
}

#[async_trait]
impl Model for Simulated {
    async fn ask(&self, asked: &Asked, deadlines: &Deadlines) -> Result<Reply, Failure> {
        let fate = self.simulation.receive(asked, self.clock.now());
        if let Some(fault) = &fate.fault {
            strike_at_once(fault, asked, deadlines).await?;
        }
        let answer = self.answer(asked, &fate);
        if asked.stream {
            within(deadlines.first_token, Stage::FirstToken, sleep(fate.first_token)).await?;
            let last = (asked.include_usage || asked.ask_usage).then_some(answer.usage);
            return Ok(Reply::Events(events(&answer, last, fate, *deadlines)));
        }
        let time = fate.first_token + fate.per_token * answer.usage.completion as u32;
        within(deadlines.whole, Stage::WholeBody, sleep(time)).await?;
        match &fate.fault {
            Some(fault) => Err(fault.failure()),
            None => Ok(Reply::Body(answer.completion.body(&answer.prose.text, answer.prose.finish, &answer.usage))),
        }
    }

    async fn count(&self, asked: &Asked, _: &Deadlines) -> Result<u64, Failure> {
        Ok(prose::tokens(&asked.body))
    }
}

/// Faults that come instead of an answer. The others strike in the middle of one.
async fn strike_at_once(fault: &Fault, asked: &Asked, deadlines: &Deadlines) -> Result<(), Failure> {
    match fault.kind {
        FaultKind::Hang => {
            let (span, stage) =
                if asked.stream { (deadlines.head, Stage::Head) } else { (deadlines.whole, Stage::WholeBody) };
            within(span, stage, std::future::pending()).await
        }
        FaultKind::Cut | FaultKind::Garbage => Ok(()),
        FaultKind::Refuse => Err(fault.failure()),
        FaultKind::Throttle | FaultKind::Overload | FaultKind::ServerError | FaultKind::NewCode => {
            sleep(REFUSAL).await;
            Err(fault.failure())
        }
    }
}

/// The answer in events; a fault strikes after half of them.
fn events(answer: &Answer, usage: Option<Usage>, fate: Fate, deadlines: Deadlines) -> Events {
    let completion = &answer.completion;
    let mut events = vec![Ok(completion.opening(""))];
    events.extend(answer.prose.pieces().map(|piece| Ok(completion.piece(&piece))));
    if let Some(fault) = &fate.fault {
        events.truncate(events.len() / 2);
        events.push(Err(fault.failure()));
    } else {
        events.push(Ok(completion.closing(answer.prose.finish)));
        events.extend(usage.map(|usage| Ok(completion.usage(&usage))));
    }
    let pace = fate.per_token * prose::WORDS_IN_A_PIECE as u32;
    let pacing = Pacing { events: events.into_iter(), first: true, _served: fate.served };
    Box::pin(stream::unfold(pacing, move |mut pacing| async move {
        let event = pacing.events.next()?;
        let first = std::mem::take(&mut pacing.first);
        let waited = if first { Ok(()) } else { within(deadlines.between, Stage::NextEvent, sleep(pace)).await };
        Some((waited.and(event), pacing))
    }))
}

/// Events that come one by one while the request counts as being served.
struct Pacing {
    events: std::vec::IntoIter<Result<Bytes, Failure>>,
    first: bool,
    _served: Served,
}

impl Fault {
    fn failure(&self) -> Failure {
        let (class, code) = match self.kind {
            FaultKind::Throttle => (Class::Throttled, "ThrottlingException"),
            FaultKind::Overload => (Class::Overloaded, "ServiceUnavailableException"),
            FaultKind::ServerError => (Class::Server, "InternalServerException"),
            FaultKind::Refuse => (Class::Connect, "connection_refused"),
            FaultKind::Cut => (Class::Cut, "connection_reset"),
            FaultKind::Garbage => (Class::Garbage, "not_json"),
            FaultKind::Hang => (Class::Timeout, "no_head"),
            FaultKind::NewCode => (Class::Unknown, "ModelTransientException"),
        };
        let code = self.code.as_deref().unwrap_or(code);
        let retry_after = self.retry_after.map(|span| span.0);
        Failure::new(class, format!("the simulated model was told to fail: {:?}", self.kind))
            .coded(code)
            .after(retry_after)
    }
}

#[cfg(test)]
mod tests;
