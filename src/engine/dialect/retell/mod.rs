//! An answer in the format that it was asked for in, event by event as it comes.

mod converse_to_messages;
mod converse_to_openai;
mod openai_to_converse;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::{Dialect, Lost, completion::Completion};
use crate::engine::model::{
    Events, Reply,
    failure::{Class, Failure},
};

/// Tells events of one format in another.
trait Retell: Send {
    /// What one event is told as: nothing, one or several.
    fn event(&mut self, event: &Value) -> Vec<Value>;

    /// What is still to be told when the last event has come.
    fn end(&mut self) -> Vec<Value>;
}

/// How answers of one model are retold.
#[derive(Clone, Debug)]
pub struct Voice {
    /// The format that the model speaks.
    pub from: Dialect,
    /// The format that was asked for.
    pub to: Dialect,
    /// What all events of the answer have in common.
    pub completion: Completion,
    /// When the model was asked.
    pub asked: Instant,
}

impl Voice {
    fn teller(&self) -> Option<Box<dyn Retell>> {
        let converse = || openai_to_converse::Teller::new(self.asked);
        let messages = || converse_to_messages::Teller::new(self.completion.clone());
        Some(match (self.from, self.to) {
            (Dialect::OpenAi, Dialect::Converse) => Box::new(converse()),
            (Dialect::Converse, Dialect::OpenAi) => Box::new(converse_to_openai::Teller::new(self.completion.clone())),
            (Dialect::Converse, Dialect::Messages) => Box::new(messages()),
            (Dialect::OpenAi, Dialect::Messages) => Box::new(Both(converse(), messages())),
            _ => return None,
        })
    }

    /// The reply retold. What a whole answer lost is added; what a stream loses is known too late to be told.
    ///
    /// # Errors
    /// [`Class::Garbage`] when it is no answer of the format that the model speaks.
    pub fn retell(self, reply: Reply, lost: &mut Lost) -> Result<Reply, Failure> {
        let teller = self.teller().ok_or_else(|| garbage("there is no way to retell it"))?;
        match reply {
            Reply::Body(body) => self.whole(&body, teller, lost).map(Reply::Body),
            Reply::Events(events) => Ok(Reply::Events(follow(events, teller))),
        }
    }

    fn whole(&self, body: &[u8], mut teller: Box<dyn Retell>, lost: &mut Lost) -> Result<Bytes, Failure> {
        let events = self.from.events_of(body).ok_or_else(|| garbage("the body is no answer of its format"))?;
        if self.from == Dialect::Converse {
            events.iter().for_each(|event| untold(event, lost));
        }
        let mut told = Vec::new();
        for event in &events {
            told.extend(teller.event(&read(event)?));
        }
        told.extend(teller.end());
        let told: Vec<_> = told.iter().map(|event| Bytes::from(event.to_string())).collect();
        self.to.body_of(&told).ok_or_else(|| garbage("the body says nothing that can be retold"))
    }
}

/// What other formats have no word for in an event of Converse's.
fn untold(event: &[u8], lost: &mut Lost) {
    let Ok(event) = serde_json::from_slice::<Value>(event) else { return };
    let deltas = event.pointer("/contentBlockDelta/delta").and_then(Value::as_object).into_iter().flatten();
    let deltas =
        deltas.map(|(kind, _)| kind.as_str()).filter(|kind| !["text", "toolUse", "reasoningContent"].contains(kind));
    deltas.for_each(|kind| lost.aside(kind));
    if event.pointer("/metadata/trace").is_some() {
        lost.aside("trace");
    }
}

/// One after the other.
struct Both<A, B>(A, B);

impl<A: Retell, B: Retell> Retell for Both<A, B> {
    fn event(&mut self, event: &Value) -> Vec<Value> {
        self.0.event(event).iter().flat_map(|event| self.1.event(event)).collect()
    }

    fn end(&mut self) -> Vec<Value> {
        let mut told: Vec<_> = self.0.end().iter().flat_map(|event| self.1.event(event)).collect();
        told.extend(self.1.end());
        told
    }
}

/// A stream that is being retold.
struct Following {
    events: Events,
    teller: Box<dyn Retell>,
    ready: std::vec::IntoIter<Value>,
    ended: bool,
}

fn follow(events: Events, teller: Box<dyn Retell>) -> Events {
    let following = Following { events, teller, ready: Vec::new().into_iter(), ended: false };
    Box::pin(stream::unfold(following, |mut following| async { Some((following.next().await?, following)) }))
}

impl Following {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            if let Some(event) = self.ready.next() {
                return Some(Ok(event.to_string().into()));
            }
            if self.ended {
                return None;
            }
            let told = match self.events.next().await {
                Some(event) => event.and_then(|event| Ok(self.teller.event(&read(&event)?))),
                None => {
                    self.ended = true;
                    Ok(self.teller.end())
                }
            };
            match told {
                Ok(told) => self.ready = told.into_iter(),
                Err(failure) => {
                    self.ended = true;
                    return Some(Err(failure));
                }
            }
        }
    }
}

fn read(event: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(event).map_err(|error| garbage(&format!("an event is not JSON: {error}")))
}

fn garbage(what: &str) -> Failure {
    Failure::new(Class::Garbage, what.to_owned()).coded("not_an_answer")
}

#[cfg(test)]
mod tests;
