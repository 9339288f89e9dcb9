//! One question on a WebSocket, from the wish to the last token.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{hub::Hub, message};
use crate::{
    api::{
        openai::{chat::Chat, error::ApiError, request},
        told::Told,
    },
    engine::{
        answer_log::{AnswerLog, LogReader},
        asked::{Asked, Caller, Hints},
        dialect,
        measure::Timer,
        source::Source,
    },
    store::Shape,
};

/// What a question tells its connection, under the number that the connection gave it.
pub(super) type Numbered = (u64, Event);

/// One thing that it tells.
#[derive(Debug)]
pub(super) enum Event {
    /// To be sent.
    Say(Value),
    /// It is over.
    Over {
        /// The question.
        id: String,
        /// To be sent, and nothing more of it.
        last: Value,
        /// Its answer, to know a revision of it.
        trace_id: Option<Arc<str>>,
        /// Nobody could answer it.
        degraded: bool,
    },
}

/// A question under way.
pub(super) struct Asking {
    pub(super) chat: Arc<Chat>,
    pub(super) hub: Arc<Hub>,
    pub(super) caller: Caller,
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) body: String,
    pub(super) events: mpsc::Sender<Numbered>,
}

impl Asking {
    /// Asks and tells the connection all about it. Dropping the future stops telling; whoever else waits for the same answer
    /// gets it all the same.
    pub(super) async fn run(self) {
        let (mut trace_id, mut degraded) = (None, false);
        let last = self.ask(&mut trace_id, &mut degraded).await.unwrap_or_else(|error| {
            self.chat.engine.measures.error(error.label());
            message::error(Some(&self.id), &error)
        });
        let over = Event::Over { id: self.id, last, trace_id, degraded };
        let _ = self.events.send((self.number, over)).await;
    }

    /// Asks; what is to be said last.
    async fn ask(&self, trace_id: &mut Option<Arc<str>>, degraded: &mut bool) -> Result<Value, ApiError> {
        let timer = Timer::start(self.chat.engine.measures.clone());
        let asked = self.read()?;
        let wait = self.chat.engine.admission.expected_wait(asked.caller.tier);
        if wait > Duration::from_millis(500) {
            self.say(message::queued(&self.id, wait.as_secs().max(1))).await;
        }
        let engine = &self.chat.engine;
        let answer = engine.begun(engine.answer(asked.clone()).await?).await;
        let shape = answer.log.shape().await.map_err(|failure| ApiError::from_failure(&failure))?;
        let told = Told::of(&answer);
        answer.given();
        *trace_id = Some(answer.id.as_str().into());
        *degraded = told.provenance.source == Source::Degraded;
        if *degraded {
            self.hub.waits(asked);
        }
        timer.first_byte();
        let about: Value = serde_json::from_str(&told.json()).unwrap_or_default();
        self.say(json!({ "type": "begin", "id": self.id, "banto": about })).await;
        let finish = match self.tokens(reader(&answer.log, shape).await?).await {
            Ok(finish) => finish,
            Err(error) => {
                timer.failed("cut");
                return Ok(message::error(Some(&self.id), &error));
            }
        };
        timer.done(told.provenance.source);
        Ok(json!({ "type": "end", "id": self.id, "finish_reason": finish, "trace_id": answer.id }))
    }

    /// The body as a request: whatever it says, it is told in tokens.
    fn read(&self) -> Result<Asked, ApiError> {
        let body = Bytes::from(self.body.clone());
        let asked = request::read(body, self.caller.clone(), Hints::default(), &self.chat.models)?;
        if !asked.stream {
            return Err(ApiError::invalid(
                Some("stream"),
                None,
                "Over a WebSocket an answer comes in tokens: set \"stream\": true.",
            ));
        }
        Ok(asked)
    }

    /// Says the tokens of the first choice as they come; why it ended.
    async fn tokens(&self, mut reader: LogReader) -> Result<Value, ApiError> {
        let mut finish = Value::Null;
        while let Some(event) = reader.next().await {
            let event = event.map_err(|failure| ApiError::from_failure(&failure))?;
            let Ok(event) = serde_json::from_slice::<Value>(&event) else { continue };
            let choice = &event["choices"][0];
            if choice["index"].as_u64().unwrap_or(0) != 0 {
                continue;
            }
            if let Some(text) = choice["delta"]["content"].as_str().filter(|text| !text.is_empty()) {
                self.say(json!({ "type": "token", "id": self.id, "text": text })).await;
            }
            if let Some(calls) = choice["delta"].get("tool_calls").filter(|calls| calls.is_array()) {
                self.say(json!({ "type": "tool_calls", "id": self.id, "tool_calls": calls })).await;
            }
            if choice["finish_reason"].is_string() {
                finish = choice["finish_reason"].clone();
            }
        }
        Ok(finish)
    }

    /// Waits while the connection has much to send.
    async fn say(&self, message: Value) {
        let _ = self.events.send((self.number, Event::Say(message))).await;
    }
}

/// A reader of stream events, whatever the answer came as.
async fn reader(log: &AnswerLog, shape: Shape) -> Result<LogReader, ApiError> {
    if shape == Shape::Events {
        return Ok(log.reader());
    }
    let (_, chunks) = log.whole().await.map_err(|failure| ApiError::from_failure(&failure))?;
    let body = chunks.into_iter().next().unwrap_or_default();
    let events = dialect::openai::events_of(&body, false).unwrap_or_default();
    Ok(AnswerLog::sealed(Shape::Events, events).reader())
}
