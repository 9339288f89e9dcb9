//! A streamed answer: its events one by one, and whether it ended as it should.
//!
//! A stream ended properly after `[DONE]`, or after every choice had its finish reason and the body then ended cleanly.
//! Anything else is a failure: the answer must not be kept, and the user must not take it for complete.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{body, refusal};
use crate::engine::model::{
    Deadlines,
    deadline::Stage,
    failure::{Class, Failure},
    sse::{Splitter, TooLong},
};

/// How long the last bytes of a body may take after `[DONE]`. A connection can only be used again when its response was
/// read to the end; waiting longer than this for it would cost the user more than a new connection.
const LAST_BYTES: Duration = Duration::from_millis(50);

/// Reads the events of one response.
pub(super) struct EventReader {
    body: Incoming,
    splitter: Splitter,
    choices: Choices,
    deadlines: Deadlines,
    received: usize,
    begun: bool,
    ended: bool,
}

/// What one event's data turned out to be.
enum Data {
    Event,
    Done,
}

impl EventReader {
    pub(super) fn new(body: Incoming, deadlines: Deadlines) -> Self {
        let (splitter, choices) = (Splitter::default(), Choices::default());
        Self { body, splitter, choices, deadlines, received: 0, begun: false, ended: false }
    }

    /// The next event's JSON; `None` after the proper end, and after a failure.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        if self.ended {
            return None;
        }
        let next = self.advance().await.transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        self.begun = true;
        next
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Failure> {
        let (span, stage) = match self.begun {
            false => (self.deadlines.first_token, Stage::FirstToken),
            true => (self.deadlines.between, Stage::NextEvent),
        };
        let due = Instant::now() + span;
        loop {
            if let Some(data) = self.splitter.next_event().map_err(too_long)? {
                let event = self.take(data)?;
                if event.is_none() {
                    self.read_last_bytes().await;
                }
                return Ok(event);
            }
            let frame = tokio::time::timeout_at(due, self.body.frame()).await.map_err(|_| stage.overdue(span))?;
            match frame {
                Some(frame) => self.push(frame.map_err(|error| body::cut(&error))?.into_data().unwrap_or_default())?,
                None => return self.end(),
            }
        }
    }

    async fn read_last_bytes(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.body.frame().await {} };
        let _ = tokio::time::timeout(LAST_BYTES, rest).await;
    }

    fn push(&mut self, piece: Bytes) -> Result<(), Failure> {
        self.received += piece.len();
        if self.received > body::LARGEST {
            let detail = format!("the stream is longer than {} bytes", body::LARGEST);
            return Err(Failure::new(Class::Garbage, detail).coded("too_large"));
        }
        self.splitter.push(piece);
        Ok(())
    }

    fn take(&mut self, data: Bytes) -> Result<Option<Bytes>, Failure> {
        match self.look_at(&data)? {
            Data::Event => Ok(Some(data)),
            Data::Done if self.begun => Ok(None),
            Data::Done => Err(Failure::new(Class::Garbage, "the stream ended without an answer").coded("empty_stream")),
        }
    }

    /// The body has ended, cleanly as far as HTTP can tell.
    fn end(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(data) = self.splitter.finish().map_err(too_long)? {
            return self.take(data);
        }
        if self.choices.are_finished() {
            return Ok(None);
        }
        Err(Failure::new(Class::Cut, "the stream ended before the answer did").coded("early_end"))
    }

    fn look_at(&mut self, data: &Bytes) -> Result<Data, Failure> {
        if data.as_ref() == b"[DONE]" {
            return Ok(Data::Done);
        }
        let garbage = |what: String| Failure::new(Class::Garbage, what).coded("not_json");
        if data.first() != Some(&b'{') {
            return Err(garbage("an event is not a JSON object".into()));
        }
        let event: Event =
            serde_json::from_slice(data).map_err(|error| garbage(format!("an event is not JSON: {error}")))?;
        if event.error.is_some() {
            return Err(refusal::classify(None, data));
        }
        self.choices.add(event.choices);
        Ok(Data::Event)
    }
}

fn too_long(error: TooLong) -> Failure {
    Failure::new(Class::Garbage, error.to_string()).coded("too_large")
}

/// As much of an event as has to be understood.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    choices: Choices,
}

/// Which choices have begun and which have finished: a bit for each of the first 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Choices {
    begun: u64,
    finished: u64,
}

impl Choices {
    fn add(&mut self, other: Self) {
        self.begun |= other.begun;
        self.finished |= other.finished;
    }

    fn are_finished(self) -> bool {
        self.begun != 0 && self.begun == self.finished
    }
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Choices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_unit<E>(self) -> Result<Choices, E> {
                Ok(Choices::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
                let mut choices = Choices::default();
                while let Some(Choice { index, finish_reason }) = list.next_element()? {
                    let bit = 1u64.checked_shl(index).unwrap_or(0);
                    choices.add(Choices { begun: bit, finished: if finish_reason.is_some() { bit } else { 0 } });
                }
                Ok(choices)
            }
        }
        deserializer.deserialize_any(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(event: &str) -> Choices {
        serde_json::from_str::<Event>(event).expect("an event").choices
    }

    #[test]
    fn an_answer_is_finished_when_every_choice_is() {
        let mut seen = choices(r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"finish_reason":null}]}"#);
        seen.add(choices(r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#));
        assert!(!seen.are_finished());
        seen.add(choices(r#"{"choices":[{"index":0,"finish_reason":"length"}],"usage":{}}"#));
        assert!(seen.are_finished());
    }

    #[test]
    fn events_without_choices_finish_nothing() {
        assert_eq!(choices(r#"{"type":"ping"}"#), Choices::default());
        assert_eq!(choices(r#"{"choices":null}"#), Choices::default());
        assert!(!Choices::default().are_finished());
    }
}
